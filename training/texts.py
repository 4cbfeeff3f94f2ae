"""The texts that teach the joint space: each with the share of every image class that it ought to point at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..library.types import Vectors
from .classes import class_lemmas, class_synsets
from .wordnet import Synset, WordNet

CLASS_COUNT = 1000

MOST_BORROWED_CLASSES = 60
"""A sense without classes of its own borrows those of its nearest ancestor, unless that one is broader than this."""

COLOURS = ("red", "blue", "green", "yellow", "black", "white", "brown", "grey", "orange", "pink")
COUNTS = ("two", "three", "several", "many")


@dataclass(frozen=True, slots=True)
class Lesson:
    """Wordings of one sense and the classes they mean; `borrowed` where those are its nearest ancestor's."""

    synset: str
    wordings: tuple[str, ...]
    classes: tuple[int, ...]
    borrowed: bool


def lessons(wordnet: WordNet, borrowed_count: int, seed: int) -> list[Lesson]:
    """Every sense with classes at or below it, then a random choice of senses that borrow theirs."""
    below = wordnet.classes_below
    chance = np.random.default_rng(seed)
    words_of = dict(zip(class_synsets(), class_lemmas(), strict=True))
    own = []
    for synset_id, classes in sorted(below.items()):
        synset = wordnet.synsets[synset_id]
        words = words_of.get(synset_id, synset.lemmas)
        own.append(Lesson(synset_id, tuple(_wordings(words, synset.gloss, chance)), classes, borrowed=False))
    others = [synset for synset in sorted(wordnet.synsets) if synset not in below]
    chance.shuffle(others)
    borrowed: list[Lesson] = []
    for synset_id in others:
        synset = wordnet.synsets[synset_id]
        classes = _nearest_classes(wordnet, synset)
        if classes and len(borrowed) < borrowed_count:
            borrowed.append(Lesson(synset_id, (synset.lemmas[0], synset.gloss), classes, borrowed=True))
    return own + borrowed


def targets(found: Sequence[Lesson]) -> Vectors:
    """(n, 1000) float32: each lesson's weight shared equally among its classes; rows sum to 1."""
    shares = np.zeros((len(found), CLASS_COUNT), np.float32)
    for row, lesson in enumerate(found):
        shares[row, list(lesson.classes)] = 1 / len(lesson.classes)
    return shares


def validation_senses(wordnet: WordNet, share: float, seed: int) -> set[str]:
    """A random share of the broader senses, of 3 to 150 classes, to be taught only where settings are not chosen."""
    broad = [synset for synset, classes in sorted(wordnet.classes_below.items()) if 3 <= len(classes) <= 150]
    chance = np.random.default_rng(seed)
    return {str(name) for name in chance.choice(broad, size=int(share * len(broad)), replace=False)}


def _nearest_classes(wordnet: WordNet, synset: Synset) -> tuple[int, ...]:
    """The classes below the nearest ancestor that has any; none where that is too broad to mean anything."""
    parents = synset.parents
    while parents:
        for parent in parents:
            if classes := wordnet.classes_below.get(parent):
                return classes if len(classes) <= MOST_BORROWED_CLASSES else ()
        parents = tuple(above for parent in parents for above in wordnet.synsets[parent].parents)
    return ()


def _wordings(words: Sequence[str], gloss: str, chance: np.random.Generator) -> Iterator[str]:
    """Each word bare and as people would type it, and the gloss whole and up to its first pause."""
    for word in words:
        plural = _plural(word)
        yield from (word, f"a photo of {_with_article(word)}", _with_article(word), plural)
        yield f"{chance.choice(COUNTS)} {plural}"
        yield f"{_with_article(f'{chance.choice(COLOURS)} {word}')}"
    yield gloss
    first, pause, _ = gloss.partition(";")
    if pause:
        yield first


def _plural(word: str) -> str:
    if word.endswith(("s", "x", "ch", "sh")):
        return word if word.endswith("s") else f"{word}es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}s"


def _with_article(word: str) -> str:
    return f"an {word}" if word[:1].lower() in "aeiou" else f"a {word}"
