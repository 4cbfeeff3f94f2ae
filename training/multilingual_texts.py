"""Texts in other languages than English, each with what it means: an English text, pictures, or both."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .fetch import Sources

EMOJI_LOCALES = (
    *("bn", "da", "de", "es", "et", "fi", "fr", "hi", "hu", "it", "ja", "ko", "lt", "ms"),
    *("nb", "nl", "pl", "pt", "ru", "sv", "th", "uk", "vi", "zh", "zh-hant"),
)
"""Those of emojibase's locales that are not English and have names of their own."""

STAMP_LOCALES = (
    *("zh_CN", "zh_TW", "ja", "ko", "de", "fr", "cs", "es", "it", "pt", "nl", "sv", "da", "nb", "pl", "fi", "hu"),
    *("ru", "uk", "tr", "vi", "id", "ms", "ar", "he", "fa", "el", "hi", "th", "ro", "bg", "hr", "sk", "sl", "ca"),
)
"""Those of the stamps' locales whose scripts the vocabulary keeps."""

MULTI30K_LANGUAGES = ("de", "fr", "cs")

_FLAGS = 9
_TAGS = 6
_NAMED = re.compile(r"([A-Za-z_@]+)\.utf8=(.*)")


@dataclass(frozen=True, slots=True)
class Named:
    """What one drawing is called: `english` its first caption in English, `names` by locale."""

    source: str
    picture: str
    english: str
    names: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Parallel:
    """One text and what it says in English."""

    text: str
    english: str


def emoji_names(sources: Sources) -> Iterator[Named]:
    """Every emoji that is no flag, with its names and tags; `picture` is its code."""
    folder = sources.emoji_names.parent.parent
    english = {each["hexcode"]: each for each in _emoji(folder, "en") if each.get("group", _FLAGS) != _FLAGS}
    found: dict[str, dict[str, tuple[str, ...]]] = {code: {} for code in english}
    for locale in EMOJI_LOCALES:
        for each in _emoji(folder, locale):
            if each["hexcode"] in found:
                tags = ", ".join(each.get("tags", ())[:_TAGS])
                found[each["hexcode"]][locale] = tuple(filter(None, (each["label"], tags)))
    for code, names in found.items():
        yield Named("emoji", code.lower(), english[code]["label"], names)


def stamp_names(sources: Sources) -> Iterator[Named]:
    """Every stamp with a text beside it; `picture` is its path."""
    for path in sorted(sources.stamps.rglob("*.png")):
        words = path.with_suffix(".txt")
        if not words.exists():
            continue
        english, *others = words.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
        names = {}
        for line in others:
            if (match := _NAMED.match(line)) and match[1] in STAMP_LOCALES and match[2].strip():
                names[match[1]] = (match[2].strip(),)
        yield Named("stamps", str(path), english.rstrip(". "), names)


def captions(folder: Path, split: str, language: str) -> list[tuple[str, str]]:
    """The lines of `SPLIT.LANGUAGE.tsv`: a picture's name and a caption of it."""
    lines = (folder / f"{split}.{language}.tsv").read_text(encoding="utf-8").splitlines()
    return [(name, caption) for name, tab, caption in (line.partition("\t") for line in lines) if tab]


def parallel_captions(folder: Path, split: str) -> list[Parallel]:
    """The lines of `SPLIT.en-zh.tsv`: an English caption and its Chinese translation."""
    return [Parallel(chinese, english) for english, chinese in captions(folder, split, "en-zh")]


def multi30k(folder: Path, split: str, language: str) -> list[Parallel]:
    """Multi30k's sentences in a language beside their English ones."""
    texts, english = (_lines(folder / "multi30k" / f"{split}.{name}.gz") for name in (language, "en"))
    return [Parallel(text, meant) for text, meant in zip(texts, english, strict=True)]


def _lines(path: Path) -> Sequence[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return file.read().splitlines()


def _emoji(folder: Path, locale: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((folder / locale / "data.json").read_text(encoding="utf-8"))
    return found
