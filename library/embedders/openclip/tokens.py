"""open_clip's tokenizers without open_clip: cleaning as it does it, its own as tokenizer.json, and plain words."""

from __future__ import annotations

import html
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

TokenIds: TypeAlias = NDArray[np.int64]
"""(n, tokens) int64, padded behind each text's end mark."""

CLEANINGS = ("lower", "whitespace", "canonicalize")

# As open_clip's byte-pair tokenizer cuts texts (Radford et al. 2021 and its published code), but for its two marks:
# a text that spells one is read as the characters it is made of.
_PIECES = r"(?i)'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a tokenizer.json does not say: the cleaning before it, and the padding after.

    `context` is the tower's limit in tokens; `any_length` says that it also takes fewer.
    """

    cleaning: str
    pad_id: int
    context: int
    any_length: bool


class TextTokens:
    """Turns texts into a tower's ids. Thread-safe.

    Args:
        tokenizer: called for the tokenizer once, when first needed.
        rules: what that does not say.
        model: named in errors.
        words: spares plain texts the tokenizer.
    """

    def __init__(
        self, tokenizer: Callable[[], Tokenizer], rules: TokenRules, model: str, words: WordTable | None = None
    ) -> None:
        self._load = tokenizer
        self._tokenizer: Tokenizer | None = None
        self._rules = rules
        self._model = model
        self._words = words

    def load(self) -> Tokenizer:
        """Return the tokenizer, loaded now if it was not before."""
        if self._tokenizer is None:
            tokenizer = self._load()
            tokenizer.no_padding()
            tokenizer.no_truncation()
            self._tokenizer = tokenizer
        return self._tokenizer

    def count(self, text: str) -> int:
        """Return how many tokens a text has, its marks included."""
        return len(self._ids(text))

    def encode(self, texts: Sequence[str]) -> TokenIds:
        """Return the ids of texts within the limit, as long as the longest where the tower takes that.

        Raises:
            ModelUnavailable: a text needs a package for its cleaning that is not installed.
        """
        rows = [self._ids(text) for text in texts]
        length = max(map(len, rows)) if self._rules.any_length else self._rules.context
        ids = np.full((len(rows), length), self._rules.pad_id, dtype=np.int64)
        for row, tokens in zip(ids, rows, strict=True):
            row[: len(tokens)] = tokens[:length]
        return ids

    def _ids(self, text: str) -> list[int]:
        try:
            cleaned = clean(text, self._rules.cleaning)
        except ImportError as error:
            remedy = "install it with `pip install ftfy`"
            raise ModelUnavailable(self._model, f"this text needs the package ftfy ({error})", remedy) from error
        known = None if self._words is None else self._words.ids(cleaned)
        ids: list[int] = self.load().encode(cleaned).ids if known is None else known
        return ids


def read_tokenizer(file: Path) -> Tokenizer:
    """Read a tokenizer.json; whatever is wrong with it makes `tokenizers` raise a bare Exception."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(file))


def clean(text: str, cleaning: str) -> str:
    """Clean a text as open_clip does before it cuts it into tokens.

    Raises:
        ImportError: a text of more than plain ASCII needs ftfy, which open_clip brings along.
    """
    if not (text.isascii() and text.isprintable()) or "&" in text:
        from ftfy import fix_text  # leaves every other text as it is, and costs a cold query 50 ms

        text = html.unescape(html.unescape(fix_text(text)))
    if cleaning == "canonicalize":
        text = text.replace("_", " ").translate(str.maketrans("", "", string.punctuation)).lower()
    text = " ".join(text.split())
    return text.lower() if cleaning == "lower" else text


def tokenizer_of(theirs: object) -> tuple[Tokenizer, str, int] | None:
    """Return open_clip's tokenizer as one of `tokenizers`, with its cleaning and padding; None for an unknown kind.

    Args:
        theirs: what `open_clip.get_tokenizer` returned.
    """
    cleaning = getattr(getattr(theirs, "clean_fn", None), "__name__", "").removeprefix("_clean_")
    if cleaning not in CLEANINGS or getattr(theirs, "reduction_fn", None) is not None:
        return None
    encoder: Mapping[str, int] | None = getattr(theirs, "encoder", None)
    if encoder is not None:
        ranks: Mapping[tuple[str, ...], int] = getattr(theirs, "bpe_ranks", {})
        start: int = getattr(theirs, "sot_token_id", 0)
        end: int = getattr(theirs, "eot_token_id", 0)
        return _byte_pairs(encoder, ranks, (start, end)), cleaning, 0
    wrapped = getattr(theirs, "tokenizer", None)
    serialise: Callable[[], str] | None = getattr(getattr(wrapped, "backend_tokenizer", None), "to_str", None)
    pad_id = getattr(wrapped, "pad_token_id", None)
    plain = not getattr(theirs, "tokenizer_mode", "") and not getattr(theirs, "strip_sep_token", False)
    if serialise is None or pad_id is None or not plain or getattr(wrapped, "padding_side", "") != "right":
        return None
    from tokenizers import Tokenizer

    return Tokenizer.from_str(serialise()), cleaning, pad_id


def _byte_pairs(encoder: Mapping[str, int], ranks: Mapping[tuple[str, ...], int], marks: tuple[int, int]) -> Tokenizer:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

    names = {index: token for token, index in encoder.items()}
    start, end = ((names[index], index) for index in marks)
    merges = [(pair[0], pair[1]) for pair in sorted(ranks, key=lambda pair: ranks[pair]) if len(pair) == 2]
    tokenizer = Tokenizer(models.BPE(dict(encoder), merges, end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start[0]} $A {end[0]}", special_tokens=[start, end]
    )
    return tokenizer


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
