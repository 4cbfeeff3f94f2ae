"""Libraries of made-up rows: vectors drawn at random, some near to given words, over links to a few photographs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import skimage

import photoseek
from photoseek.library.catalog.changes import ImageFacts, Indexed
from photoseek.library.embedders.base import normalized
from photoseek.library.embedders.prompts import embed_queries
from photoseek.library.embedders.registry import load_embedder
from photoseek.library.images.sources import FileState
from photoseek.library.settings import read_settings
from photoseek.library.store import Store

BLOCK_ROWS: Final = 5_000
NEARNESS: Final = 0.5
"""How much of its words' vector a matching picture has: cosines are about 0.45, as those of mini's true matches."""

CAMERAS: Final = ("X100V", "Pixel 8", "EOS R6", "D750")
_FIRST_DAY: Final = datetime(2024, 5, 1)


def samples() -> list[Path]:
    """Return a few of scikit-image's photographs."""
    folder = Path(str(skimage.__file__)).parent / "data"
    return sorted(file for file in folder.iterdir() if file.suffix in {".png", ".jpg"})[:12]


def make_library(folder: Path, count: int, words: Sequence[str], every: int, *, copies: int = 0) -> None:
    """Make a library of `count` rows, by mini, whose every `every`-th lies near to one of `words`, these taking turns.

    The first row that lies near to words has `copies` copies, which are the last rows. Files are links to photographs,
    made beside the library; rows are taken a minute apart, by a few cameras, and every fourth has a place.
    """
    files = samples()
    links = folder.parent / "links"
    links.mkdir()
    texts = embed_queries(load_embedder("mini"), list(words))
    with photoseek.open(folder) as library:
        library.index(files[:1])
    with closing(Store.open(read_settings(folder))) as store:
        model = store.catalog.models()[0]
        chance = np.random.default_rng(0)
        first = np.zeros(model.dim, np.float32)
        for start in range(0, count, BLOCK_ROWS):
            rows = range(start, min(start + BLOCK_ROWS, count))
            vectors = normalized(chance.standard_normal((len(rows), model.dim), dtype=np.float32))
            for place, row in enumerate(rows):
                if row % every == 0:
                    vectors[place] += NEARNESS * texts[row // every % len(texts)]
            vectors = normalized(vectors)
            if start == 0:
                first = vectors[0]
            changes = []
            for row, vector in zip(rows, vectors, strict=True):
                is_copy = row >= count - copies
                shown = 0 if is_copy else row
                link = links / f"{row:07}{files[shown % len(files)].suffix}"
                link.symlink_to(files[shown % len(files)])
                taken = _FIRST_DAY + timedelta(minutes=row)
                latitude, longitude = (None, None) if row % 4 else (row * 7 % 120 - 50.0, row * 13 % 360 - 180.0)
                camera = CAMERAS[row % len(CAMERAS)]
                facts = ImageFacts(f"{shown:040x}", 512, 384, "JPEG", 1, taken, camera, latitude, longitude)
                state = FileState(str(link), str(links), 1, 0)
                changes.append(Indexed(state, facts, first if is_copy else vector, None, content_changed=False))
            store.catalog.apply(changes, model.id)
        store.vectors_of(model).publish_if_due()
