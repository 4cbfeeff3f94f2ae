"""Measure whether the automatic threshold says "nothing here matches" when, and only when, that is so.

    python benchmarks/cutoff.py FOLDER --model mini

Each query is asked twice: of all photographs, and of those alone that do not answer it. Labels name what a photograph
is of, not all that could pass for it, so that some of what is left may rightly match: the figures are bounds. Beside
the calibrated threshold stands what one fixed cosine does at the same share of wrongly silenced queries.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from labelled import Labelled, read_labelled
from numpy.typing import NDArray

from photoseek.search.calibration import AUTO_PROBABILITY, Calibration, Values

BINS = 10


def main() -> None:
    data, model = read_labelled(__doc__ or "")
    calibration = Calibration.learned(data.images, data.neutral)
    print(f"{len(data.queries)} queries on {len(data.images)} photographs, {model}; {calibration.curve}")
    best, best_left, cosine, cosine_left = _bests(data, calibration)
    kinds = np.array([query.kind for query in data.queries])
    print(f"{'':12s} absent, rightly nothing   present, wrongly silenced   a fixed cosine, silencing as many")
    for kind in [*dict.fromkeys(kinds.tolist()), "all"]:
        chosen = np.ones(len(kinds), dtype=np.bool_) if kind == "all" else kinds == kind
        silenced = (best[chosen] < AUTO_PROBABILITY).mean()
        fixed = np.quantile(cosine[chosen], silenced)
        print(
            f"{kind:12s} {(best_left[chosen] < AUTO_PROBABILITY).mean():23.2f} {silenced:27.2f} "
            f"{(cosine_left[chosen] < fixed).mean():34.2f}"
        )
    print("\nother thresholds, all queries: probability, absent rightly nothing, present wrongly silenced")
    for probability in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        print(f"  {probability:.1f}  {(best_left < probability).mean():.2f}  {(best < probability).mean():.2f}")
    _print_reliability(data, calibration, kinds)


def _bests(data: Labelled, calibration: Calibration) -> tuple[Values, Values, Values, Values]:
    """Return (q,) best probability among all photographs and among the others, and likewise the best cosine."""
    rows = []
    for text, relevant in zip(data.texts, data.relevant, strict=True):
        left = data.images[~relevant]
        without = replace(calibration, sample=left)
        rows.append(
            (
                calibration.curve.probability(calibration.background(text).evidence(data.images)).max(),
                calibration.curve.probability(without.background(text).evidence(left)).max(),
                (data.images @ text).max(),
                (left @ text).max(),
            )
        )
    best, best_left, cosine, cosine_left = np.array(rows, dtype=np.float64).T
    return best, best_left, cosine, cosine_left


def _print_reliability(data: Labelled, calibration: Calibration, kinds: NDArray[np.str_]) -> None:
    said = np.stack(
        [calibration.curve.probability(calibration.background(t).evidence(data.images)) for t in data.texts]
    )
    names = [*dict.fromkeys(kinds.tolist()), "all"]
    print("\nreliability: of the pairs given such a probability, the share labelled as matches, and their number")
    print("  said        mean  " + "".join(f"{name:>18s}" for name in names))
    for start in range(BINS):
        low, high = start / BINS, (start + 1) / BINS
        within = (said >= low) & (said <= high if start == BINS - 1 else said < high)
        cells = []
        for name in names:
            chosen = within & (np.ones(len(kinds), dtype=np.bool_) if name == "all" else kinds == name)[:, np.newaxis]
            count = int(chosen.sum())
            share = f"{data.relevant[chosen].mean():.2f}" if count else "-"
            cells.append(f"{share:>9s} {count:>8d}")
        print(f"  {low:.1f} to {high:.1f}  {said[within].mean() if within.any() else 0:.2f}  " + "".join(cells))


if __name__ == "__main__":
    main()
