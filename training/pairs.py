"""Pictures with words: clip art, stamps and emoji, each source split into training, validation and held-out parts."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .fetch import Sources

HELD_OUT_SHARE = 0.15
VALIDATION_SHARE = 0.08

_DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
_RDF_ITEM = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"
_COLLECTION_SIZE = 8
"""More clip art than this under one title is a collection."""

_MOST_PIXELS = 16_000_000
"""A few drawings were rendered at the size of a wall."""

_FLAGS = 9
"""Emojibase's group of the flags, which are geography rather than pictures of things."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One picture and its wordings, the main caption first.

    `split` is `train`, `validation` or `held out`. Pictures with the same caption, but for digits, share a split,
    so that a series drawn by one hand is not on both sides.
    """

    source: str
    path: Path
    captions: tuple[str, ...]
    split: str


def all_pairs(sources: Sources) -> list[Pair]:
    """Every picture of every source, in a fixed order."""
    found = [*_clip_art(sources), *_stamps(sources), *_emoji(sources)]
    return [pair for pair in found if _pixel_count(pair.path) <= _MOST_PIXELS]


def _clip_art(sources: Sources) -> Iterator[Pair]:
    paths = sorted((sources.clip_art / "png").rglob("*.png"))
    relatives = [path.relative_to(sources.clip_art / "png") for path in paths]
    described = [_described((sources.clip_art / "svg" / relative).with_suffix(".svg")) for relative in relatives]
    bearers = Counter(title for title, _ in described)
    for path, (title, keywords) in zip(paths, described, strict=True):
        # A title that many pictures bear names a collection; the file's name then says what is in the picture.
        caption = title if len(title) >= 3 and bearers[title] <= _COLLECTION_SIZE else _cleaned(path.stem)
        folder = path.parent.name.replace("_", " ")
        words = ", ".join(dict.fromkeys(word for word in keywords if word.lower() not in caption.lower())) or folder
        yield _pair("clip art", path, [caption, f"{caption}, {words}", words])


def _described(drawing: Path) -> tuple[str, list[str]]:
    """The title and the keywords in an SVG file's metadata."""
    try:
        root = ET.parse(drawing).getroot()
    except (OSError, ET.ParseError):
        return "", []
    title = root.find(f".//{_DUBLIN_CORE}title")
    keywords = [_cleaned(item.text or "") for item in root.iterfind(f".//{_DUBLIN_CORE}subject//{_RDF_ITEM}")]
    return _cleaned(title.text or "") if title is not None else "", [
        word for word in keywords if word not in ("", "hash")
    ][:8]


def _stamps(sources: Sources) -> Iterator[Pair]:
    for path in sorted(sources.stamps.rglob("*.png")):
        words = path.with_suffix(".txt")
        if not words.exists():
            continue
        lines = words.read_text(encoding="utf-8", errors="replace").splitlines()
        caption = _cleaned(lines[0].rstrip(". ")) if lines else ""
        if len(caption) >= 3:
            folder = path.parent.name.replace("_", " ")
            yield _pair("stamps", path, [caption, f"{caption}, {folder}"])


def _emoji(sources: Sources) -> Iterator[Pair]:
    for emoji in json.loads(sources.emoji_names.read_text(encoding="utf-8")):
        if emoji.get("group", _FLAGS) == _FLAGS:
            continue
        label, tags = emoji["label"], [tag for tag in emoji.get("tags", []) if tag not in emoji["label"]]
        captions = [label, ", ".join([label, *tags[:4]]), ", ".join(tags[:6]) or label]
        for vendor in ("google", "twitter"):
            path = sources.emoji_pictures(vendor) / f"{emoji['hexcode'].lower()}.png"
            if path.exists():
                yield _pair("emoji", path, captions)


def _pair(source: str, path: Path, captions: list[str]) -> Pair:
    group = re.sub(r"[\W\d]+", " ", captions[0].lower()).strip()
    draw = int.from_bytes(hashlib.sha256(f"{source}/{group}".encode()).digest()[:4]) / 2**32
    split = (
        "held out" if draw < HELD_OUT_SHARE else "validation" if draw < HELD_OUT_SHARE + VALIDATION_SHARE else "train"
    )
    return Pair(source, path, tuple(dict.fromkeys(captions)), split)


def _pixel_count(path: Path) -> int:
    """Width times height in a PNG file's header, without decoding it."""
    with path.open("rb") as file:
        width, height = struct.unpack(">II", file.read(24)[16:])
    return int(width * height)


def _cleaned(title: str) -> str:
    """Drop brackets, underscores, numbers at the end and doubled spaces."""
    plain = re.sub(r"\(.*\)", "", title).replace("_", " ")
    return re.sub(r"\s+", " ", re.sub(r"[\s#-]*\d+\s*$", "", plain)).strip()
