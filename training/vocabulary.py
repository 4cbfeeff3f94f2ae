"""Choose the words that describe uses: WordNet's nouns for things that can be photographed, the commonest first.

python -m photoseek.training.vocabulary [CACHE]    writes search/vocabularies/nouns.txt; the same input, the same file
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from .classes import class_synsets
from .fetch import fetch
from .wordnet import WordNet

LABEL_COUNT = 12_000
OUTPUT = Path(__file__).parent.parent / "search" / "vocabularies" / "nouns.txt"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Where what can be seen begins, each as a word and the first letters of the gloss that tell its senses apart.
PICTURABLE = (
    ("animal", "a living organism characterized by voluntary movement"),
    ("plant", "(botany) a living organism lacking the power of locomotion"),
    ("fungus", "an organism of the kingdom Fungi"),
    ("artifact", "a man-made object"),
    ("food", "any substance that can be metabolized"),
    ("food", "any solid substance"),
    ("geological formation", "(geology) the geological features of the earth"),
    ("body of water", "the part of the earth's surface covered with water"),
    ("land", "the solid part of the earth's surface"),
    ("celestial body", "natural objects visible in the sky"),
    ("weather", "the atmospheric conditions"),
    ("atmospheric phenomenon", "a physical phenomenon associated with the atmosphere"),
    ("optical phenomenon", "a physical phenomenon related to or involving light"),
    ("fire", "the process of combustion"),
    ("body part", "any part of an organism"),
    ("plant part", "any part of a plant or fungus"),
    ("natural object", "an object occurring naturally"),
    ("worker", "a person who works at a specific occupation"),
    ("entertainer", "a person who tries to please or amuse"),
    ("athlete", "a person trained to compete in sports"),
    ("traveler", "a person who changes location"),
    ("child", "a young person of either sex"),
    ("adult", "a fully developed person"),
    ("sport", "an active diversion requiring physical exertion"),
    ("geographical area", "a demarcated area of the Earth"),
    ("gem", "a crystalline rock that can be cut and polished"),
    ("metal", "any of several chemical elements that are usually shiny solids"),
    ("vegetation", "all the plant life"),
    ("animal group", "a group of animals"),
    ("social gathering", "a gathering for the purpose"),
    ("ceremony", "a formal event performed on a special occasion"),
    ("dance", "an artistic form of nonverbal communication"),
)
# What lies below them and cannot be seen, or cannot be told from its kind by looking.
HIDDEN = (
    ("drug", "a substance that is used as a medicine"),
    ("way", "any artifact consisting of a road or path"),
    ("creation", "an artifact that has been brought into existence"),
    ("nutriment", "a source of materials to nourish"),
    ("internal organ", "a main organ that is situated inside"),
    ("microorganism", "any organism of microscopic size"),
    ("neural structure", "a structure that is part of the nervous system"),
    ("taxonomic group", "animal or plant group"),
    ("system", "a group of physiologically"),
    ("tissue", "part of an organism consisting of an aggregate of cells"),
    ("cell", "(biology) the basic structural and functional unit"),
    ("vein", "a blood vessel that carries blood"),
    ("artery", "a blood vessel that carries blood"),
    ("blood vessel", "a vessel in which blood circulates"),
    ("nerve", "any bundle of nerve fibers"),
    ("country", "a politically organized body of people"),
    ("administrative district", "a district defined for administrative purposes"),
    ("political unit", "a unit with political responsibilities"),
    ("continent", "one of the large landmasses"),
    ("ocean", "a large body of water constituting"),
)
# Seen all the same, though they lie below the hidden ones.
SEEN_AFTER_ALL = (
    ("road", "an open way"),
    ("art", "the products of human creativity"),
    ("bridge", "a structure that allows people or vehicles"),
    ("dish", "a particular item of prepared food"),
    ("course", "part of a meal served"),
    ("meal", "the food served and eaten at one time"),
    ("bread", "food made from dough"),
)
# Words that name no picture of their own, or that are better left to the one who looks.
LEFT_OUT = _words(
    "thing part piece unit object whole body area side end top bottom center middle back front line point form "
    "structure instrumentality device system equipment facility way article commodity product creation material "
    "component surface place region location space zone level bit set group kind element section portion artifact "
    "fabric covering container implement mechanism construction "
    "nipple penis vagina vulva anus genitalia scrotum crotch pubes"
)
# Pictures of every album that WordNet counts among times, money, groups and communications.
ADDED = _words(
    "sunset sunrise moon galaxy baby coin banknote map graph chart text page letter poster portrait selfie "
    "landscape skyline crowd family couple parade concert picnic fireworks night dusk shadow reflection silhouette "
    "smile tattoo graffiti logo screenshot handwriting diagram document spacesuit motorbike gravel pebbles ocean"
)


_NAMED_KIND = re.compile(r"^(genus|family|order|class|phylum|subfamily|superfamily|suborder|division) ")
_READABLE = re.compile(r"[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ'. -]*[A-Za-zÀ-ÿ]")
_WORD = re.compile(r"[a-zà-ÿ]+(?:['-][a-zà-ÿ]+)*")
_LONGEST_LABEL_WORDS = 3
_TAUGHT_RANK = 1_000.0
"""What the image tower was taught by name stays, however rare the word."""


def main() -> None:
    """Write the vocabulary."""
    cache = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(".cache/training")
    folder = fetch(cache).wordnet
    counts, other = word_counts(folder / "cntlist.rev")
    labels = choose(WordNet(folder), counts, other, first_senses(folder / "index.noun"))
    OUTPUT.write_text("\n".join(labels) + "\n", encoding="utf-8")
    print(f"{len(labels):,} labels in {OUTPUT}")


def choose(wordnet: WordNet, counts: Counter[str], other: Counter[str], first: Mapping[str, str]) -> list[str]:
    """Return LABEL_COUNT labels, the commonest first: the commonest word of each sense that can be seen.

    Args:
        wordnet: the senses.
        counts: how often each noun, in lower case, was met in tagged text.
        other: how often the same word was met as a verb, an adjective or an adverb; "short" is no label for a film.
        first: the commonest sense of each noun. A word is taken where that is the sense in question, so that
            "state" does not come in as a part of a map.
    """
    kept, dropped, restored = (_senses(wordnet, rows) for rows in (PICTURABLE, HIDDEN, SEEN_AFTER_ALL))
    (person,) = _senses(wordnet, (("person", "a human being"),))
    taught = set(class_synsets())
    mentions = _mentions(wordnet)
    ranks: dict[str, float] = dict.fromkeys(ADDED, _TAUGHT_RANK)

    def rank(word: str) -> float:
        # A word of the tagged texts is worth several of the glosses, which are about rare things as well.
        return 5.0 * counts[word.lower()] + mentions[word.lower()]

    for synset in wordnet.synsets.values():
        above = wordnet.ancestors(synset.id) | {synset.id}
        visible = bool(above & kept) and (not above & dropped or bool(above & restored))
        if synset.id in taught:
            words, bonus = [synset.lemmas[0]], _TAUGHT_RANK
        elif visible:
            words, bonus = [word for word in synset.lemmas if first.get(word.lower()) == synset.id], 0.0
        else:
            continue
        words = [
            word
            for word in words
            if _is_label(word)
            and other[word.lower()] <= counts[word.lower()]
            and not (word[0].isupper() and person in above)
        ]
        if words:
            label = max(words, key=rank)
            ranks[label] = max(rank(label) + bonus, ranks.get(label, 0.0))
    by_spelling: dict[str, str] = {}
    for label in sorted(ranks, key=lambda label: (not label.islower(), label)):
        by_spelling.setdefault(label.lower(), label)
    return sorted(by_spelling.values(), key=lambda label: (-ranks[label], label.lower()))[:LABEL_COUNT]


def word_counts(file: Path) -> tuple[Counter[str], Counter[str]]:
    """Return how often each word was tagged as a noun and as anything else; the file's format is in cntlist(5)."""
    nouns: Counter[str] = Counter()
    others: Counter[str] = Counter()
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            key, _, count = line.split()
            word, _, sense = key.partition("%")
            (nouns if sense.startswith("1:") else others)[word.replace("_", " ").lower()] += int(count)
    return nouns, others


def first_senses(file: Path) -> dict[str, str]:
    """Return each noun's commonest sense; the file's format is in wndb(5)."""
    found: dict[str, str] = {}
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith("  "):
                fields = line.split()
                found[fields[0].replace("_", " ")] = f"n{fields[-int(fields[2])]}"
    return found


def _senses(wordnet: WordNet, rows: tuple[tuple[str, str], ...]) -> set[str]:
    found: set[str] = set()
    for word, gloss in rows:
        matching = [
            synset.id
            for synset in wordnet.synsets.values()
            if word in (lemma.lower() for lemma in synset.lemmas) and synset.gloss.startswith(gloss)
        ]
        if not matching:
            message = f"WordNet has no {word!r} that is {gloss!r}"
            raise ValueError(message)
        found.update(matching)
    return found


def _mentions(wordnet: WordNet) -> Counter[str]:
    """How many senses are explained with each phrase of up to three words: a measure of how common it is."""
    found: Counter[str] = Counter()
    for synset in wordnet.synsets.values():
        words = _WORD.findall(synset.gloss.lower())
        found.update(
            {
                " ".join(words[start : start + length])
                for length in range(1, _LONGEST_LABEL_WORDS + 1)
                for start in range(len(words) - length + 1)
            }
        )
    return found


def _is_label(label: str) -> bool:
    """Whether people would say it of a picture: no initials, no genus, no chemist's name."""
    words = label.split()
    return (
        len(words) <= _LONGEST_LABEL_WORDS
        and _READABLE.fullmatch(label) is not None
        and _NAMED_KIND.match(label) is None
        and "." not in label
        and not any(word.isupper() and len(word) > 1 for word in words)
        and label not in LEFT_OUT
        and len(label) > 2
    )


if __name__ == "__main__":
    main()
