"""Measure how well a model understands other languages beside English, on photographs that it was not taught.

    python benchmarks/languages.py FOLDER --captions FOLDER

FOLDER is that of quality.py: of its queries, the hundred in everyday.zh.tsv are asked in English and in Chinese. With
--captions, a folder laid out as training/captioned.py says, `val` is measured too: captions in every language there is,
and the sentences of multi30k, whose vectors should lie nearest to those of their English ones.
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from labelled import embed_labelled, embed_texts

from photoseek.library.embedders.base import Embedder
from photoseek.library.embedders.registry import load_embedder
from photoseek.library.types import Vectors
from photoseek.search.evaluate import ranks_of
from photoseek.search.metrics import average_precision, interval
from photoseek.training.captioned import read_captioned

EVERYDAY = Path(__file__).parent / "everyday.zh.tsv"
TIMED = (
    "一只狗在沙滩上奔跑",
    "穿着红色衣服的小女孩在公园里玩耍",
    "两个人骑着自行车经过一座桥",
    "日落时的海滩",
    "厨房里的猫",
)
_BATCH = 16


def everyday(model: Embedder, folder: Path) -> Iterator[tuple[str, float, float]]:
    """Yield each everyday word's average precision: (English word, asked in English, asked in Chinese)."""
    pairs = [line.split("\t") for line in EVERYDAY.read_text(encoding="utf-8").splitlines()]
    data = embed_labelled(model, folder)
    place = {query.text: row for row, query in enumerate(data.queries)}
    chinese = embed_texts(model, [text for _, text in pairs])
    for (word, _), vector in zip(pairs, chinese, strict=True):
        row = place[word]
        relevant = np.flatnonzero(data.relevant[row])
        asked = (data.texts[row], vector)
        in_english, in_chinese = (average_precision(ranks_of(data.images @ text, relevant)) for text in asked)
        yield word, in_english, in_chinese


def captions(model: Embedder, folder: Path) -> Iterator[tuple[str, list[bool], list[bool]]]:
    """Yield each language's captions: whether the photograph comes first, and whether among the first ten."""
    captioned = read_captioned(folder, "val")
    number = {name: row for row, name in enumerate(captioned.names)}
    parts = []
    for start in range(0, len(number), _BATCH):
        rows = range(start, min(start + _BATCH, len(number)))
        parts.append(model.embed_images(np.stack([model.preprocess(captioned.picture(row)) for row in rows])))
    images = np.concatenate(parts)
    for path in sorted(folder.glob("val.*.tsv")):
        language = path.name.split(".")[1]
        if "-" in language:
            continue
        lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if "\t" in line]
        ranks = ranks_among(
            embed_texts(model, [text for _, text in lines]) @ images.T, [number[name] for name, _ in lines]
        )
        yield language, [rank < 1 for rank in ranks], [rank < 10 for rank in ranks]


def translations(model: Embedder, folder: Path) -> Iterator[tuple[str, list[bool]]]:
    """Yield, for each language of multi30k, whether a sentence's nearest English one is its own."""
    files = {path.name.split(".")[1]: path for path in sorted((folder / "multi30k").glob("val.*.gz"))}
    sentences = {language: gzip.decompress(path.read_bytes()).decode().splitlines() for language, path in files.items()}
    english = embed_texts(model, sentences.pop("en"))
    for language, texts in sentences.items():
        ranks = ranks_among(embed_texts(model, texts) @ english.T, list(range(len(texts))))
        yield language, [rank < 1 for rank in ranks]


def ranks_among(scores: Vectors, right: list[int]) -> list[int]:
    """How many columns score higher than each row's own."""
    own = scores[np.arange(len(scores)), right]
    return [int(rank) for rank in (scores > own[:, np.newaxis]).sum(axis=1)]


def milliseconds_a_text(model: Embedder) -> float:
    """The least of several rounds, a text at a time."""
    model.embed_texts(TIMED)
    rounds = []
    for _ in range(7):
        start = time.perf_counter()
        for text in TIMED:
            model.embed_texts([text])
        rounds.append((time.perf_counter() - start) / len(TIMED))
    return min(rounds) * 1000


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds photos/ and queries.jsonl")
    parser.add_argument("--captions", type=Path, help="holds val.tar, val.en.tsv, val.zh.tsv, multi30k/ ...")
    parser.add_argument("--model", default="mini", help="as for photoseek --model (default: mini)")
    arguments = parser.parse_args()
    model = load_embedder(arguments.model)
    print(f"{milliseconds_a_text(model):.1f} ms a Chinese text")
    found = list(everyday(model, arguments.folder))
    values = np.array([[english, chinese] for _, english, chinese in found])
    for name, column in (("English", values[:, 0]), ("Chinese", values[:, 1])):
        low, high = interval(column)
        print(f"{len(found)} everyday words in {name}: mAP {column.mean():.3f} [{low:.3f}, {high:.3f}]")
    print(f"Chinese to English: {values[:, 1].mean() / values[:, 0].mean():.3f}")
    lost = sorted(found, key=lambda one: one[2] - one[1])[:10]
    print("most lost:", ", ".join(f"{word} {english:.2f} to {chinese:.2f}" for word, english, chinese in lost))
    if arguments.captions is not None:
        for language, first, among_ten in captions(model, arguments.captions):
            print(f"{language}, {len(first)} captions: R@1 {_share(first)}, R@10 {_share(among_ten)}")
        for language, first in translations(model, arguments.captions):
            print(f"{language}, {len(first)} sentences: the English one is nearest for {_share(first)}")


def _share(found: list[bool]) -> str:
    values = np.array(found, np.float64)
    low, high = interval(values)
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
