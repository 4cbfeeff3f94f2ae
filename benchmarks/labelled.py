"""A folder of labelled photographs as vectors: what the benchmarks of quality, negation and cut-off measure on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photoseek.library.embedders.base import Embedder
from photoseek.library.embedders.prompts import embed_queries
from photoseek.library.embedders.registry import load_embedder
from photoseek.library.types import Vectors
from photoseek.search.describe import Vocabulary
from photoseek.search.labelled_queries import LabelledQuery, read_labelled_queries
from photoseek.training.captioned import Captioned

BATCH = 16


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Photographs (n, dim), queries (q, dim), neutral texts (t, dim), and who answers whom: `relevant` is (q, n)."""

    images: Vectors
    texts: Vectors
    neutral: Vectors
    queries: tuple[LabelledQuery, ...]
    relevant: NDArray[np.bool_]


def read_labelled(description: str) -> tuple[Labelled, str]:
    """Read the folder and the model that the command line names; return the model's name too."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds photos/ and queries.jsonl")
    parser.add_argument("--model", default="mini", help="as for photoseek --model (default: mini)")
    arguments = parser.parse_args()
    return embed_labelled(load_embedder(arguments.model), arguments.folder), arguments.model


def embed_labelled(model: Embedder, folder: Path) -> Labelled:
    """Embed a labelled folder."""
    queries = read_labelled_queries(folder / "queries.jsonl")
    paths = sorted(path for path in (folder / "photos").iterdir() if path.is_file())
    relevant = np.array([[path.name in query.relevant for path in paths] for query in queries])
    texts = embed_texts(model, [query.text for query in queries])
    neutral = embed_texts(model, Vocabulary.neutral().labels)
    return Labelled(_embed_photos(model, paths), texts, neutral, tuple(queries), relevant)


def embed_captioned(model: Embedder, captioned: Captioned) -> Labelled:
    """Embed captioned photographs: every caption is a query that its own photograph alone is known to answer."""
    owners, captions = captioned.flat()
    queries = [
        LabelledQuery(text, "caption", frozenset({captioned.names[number]}))
        for number, text in zip(owners, captions, strict=True)
    ]
    relevant = np.zeros((len(captions), len(captioned.names)), np.bool_)
    relevant[np.arange(len(captions)), owners] = True
    images = []
    for start in range(0, len(captioned.names), BATCH):
        numbers = range(start, min(start + BATCH, len(captioned.names)))
        images.append(model.embed_images(np.stack([model.preprocess(captioned.picture(number)) for number in numbers])))
    neutral = embed_texts(model, Vocabulary.neutral().labels)
    return Labelled(np.concatenate(images), embed_texts(model, captions), neutral, tuple(queries), relevant)


def embed_texts(model: Embedder, texts: Sequence[str]) -> Vectors:
    """Embed queries, a batch at a time."""
    parts = [embed_queries(model, texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
    return np.concatenate(parts)


def _embed_photos(model: Embedder, paths: Sequence[Path]) -> Vectors:
    parts = []
    for start in range(0, len(paths), BATCH):
        pixels = []
        for path in paths[start : start + BATCH]:
            with Image.open(path) as image:
                pixels.append(model.preprocess(image.convert("RGB")))
        parts.append(model.embed_images(np.stack(pixels)))
    return np.concatenate(parts)
