"""Write the things that `describe --language` knows by name: CLDR's names of emoji, a column for each language.

python -m photoseek.training.names [CACHE]    writes search/vocabularies/names.tsv; the same input, the same file
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from .fetch import Sources, fetch
from .multilingual_texts import EMOJI_LOCALES, emoji_labels

OUTPUT = Path(__file__).parent.parent / "search" / "vocabularies" / "names.tsv"

THINGS = {3, 4, 5, 6, 7}
"""Emojibase's groups of animals and plants, food, places and weather, activities, objects; not of faces or signs."""

_NOT_SEEN = re.compile(r"\b(face|with|button|suit|globe showing|o’clock|o'clock|thirty|moon)\b")
"""Drawings of a mood, a card or an hour."""


def names(sources: Sources) -> list[list[str]]:
    """The table's rows, a heading of languages first: English, then the others; empty where there is no name."""
    english = {
        code: label for code, label in emoji_labels(sources, "en", THINGS).items() if not _NOT_SEEN.search(label)
    }
    columns = [emoji_labels(sources, locale, THINGS) for locale in EMOJI_LOCALES]
    rows = {label: [label, *(column.get(code, "") for column in columns)] for code, label in english.items()}
    return [["en", *EMOJI_LOCALES], *rows.values()]


def main() -> None:
    """Write the file."""
    sources = fetch(Path(sys.argv[1] if len(sys.argv) > 1 else ".cache/training"))
    OUTPUT.write_text("".join("\t".join(row) + "\n" for row in names(sources)), encoding="utf-8")


if __name__ == "__main__":
    main()
