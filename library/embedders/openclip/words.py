"""Tokens of plain words without a tokenizer: to read one takes a cold query longer than to use the text tower."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PLAIN = re.compile("[a-z]+(?: [a-z]+)*")
_END_OF_WORD = "</w>"
"""How byte-pair vocabularies mark a token that ends a word."""


class WordTable:
    """The tokens of the words that a byte-pair vocabulary knows whole.

    A text of such words, in small letters with one blank between them, has their tokens one after the other; `of_words`
    has checked that on all of them at once.

    Args:
        data: a first line with the ids of the two marks, then a line for each word, as "dog 1929"; ASCII. It is
            searched as it is: to take it apart would cost what it saves.

    Raises:
        ValueError: it is no such table.
    """

    def __init__(self, data: bytes) -> None:
        start, end = data[: data.index(b"\n")].split()
        self._data = data
        self._start, self._end = int(start), int(end)

    def ids(self, text: str) -> list[int] | None:
        """Return the ids of a cleaned text, its marks included; None where a tokenizer is needed."""
        if not _PLAIN.fullmatch(text):
            return None
        ids = [self._start]
        for word in text.split(" "):
            found = self._data.find(f"\n{word} ".encode())
            if found < 0:
                return None
            ids.append(int(self._data[found + len(word) + 2 : self._data.index(b"\n", found + 1)]))
        return [*ids, self._end]


def of_words(tokenizer: Tokenizer) -> bytes | None:
    """Return the table of a tokenizer's words; None for one that has no such words, or does more than join them."""
    names = (token.removesuffix(_END_OF_WORD) for token in tokenizer.get_vocab() if token.endswith(_END_OF_WORD))
    words = sorted(name for name in names if _PLAIN.fullmatch(name))
    known = [(word, ids) for word in words if len(ids := tokenizer.encode(word).ids) == 3]
    if not known:
        return None
    start, end = known[0][1][0], known[0][1][2]
    whole = tokenizer.encode(" ".join(word for word, _ in known)).ids
    if whole != [start, *(ids[1] for _, ids in known), end]:
        return None
    return "\n".join([f"{start} {end}", *(f"{word} {ids[1]}" for word, ids in known), ""]).encode()
