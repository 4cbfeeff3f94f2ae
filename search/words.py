"""Take a text apart into the words that captions are searched for, in every script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from ..library.catalog.conditions import UNSPACED

_PARTICLES: Final = re.compile("(?<=.)[的の](?=.)")
"""What joins words in Chinese and Japanese and is no part of either; at an end it belongs to a word, as in 目的."""

_RUNS: Final = re.compile(f"[{UNSPACED}]+|[^{UNSPACED}]+")


def words_of(text: str) -> tuple[str, ...]:
    """Return a text's words, composed (NFC), each once, in the order in which they first stand.

    A word is a run of letters, digits, underscores and the marks upon them. Scripts that put no blanks between words
    are divided from others and at their commonest particles alone: what remains is looked for as it stands.
    """
    return tuple(dict.fromkeys(_words(unicodedata.normalize("NFC", text))))


def _words(text: str) -> Iterator[str]:
    spaced = "".join(each if _is_part(each) else " " for each in text)
    for run in spaced.split():
        for part in _RUNS.findall(run):
            yield from _PARTICLES.split(part)


def _is_part(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")
