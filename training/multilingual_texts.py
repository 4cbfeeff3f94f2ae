"""Texts in other languages than English, each with what it means: an English text, a picture, or both."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

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

LATIN_LOCALES = frozenset(
    {
        *("ca", "cs", "da", "de", "es", "et", "fi", "fr", "hr", "hu", "id", "it", "lt", "ms", "nb", "nl"),
        *("pl", "pt", "ro", "sk", "sl", "sv", "tr", "vi"),
    }
)
"""Locales whose texts teach what is not English."""

_FLAGS = 9
_TAGS = 6
_NAMED = re.compile(r"([A-Za-z_@]+)\.utf8=(.*)")


@dataclass(frozen=True, slots=True)
class Said:
    """One text in `language`; `english` says the same, `picture` names what it was said of; either may be empty."""

    language: str
    text: str
    english: str
    picture: str


def drawing_names(sources: Sources) -> Iterator[Said]:
    """What emoji, but for flags, and stamps are called; `picture` is the file's stem for emoji, its path for stamps."""
    folder = sources.emoji_names.parent.parent
    english = {each["hexcode"]: each["label"] for each in _emoji(folder, "en") if each.get("group", _FLAGS) != _FLAGS}
    for locale in EMOJI_LOCALES:
        for each in _emoji(folder, locale):
            code = each["hexcode"]
            if code in english:
                yield Said(locale, each["label"], english[code], code.lower())
                # Each language's names are learned; Chinese, which counts most, has the tags beside them.
                if locale.startswith("zh") and (tags := ", ".join(each.get("tags", ())[:_TAGS])):
                    yield Said(locale, tags, english[code], code.lower())
    for path, names in _stamp_names(sources):
        for locale, name in names.items():
            if locale in STAMP_LOCALES and name:
                yield Said(locale, name, names["en"].rstrip(". "), str(path))


def emoji_labels(sources: Sources, locale: str, groups: Collection[int]) -> dict[str, str]:
    """The names of the emoji of some of emojibase's groups in one language, by code."""
    found = _emoji(sources.emoji_names.parent.parent, locale)
    return {each["hexcode"]: each["label"] for each in found if each.get("group", _FLAGS) in groups}


def piece_corpora(sources: Sources, captions: Path | None) -> dict[str, tuple[float, list[str]]]:
    """Texts by which the vocabulary's pieces are chosen, with the weight of each kind: Chinese counts most."""
    found: dict[str, tuple[float, list[str]]] = {}
    if captions is not None:
        chinese = [*native_captions(captions, "train"), *_tables(captions, "train")]
        if texts := [one.text for one in chinese if one.language == "zh"]:
            found["zh captions"] = (3.0, texts)
        for path in sorted((captions / "multi30k").glob("train.*.gz")):
            found[path.name] = (1.2, _lines(path))
    folder = sources.emoji_names.parent.parent
    for locale in (*EMOJI_LOCALES, "es-mx"):
        words = [text for each in _emoji(folder, locale) for text in (each["label"], ", ".join(each.get("tags", ())))]
        found[f"emoji {locale}"] = (1.5 if locale.startswith("zh") else 0.4, words)
    stamps: dict[str, list[str]] = {locale: [] for locale in (*STAMP_LOCALES, "pt_BR")}
    for _, names in _stamp_names(sources):
        for locale, name in names.items():
            if locale in stamps:
                stamps[locale].append(name)
    return found | {f"stamps {locale}": (0.25, names) for locale, names in stamps.items()}


def native_captions(folder: Path, split: str) -> Iterator[Said]:
    """`SPLIT.LANGUAGE.tsv`: a picture's name and a caption of it, but for English."""
    for path in sorted(folder.glob(f"{split}.*.tsv")):
        language = path.name.split(".")[1]
        if language != "en" and "-" not in language:
            for name, caption in _table(path):
                yield Said(language, caption, "", name)


def translated_captions(folder: Path, split: str) -> Iterator[Said]:
    """`SPLIT.en-LANGUAGE.tsv`: English and its translation; `multi30k/SPLIT.LANGUAGE.gz` beside `SPLIT.en.gz`."""
    yield from _tables(folder, split)
    english_file = folder / "multi30k" / f"{split}.en.gz"
    for path in sorted(english_file.parent.glob(f"{split}.*.gz")):
        language = path.name.split(".")[1]
        if language != "en":
            for text, english in zip(_lines(path), _lines(english_file), strict=True):
                yield Said(language, text, english, "")


def _stamp_names(sources: Sources) -> Iterator[tuple[Path, dict[str, str]]]:
    """Each stamp that has a text beside it, and what that says by locale, "en" its first line."""
    for path in sorted(sources.stamps.rglob("*.png")):
        words = path.with_suffix(".txt")
        if words.exists():
            english, *lines = words.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
            matches = (_NAMED.match(line) for line in lines)
            yield path, {"en": english} | {match[1]: match[2].strip() for match in matches if match}


def _tables(folder: Path, split: str) -> Iterator[Said]:
    for path in sorted(folder.glob(f"{split}.en-*.tsv")):
        for english, text in _table(path):
            yield Said(path.name.split(".")[1].removeprefix("en-"), text, english, "")


def _table(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        first, tab, second = line.partition("\t")
        if tab and first.strip() and second.strip():
            yield first.strip(), second.strip()


def _lines(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return file.read().splitlines()


class _Emoji(TypedDict):
    hexcode: str
    label: str
    group: NotRequired[int]
    tags: NotRequired[list[str]]


def _emoji(folder: Path, locale: str) -> list[_Emoji]:
    found: list[_Emoji] = json.loads((folder / locale / "data.json").read_text(encoding="utf-8"))
    return found
