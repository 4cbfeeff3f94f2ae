"""Read WordNet's nouns: words, glosses, and which image classes lie below each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .classes import class_synsets


@dataclass(frozen=True, slots=True)
class Synset:
    """One sense: its id (`n` and eight digits), its words, what it means, and the senses directly above it."""

    id: str
    lemmas: tuple[str, ...]
    gloss: str
    parents: tuple[str, ...]


class WordNet:
    """The nouns of WordNet 3.0, with the classes of the image tower as leaves of interest."""

    def __init__(self, folder: Path) -> None:
        with (folder / "data.noun").open(encoding="utf-8") as lines:
            # The licence at the top is indented by two spaces.
            synsets = [_parsed(line) for line in lines if not line.startswith("  ")]
        self.synsets = {synset.id: synset for synset in synsets}

    @cached_property
    def classes_below(self) -> dict[str, tuple[int, ...]]:
        """For each synset with at least one class at or below it, those classes' numbers."""
        below: dict[str, set[int]] = {}
        for number, leaf in enumerate(class_synsets()):
            for synset in self.ancestors(leaf) | {leaf}:
                below.setdefault(synset, set()).add(number)
        return {synset: tuple(sorted(classes)) for synset, classes in below.items()}

    def ancestors(self, synset: str) -> set[str]:
        """Every sense above one, by any path."""
        found: set[str] = set()
        open_ones = list(self.synsets[synset].parents)
        while open_ones:
            parent = open_ones.pop()
            if parent not in found:
                found.add(parent)
                open_ones.extend(self.synsets[parent].parents)
        return found


def _parsed(line: str) -> Synset:
    """Parse one line of data.noun; the format is in WordNet's manual page wndb(5)."""
    fields, _, gloss = line.partition(" | ")
    parts = fields.split()
    word_count = int(parts[3], 16)
    words = parts[4 : 4 + 2 * word_count : 2]
    pointers = parts[5 + 2 * word_count :]
    parents = tuple(
        f"n{pointers[place + 1]}" for place in range(0, len(pointers) - 3, 4) if pointers[place] in ("@", "@i")
    )
    lemmas = tuple(word.replace("_", " ") for word in words)
    return Synset(f"n{parts[0]}", lemmas, gloss.partition('; "')[0].strip(), parents)
