"""Learn which spellings are not English: the profile by which mini sends Latin letters to one tower or the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from ..library.embedders.languages import (
    BUCKETS,
    LEAST_EVIDENCE,
    LatinProfile,
    spelling_buckets,
    whole_name,
    without_marks,
    words,
)

EPOCHS = 3
BATCH = 1024
ENGLISH_WEIGHT = 2.0
"""An English text taken for another language costs as much as this many of the other kind."""

_LEARNING_RATE = 1e-2
_DECAY = 2e-6
_LONGEST_PHRASE = 3

_PERSONS = "18"
_LIVING = ("05", "20")
"""WordNet's files of animals and plants (lexnames(5))."""


@dataclass(frozen=True, slots=True)
class EnglishWords:
    """WordNet's lemmas in small letters, its glosses, and what is `known` for English: words, and names as wholes."""

    lemmas: tuple[str, ...]
    glosses: tuple[str, ...]
    known: tuple[str, ...]


def english_words(wordnet: Path, captions: Sequence[str]) -> EnglishWords:
    """Read WordNet's four parts of speech.

    Words are those of lemmas in small letters, and those that at least two captions hold. Names in capitals count only
    whole, since their words are often other languages' common ones; persons and the Latin of single genera do not.
    """
    lemmas: list[str] = []
    glosses: list[str] = []
    known: set[str] = set()
    for part in ("noun", "verb", "adj", "adv"):
        for line in (wordnet / f"data.{part}").read_text(encoding="utf-8").splitlines():
            if line.startswith("  "):  # the licence
                continue
            fields, _, gloss = line.partition(" | ")
            parts = fields.split()
            found = [lemma.partition("(")[0].replace("_", " ") for lemma in parts[4 : 4 + 2 * int(parts[3], 16) : 2]]
            glosses.append(gloss.partition(";")[0].strip())
            for lemma in found:
                if lemma == lemma.lower():
                    lemmas.append(lemma)
                    known.update(words(lemma))
                elif parts[1] != _PERSONS and (" " in lemma or parts[1] not in _LIVING):
                    known.add(whole_name(words(without_marks(lemma))))
    often = Counter(word for caption in captions for word in set(words(caption)))
    known.update(word for word, times in often.items() if times > 1)
    return EnglishWords(tuple(lemmas), tuple(glosses), tuple(sorted(known)))


def phrases(texts: Sequence[str], count: int, chance: np.random.Generator) -> list[str]:
    """Runs of one to three words out of texts, so that short queries are learned as well as sentences."""
    found = []
    for place in chance.integers(0, len(texts), count):
        parts = texts[place].strip(" .").split() or [""]
        length = min(int(chance.integers(1, _LONGEST_PHRASE + 1)), len(parts))
        start = int(chance.integers(0, len(parts) - length + 1))
        found.append(" ".join(parts[start : start + length]))
    return found


def learned_profile(
    english: Sequence[str], other: Sequence[str], known: Sequence[str], lemmas: Sequence[str], seed: int
) -> LatinProfile:
    """Learn a profile by logistic regression over the spellings of whole texts.

    Args:
        english: texts in English, long and short.
        other: texts in other languages in Latin letters; those of English words alone are left out.
        known: English words, in small letters, and whole names.
        lemmas: WordNet's, which are all English.
        seed: of the order of the texts.
    """
    torch.manual_seed(seed)
    words_known = set(known)
    texts = [text for text in dict.fromkeys(english) if words(text)]
    count = len(texts)
    texts += [text for text in dict.fromkeys(other) if not words_known.issuperset(words(text))]
    buckets = [
        np.array([bucket for word in words(text) for bucket in spelling_buckets(word)], np.int64) for text in texts
    ]
    is_other = torch.cat([torch.zeros(count), torch.ones(len(texts) - count)])
    weights = torch.nn.EmbeddingBag(BUCKETS, 1, mode="sum")
    torch.nn.init.zeros_(weights.weight)
    bias = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([*weights.parameters(), bias], lr=_LEARNING_RATE)
    order = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        for rows in np.array_split(order.permutation(len(texts)), -(-len(texts) // BATCH)):
            starts = np.cumsum([0, *(len(buckets[row]) for row in rows[:-1])])
            evidence = weights(torch.from_numpy(np.concatenate([buckets[row] for row in rows])), torch.tensor(starts))
            wanted = is_other[rows]
            costs = torch.where(wanted == 0, ENGLISH_WEIGHT, 1.0)
            loss = binary_cross_entropy_with_logits(evidence[:, 0] + bias, wanted, weight=costs)
            loss = loss + _DECAY * weights.weight.square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] /= 2
    return quantised_profile(weights.weight.detach().numpy()[:, 0], float(bias.detach()), known, lemmas)


def quantised_profile(
    weights: NDArray[np.float32], bias: float, known: Sequence[str], lemmas: Sequence[str]
) -> LatinProfile:
    """Round weights to 8 bits and hash the words, and those of WordNet's lemmas that would pass for foreign."""
    unit = float(np.abs(weights).max()) / 127 or 1.0
    profile = LatinProfile(np.round(weights / unit).astype(np.int8), unit, bias, _marks(known))
    # Loans in several words, such as "tête-à-tête".
    loans = [whole_name(words(without_marks(lemma))) for lemma in lemmas if profile.evidence(lemma) >= LEAST_EVIDENCE]
    return LatinProfile(profile.weights, unit, bias, _marks([*known, *loans]))


def _marks(known: Sequence[str]) -> NDArray[np.uint32]:
    return np.unique(np.array([LatinProfile.mark(word) for word in known], np.uint32))
