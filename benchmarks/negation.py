"""Compare ways to look for "A but not B" on labelled photographs.

    python benchmarks/negation.py FOLDER --model mini

Two queries, names apart, make a question when some photographs answer both and at least three the first alone; those
three and their like are relevant. Printed are mean average precision, precision at 10, and the share of the first ten
that show what was to be avoided. The baseline is the query without its negative part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from labelled import Labelled, read_labelled

from photoseek.library.embedders.base import normalized
from photoseek.library.types import Vectors
from photoseek.search.calibration import Calibration, Values
from photoseek.search.evaluate import ranks_of
from photoseek.search.metrics import average_precision, precision_at
from photoseek.search.ranking import Avoided, Penalty

Way: TypeAlias = Callable[[Vectors, Vectors], Values]
"""Scores of all photographs for (dim,) vectors of what is looked for and what is avoided."""

NAMES = "name"


def ways(images: Vectors, calibration: Calibration) -> Mapping[str, Way]:
    """Return the candidates by name; the last is the one in use."""

    def subtracted(share: float) -> Way:
        return lambda wanted, avoided: _cosine(images, wanted - share * avoided)

    def closer(share: float) -> Way:
        def score(wanted: Vectors, avoided: Vectors) -> Values:
            found, shown = _cosine(images, wanted), _cosine(images, avoided)
            return found - share * np.maximum(shown - found, 0.0)

        return score

    def in_use(wanted: Vectors, avoided: Vectors) -> Values:
        background = calibration.background(wanted)
        penalty = Penalty(calibration, (Avoided(calibration.background(avoided), 1.0),), background.deviation)
        return _cosine(images, wanted) - penalty.of(images)

    return {
        "nothing": lambda wanted, _: _cosine(images, wanted),
        **{f"subtract {share:g}": subtracted(share) for share in (0.25, 0.5, 1.0)},
        "project out": lambda wanted, avoided: _cosine(images, wanted - (wanted @ avoided) * avoided),
        **{f"closer to the negative, {share:g}": closer(share) for share in (0.5, 1.0, 2.0)},
        "evidence of a match (in use)": in_use,
    }


def questions(data: Labelled) -> list[tuple[int, int]]:
    """Return the pairs of queries that make a question."""
    broad = [place for place, query in enumerate(data.queries) if query.kind != NAMES]
    return [
        (a, b)
        for a in broad
        for b in broad
        if (data.relevant[a] & data.relevant[b]).sum() >= 2 and (data.relevant[a] & ~data.relevant[b]).sum() >= 3
    ]


def main() -> None:
    data, model = read_labelled(__doc__ or "")
    pairs = questions(data)
    calibration = Calibration.learned(data.images, data.neutral)
    print(f"{len(pairs)} questions on {len(data.images)} photographs, {model}")
    print(f"{'':32s}   mAP   P@10  avoided in the first ten")
    for name, way in ways(data.images, calibration).items():
        rows = []
        for a, b in pairs:
            scores = way(data.texts[a], data.texts[b]).astype(np.float32)
            ranks = ranks_of(scores, np.flatnonzero(data.relevant[a] & ~data.relevant[b]))
            first = np.argsort(-scores, kind="stable")[:10]
            rows.append((average_precision(ranks), precision_at(ranks, 10), data.relevant[b][first].mean()))
        print(f"{name:32s} " + "  ".join(f"{value:.3f}" for value in np.mean(rows, axis=0)))


def _cosine(images: Vectors, query: Vectors) -> Values:
    return np.asarray(images @ normalized(query[np.newaxis])[0], dtype=np.float64)


if __name__ == "__main__":
    main()
