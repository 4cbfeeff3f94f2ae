"""Words about an image: what they are, where they come from, and how much of them is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

TextSource: TypeAlias = Literal["sidecar", "xmp", "iptc", "exif"]
"""Where words stand: in a file beside the picture, or in one of the three blocks inside it."""

TextKind: TypeAlias = Literal["caption", "title", "keyword"]

FILE_SOURCES: tuple[TextSource, ...] = ("sidecar", "xmp", "iptc", "exif")
"""Every source but models that write captions."""

_LONGEST_BODY = {"caption": 2_000, "title": 300, "keyword": 100}
"""Characters kept of a text by its kind; what is longer is a document, not words about a picture."""

_MOST_TEXTS = 64
"""Texts kept of one image: each costs a run of the model."""

_NOISE = frozenset(
    {
        "olympus digital camera",
        "minolta digital camera",
        "konica minolta digital camera",
        "samsung camera pictures",
        "digital camera",
        "digital still camera",
        "default",
        "untitled",
        "sony dsc",
        "dav",
        "dig",
        "exif_jpeg_picture",
        "created with gimp",
        "screenshot",
        "binary comment",
        "charset=ascii binary comment",
    }
)
"""Descriptions that cameras and programs write by themselves, which say nothing of what is to be seen."""


@dataclass(frozen=True, slots=True)
class ImageText:
    """One text about an image. `language` is a BCP 47 tag, when the text came with one."""

    source: str
    kind: str
    body: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What the files beside an image tell of it: words, and a rating of 0-5 or None."""

    texts: tuple[ImageText, ...] = ()
    rating: int | None = None


def texts_of(source: TextSource, kind: TextKind, bodies: Iterable[str], language: str | None = None) -> list[ImageText]:
    """Clean each body, and leave out what says nothing."""
    cleaned = (_cleaned(body, _LONGEST_BODY[kind]) for body in bodies)
    return [ImageText(source, kind, body, language) for body in cleaned if body]


def distinct(texts: Iterable[ImageText]) -> tuple[ImageText, ...]:
    """Return `texts` less those that repeat an earlier one of their kind, and no more than are kept of one image."""
    first: dict[tuple[str, str], ImageText] = {}
    for text in texts:
        first.setdefault((text.kind, text.body.casefold()), text)
    return tuple(first.values())[:_MOST_TEXTS]


def printable(text: str) -> str:
    """Return `text` on one line, without control characters and lone surrogates, blanks folded."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _cleaned(body: str, limit: int) -> str:
    # Cut first: the rest of a megabyte need not be looked at.
    text = printable(body[: 4 * limit])[:limit].rstrip()
    is_word = any(character.isalnum() for character in text)
    return text if is_word and text.casefold() not in _NOISE else ""
