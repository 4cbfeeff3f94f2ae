"""Captions with one thing changed by rule, so that they no longer fit their picture: to teach with, and to measure by.

Five kinds. `colour`, `number`, `action` and `object`: one word gives way to another of its own group. `who`: two
beings exchange places, "a dog chases a man" becoming "a man chases a dog", unless what joins them means the same both
ways round ("and", "with", "beside"). Words come in about as often as they go out, so that a rare word alone does not
tell a changed caption from a true one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

KINDS = ("colour", "number", "action", "who", "object")


def _groups(*lines: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(line.split()) for line in lines)


GROUPS = {
    "colour": _groups("red blue green yellow white black brown orange pink purple gray grey tan"),
    "number": _groups("two three four five six seven"),
    "action": _groups(
        "running sitting sleeping swimming jumping standing climbing walking lying dancing crawling flying falling",
        "runs sits sleeps swims jumps stands climbs walks lies dances crawls flies falls",
        "run sit sleep swim jump stand climb walk lie dance crawl fly fall",
        "riding pushing pulling carrying holding throwing kicking catching painting fixing washing",
        "rides pushes pulls carries holds throws kicks catches paints fixes washes",
        "smiling crying laughing eating drinking reading singing shouting talking",
        "smiles cries laughs eats drinks reads sings shouts talks",
    ),
    "object": _groups(
        "ball frisbee stick bone rope toy flag camera umbrella guitar book bottle cup phone bag",
        "bike bicycle motorcycle skateboard scooter surfboard snowboard sled car truck bus boat canoe train",
        "shirt jacket dress coat sweater suit uniform costume vest skirt",
        "hat helmet cap scarf hood sunglasses glasses goggles",
        "water snow grass sand mud ice leaves dirt gravel",
        "street beach field park forest mountain lake river ocean pool city desert playground stadium",
        "bench chair table couch bed fence wall ladder swing slide stairs rock tree bridge",
    ),
}
"""Words that stand for each other; a word gives way to another of its own line."""

BEINGS = _groups(
    "man woman boy girl child baby person lady guy dog puppy cat horse cow bird toddler kid player rider",
    "men women boys girls children babies people ladies guys dogs puppies cats horses cows birds toddlers kids",
)
"""Who can exchange places: one with one, several with several."""

SAME_BOTH_WAYS = frozenset({"and", "or", "with", "near", "beside", "next", "by", "alongside", "while", ",", "&"})
"""Between two beings, these mean the same both ways round, or begin another sentence about the first."""

_WORD = re.compile(r"[A-Za-z]+|,|&")


@dataclass(frozen=True, slots=True)
class Changed:
    """A caption's number among those given, what kind of thing was changed, and the changed caption."""

    caption: int
    kind: str
    text: str


def changed_captions(captions: Sequence[str], seed: int) -> Iterator[Changed]:
    """Yield each caption once for every kind that it has something of; the same seed changes them alike."""
    chance = np.random.default_rng(seed)
    frequent = _frequencies(captions)
    for number, caption in enumerate(captions):
        for kind in KINDS:
            text = _exchanged(caption, chance) if kind == "who" else _replaced(caption, GROUPS[kind], frequent, chance)
            if text is not None:
                yield Changed(number, kind, text)


def _frequencies(captions: Iterable[str]) -> Counter[str]:
    return Counter(word.lower() for caption in captions for word in _WORD.findall(caption))


def _replaced(
    caption: str, groups: Sequence[Sequence[str]], frequent: Counter[str], chance: np.random.Generator
) -> str | None:
    places = [(match, group) for match in _WORD.finditer(caption) for group in groups if match.group().lower() in group]
    if not places:
        return None
    match, group = places[int(chance.integers(len(places)))]
    present = {word.lower() for word in _WORD.findall(caption)}
    # "A red shirt and a blue shirt" must not become what it says already; "grey" and "gray" are one colour.
    others = [word for word in group if word not in present and {word, match.group().lower()} != {"grey", "gray"}]
    if not others:
        return None
    weights = np.array([frequent[word] + 1 for word in others], np.float64)
    other = others[int(chance.choice(len(others), p=weights / weights.sum()))]
    return _spliced(caption, [(match, other)])


def _exchanged(caption: str, chance: np.random.Generator) -> str | None:
    words = list(_WORD.finditer(caption))
    pairs = []
    for first, one in enumerate(words):
        for second in range(first + 2, len(words)):
            between = {word.group().lower() for word in words[first + 1 : second]}
            alike = any({one.group().lower(), words[second].group().lower()} <= set(group) for group in BEINGS)
            different = one.group().lower() != words[second].group().lower()
            if alike and different and not between & SAME_BOTH_WAYS:
                pairs.append((one, words[second]))
    if not pairs:
        return None
    one, other = pairs[int(chance.integers(len(pairs)))]
    return _spliced(caption, [(one, other.group().lower()), (other, one.group().lower())])


def _spliced(caption: str, changes: Sequence[tuple[re.Match[str], str]]) -> str:
    for match, word in sorted(changes, key=lambda change: -change[0].start()):
        cased = word.capitalize() if match.group()[0].isupper() else word
        caption = caption[: match.start()] + cased + caption[match.end() :]
    return caption
