"""How captions are split into words, by those who learn from them, judge by them and measure them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

_WORD: Final = re.compile(
    r"n't|'(?:s|re|ve|ll|d|m)\b|[a-z0-9$&]+(?:[-/.](?!\W|$)[a-z0-9]+|'(?!(?:s|re|ve|ll|d|m)\b)[a-z0-9]+)*"
)


def words_of(text: str) -> list[str]:
    """Split a caption as the Penn Treebank's tokenizer does, in lower case and without punctuation."""
    return _WORD.findall(re.sub(r"(\w)n't\b", r"\1 n't", text.lower()))


_CHARACTER: Final = re.compile(r"[\u3400-\u9fff]|[a-z0-9]+")


def characters_of(text: str) -> list[str]:
    """Split a Chinese caption into characters; what is written in Latin letters or digits stays together."""
    return _CHARACTER.findall(text.lower())


SPLITTERS: Final[Mapping[str, Callable[[str], list[str]]]] = MappingProxyType({"en": words_of, "zh": characters_of})
"""How captions of each language that the built-in captioner writes are split."""
