"""Write what the captioner says of things that the captions it learned from never show: caption_names.json."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from ..search.describe import Vocabulary
from .caption_model import Captioner
from .classes import class_names, class_synsets
from .seen import Seen
from .wordnet import WordNet

COVERED_FROM = 3.0
"""A class that so many training photographs show, by the classifier's chances added up, has captions that cover it."""

_LEAST_CHANCE = 0.2
_AT_ONCE = 500
_FAMILIAR_NOUNS = 3_000
_MOST_CLASSES = 150
_TOO_WIDE = frozenset(
    {"entity", "object", "whole", "unit", "artifact", "thing", "living thing", "organism", "matter", "instrumentality"}
    | {"device", "equipment", "container", "structure", "covering", "implement", "commodity", "conveyance", "part"}
    | {"material", "body", "group", "area", "location", "substance", "solid", "relation", "attribute", "set", "system"}
    | {"being", "piece", "vertebrate", "carnivore", "mammal", "placental", "invertebrate", "chordate", "fabric"}
)
"""Kinds too wide to tell whether a caption speaks of what is there, or to be given as an answer."""

_PEOPLE = ("man", "woman", "boy", "girl", "player", "person", "people", "men", "women", "child", "guy", "lady")


def write_names(target: Path, train: Seen, captioner: Captioner, vocabulary: list[str], wordnet: WordNet) -> None:
    """Write the classes' names, which of them are covered, by which words captions speak of them, and their kinds."""
    spoken = frozenset(vocabulary)
    shown = np.zeros(len(class_names()))
    with torch.no_grad():
        for start in range(0, train.photographs.count, _AT_ONCE):
            stop = min(start + _AT_ONCE, train.photographs.count)
            pooled = torch.from_numpy(train.photographs.pooled[start:stop].astype(np.float32))
            chances = captioner.chances(pooled).numpy()
            shown += np.where(chances >= _LEAST_CHANCE, chances, 0.0).sum(axis=0)
    classes = [
        {
            "name": with_article(name),
            "covered": bool(count >= COVERED_FROM),
            "said_by": sorted(said_by(wordnet, synset, name) & spoken),
        }
        for name, synset, count in zip(class_names(), class_synsets(), shown, strict=True)
    ]
    found = {"classes": classes, "groups": groups_of(wordnet)}
    target.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")


def said_by(wordnet: WordNet, synset: str, name: str) -> set[str]:
    """Return the words that speak of a class: of its own lemmas, of those of the kinds above it, and their plurals."""
    kinds = [synset, *wordnet.ancestors(synset)]
    lemmas = [lemma.lower() for kind in kinds for lemma in wordnet.synsets[kind].lemmas]
    if "person" in lemmas:
        lemmas += _PEOPLE
    return _single(lemma for lemma in [name.lower(), *lemmas] if lemma not in _TOO_WIDE)


def _single(lemmas: Iterable[str]) -> set[str]:
    words = {lemma.rpartition(" ")[2] for lemma in lemmas}
    return words | {plural(word) for word in words}


def plural(word: str) -> str:
    """Return a noun's regular plural."""
    if word.endswith(("s", "x", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}s"


def groups_of(wordnet: WordNet) -> list[dict[str, str | list[int]]]:
    """Return the familiar kinds of things, the narrowest first, with the numbers of the classes below them."""
    familiar = frozenset(Vocabulary.nouns().labels[:_FAMILIAR_NOUNS])
    found: dict[str, tuple[int, ...]] = {}
    for synset, below in wordnet.classes_below.items():
        name = wordnet.synsets[synset].lemmas[0]
        if 2 <= len(below) <= _MOST_CLASSES and name in familiar and name not in _TOO_WIDE:
            found[name] = max(found.get(name, ()), below, key=len)
    ordered = sorted(found.items(), key=lambda one: (len(one[1]), one[0]))
    return [{"name": with_article(name), "classes": list(below)} for name, below in ordered]


def with_article(name: str) -> str:
    """Put "a" or "an" before a name, unless it is a plural."""
    if name.endswith("s") and not name.endswith(("ss", "us", "is")):
        return name
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"
