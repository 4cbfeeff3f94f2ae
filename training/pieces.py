"""Choose the pieces of e5's vocabulary that the package keeps, and write them as a tokenizer."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from ..library.embedders.multilingual import PREFIX
from .e5 import E5, MASK, SPECIAL

PIECE_COUNT = 60_000
COMMON_COUNT = 12_000

# How much each script counts, by the first word of its letters' names in Unicode: some are of several languages.
SCRIPTS = {
    "LATIN": 3.0,
    "CJK": 3.0,
    "CYRILLIC": 1.0,
    "HANGUL": 0.8,
    "ARABIC": 0.7,
    "HIRAGANA": 0.5,
    "KATAKANA": 0.5,
    "DEVANAGARI": 0.4,
    "THAI": 0.4,
    "GREEK": 0.3,
    "HEBREW": 0.3,
    "BENGALI": 0.2,
    "": 1.0,
}

# As SentencePiece's nmt_nfkc does: control characters go, all white space is a blank, then NFKC.
_DROPPED = "[\\x00-\\x08\\x0B\\x0E-\\x1F\\x7F\\x8F\\x9F]"
_BLANKS = "[\\t\\n\\f\\r\\u1680\\u200B-\\u200F\\u2028\\u2029\\u2581\\uFEFF\\uFFFD]"


def chosen_pieces(
    e5: E5, corpora: Mapping[str, tuple[float, Sequence[str]]], count: int = PIECE_COUNT
) -> tuple[list[int], list[int]]:
    """Return the rows of the pieces worth most, in the vocabulary's order, and the places of the very first among them.

    A piece's worth is its share of each corpus' tokens, and of its script's by the published scores, weighted. All
    single characters of the scripts are kept, so that no word of theirs is unknown.

    Args:
        e5: the published model.
        corpora: a weight and texts by name.
        count: how many pieces to keep.
    """
    rows = range(len(SPECIAL), e5.pieces.index(MASK))
    by_script: dict[str, list[int]] = {script: [] for script in SCRIPTS}
    for row in rows:
        by_script.get(script_of(e5.pieces[row]), []).append(row)
    worth = np.zeros(len(e5.pieces))
    for script, weight in SCRIPTS.items():
        chances = np.exp(np.array([e5.scores[row] for row in by_script[script]]))
        worth[by_script[script]] += weight * chances / chances.sum()
    tokenizer = Tokenizer.from_str(tokenizer_text(e5, range(len(e5.pieces))))
    for weight, texts in corpora.values():
        encodings = tokenizer.encode_batch([PREFIX + text for text in texts], add_special_tokens=False)
        used = Counter(piece for encoding in encodings for piece in encoding.ids)
        total = sum(used.values())
        for row, times in used.items():
            worth[row] += weight * times / total
    kept = set(range(len(SPECIAL)))
    kept |= {row for script in SCRIPTS for row in by_script[script] if _is_single(e5.pieces[row], script)}
    for row in np.argsort(-worth, kind="stable"):
        if len(kept) >= count or not worth[row]:
            break
        kept.add(int(row))
    rows_kept = sorted(kept)
    return rows_kept, np.argsort(-worth[rows_kept])[:COMMON_COUNT].tolist()


def script_of(piece: str) -> str:
    """The script of a piece's first letter as Unicode names it, empty where there is none."""
    letter = next((character for character in piece if character.isalpha()), "")
    return unicodedata.name(letter, "?").partition(" ")[0] if letter else ""


def _is_single(piece: str, script: str) -> bool:
    if not script:
        return len(piece) == 1 and piece < "\u0250"
    return len(piece.replace("▁", "")) <= 1


def tokenizer_text(e5: E5, kept: Sequence[int]) -> str:
    """The kept pieces as a file of `tokenizers` that normalises and splits as XLM-RoBERTa's SentencePiece does."""
    vocabulary = [[e5.pieces[row], round(e5.scores[row], 3)] for row in kept]
    special = [
        {"id": row, "content": name, "single_word": False, "lstrip": False, "rstrip": False}
        | {"normalized": False, "special": True}
        for row, name in enumerate(SPECIAL)
    ]
    start, end = ({"SpecialToken": {"id": name, "type_id": 0}} for name in ("<s>", "</s>"))
    text, other = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Replace", "pattern": {"Regex": _DROPPED}, "content": ""},
                {"type": "Replace", "pattern": {"Regex": _BLANKS}, "content": " "},
                {"type": "NFKC"},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            ],
        },
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, text, end],
            "pair": [start, text, end, other, end],
            "special_tokens": {
                name: {"id": name, "ids": [SPECIAL.index(name)], "tokens": [name]} for name in ("<s>", "</s>")
            },
        },
        "decoder": None,
        "model": {"type": "Unigram", "unk_id": SPECIAL.index("<unk>"), "vocab": vocabulary, "byte_fallback": False},
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def write_tokenizer(e5: E5, kept: Sequence[int], target: Path) -> None:
    """Write the tokenizer of the kept pieces, whose ids are their places among them."""
    target.write_text(tokenizer_text(e5, kept), encoding="utf-8")
