"""Texts longer than a model's limit: split at sentences, embedded in parts, averaged; nothing is cut silently."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..types import Vectors
from .base import normalized

logger = logging.getLogger(__name__)

CountTokens = Callable[[str], int]
"""How many tokens the model's own tokenizer makes of a text, its start and end marks included."""

# Where a text may be cut, the best place first; a cut falls at the end of a match.
_BOUNDARIES = (
    re.compile(r"[.!?…]+[\"'”’)\]]*\s+|[。！？]+|\n\s*"),  # sentences, lines
    re.compile(r"[,;:]\s+|[，、；：]|\s[-–—]+\s"),  # clauses
    re.compile(r"\s+"),  # words
)

# Byte-pair tokenizers written in Python need time quadratic in a word's length, so that one word of a
# megabyte would hang the search. No natural word comes near this; longer ones are cut before counting.
LONGEST_WORD_CHARS = 400


def split_to_fit(text: str, limit_tokens: int, count_tokens: CountTokens) -> list[str]:
    """Cut a text into as few pieces as whole sentences allow, each of at most `limit_tokens`.

    A sentence that is too long is cut between clauses, then words; a word that is too long, between
    characters. Only white space at the cuts is dropped. A single character is never cut, even where it
    alone is over the limit.

    Args:
        text: any text.
        limit_tokens: the model's limit, counted as `count_tokens` counts.
        count_tokens: the model's tokenizer.

    Returns:
        At least one piece, in reading order; `[text]` itself where the text fits.
    """

    def fits(piece: str) -> bool:
        longest_word = max(map(len, piece.split()), default=0)
        return longest_word <= LONGEST_WORD_CHARS and count_tokens(piece.strip()) <= limit_tokens

    if fits(text):
        return [text]
    return [piece.strip() for piece in _split(text.strip(), 0, fits)] or [text]


def embed_long(
    texts: Sequence[str],
    limit_tokens: int,
    count_tokens: CountTokens,
    embed_short: Callable[[Sequence[str]], Vectors],
) -> Vectors:
    """Embed texts of any length with a model that takes short ones.

    A text over the limit becomes the mean of its pieces' vectors, weighted by their tokens and scaled
    back to length 1. One warning per call says how many texts that befell.

    Args:
        texts: n texts.
        limit_tokens: the model's limit, counted as `count_tokens` counts.
        count_tokens: the model's tokenizer.
        embed_short: embeds m texts that fit, at least one, into (m, dim) float32 L2-normalised.

    Returns:
        (n, dim) float32, L2-normalised.
    """
    pieces = [split_to_fit(text, limit_tokens, count_tokens) for text in texts]
    if all(len(parts) == 1 for parts in pieces):
        return embed_short(list(texts))
    flat = [piece for parts in pieces for piece in parts]
    token_counts = np.array([max(1, count_tokens(piece)) for piece in flat], dtype=np.float32)
    first_piece = np.cumsum([0, *(len(parts) for parts in pieces[:-1])])
    _note_split(pieces, np.add.reduceat(token_counts, first_piece), limit_tokens)
    sums = np.add.reduceat(embed_short(flat) * token_counts[:, np.newaxis], first_piece, axis=0)
    return normalized(sums)


def _note_split(pieces: Sequence[Sequence[str]], token_counts: Vectors, limit_tokens: int) -> None:
    split_count, longest = sum(len(parts) > 1 for parts in pieces), int(token_counts.max())
    if longest > limit_tokens:
        why = f"exceed the model's limit of {limit_tokens} tokens (the longest has {longest:,})"
    else:  # a tokenizer that does not know a word may make one token of it, however long
        why = f"hold words of more than {LONGEST_WORD_CHARS} characters"
    told = "%d of %d texts %s: each was split at sentences and the parts' vectors averaged"
    logger.warning(told, split_count, len(pieces), why)


def _split(text: str, level: int, fits: Callable[[str], bool]) -> list[str]:
    """Pack the text's parts of this level into pieces that fit, opening a part only where it alone does not."""
    pieces: list[str] = []
    piece = ""
    for part in _parts(text, level):
        if fits(piece + part):
            piece += part
            continue
        if piece:
            pieces.append(piece)
        if fits(part) or len(part.strip()) == 1:
            piece = part
        else:
            *finished, piece = _split(part, level + 1, fits)
            pieces += finished
    return [*pieces, piece] if piece else pieces


def _parts(text: str, level: int) -> Iterator[str]:
    """Cut the text at every boundary of this level, or in the middle below the last; nothing is dropped."""
    if level < len(_BOUNDARIES):
        cuts = [match.end() for match in _BOUNDARIES[level].finditer(text)]
    else:
        cuts = [(len(text.rstrip()) + 1) // 2]
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        if start < end:
            yield text[start:end]
