"""Measure what fusing with a judge of known quality gains, and whether the learned weight is to be trusted.

    python benchmarks/fusion.py FOLDER --model mini

The judges are made up: the log-odds of their yes are normal, and lie further up for pictures that answer the query, by
as much as makes the area under the ROC curve what is written. One is as sure of itself as it is right; a bold one's
log-odds are four times as large, as those of language models tend to be. Queries are parted at random into those that a
weight is learned from (photoseek eval --rerank does it so) and those it is measured on, many times, each time with a
judge drawn anew. "best" is what the best of all fixed weights gains, which nobody can know beforehand. Printed are
means over the partings, those of the 95% bootstrap interval's bounds too; "worse" counts the partings in which the
learned weight surely did harm.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from labelled import Labelled, read_labelled

from photoseek.rerank.base import Judgement
from photoseek.rerank.fusion import probability
from photoseek.rerank.fusion_fit import WEIGHTS, JudgedRanking, tuned
from photoseek.search.calibration import Calibration, Values
from photoseek.search.metrics import interval

DEPTH = 50
PARTINGS = 10


def main() -> None:
    data, model = read_labelled(__doc__ or "")
    print(f"{len(data.queries)} queries on {len(data.images)} photographs, {model}; {PARTINGS} partings, depth {DEPTH}")
    print("judge           learned from  weight       mAP first  gain best  gain learned [95%]        share  worse")
    for name, area, boldness in JUDGES:
        drawn = [_judged(data, area, boldness, seed) for seed in range(PARTINGS)]
        for count in (40, 100, len(data.queries) // 2):
            _print_row(name, count, drawn)


JUDGES = (
    ("AUC 0.5", 0.5, 1.0),
    ("AUC 0.7", 0.7, 1.0),
    ("AUC 0.9", 0.9, 1.0),
    ("AUC 0.5, bold", 0.5, 4.0),
    ("AUC 0.7, bold", 0.7, 4.0),
    ("AUC 0.9, bold", 0.9, 4.0),
)


def _judged(data: Labelled, area: float, boldness: float, seed: int) -> tuple[Values, list[JudgedRanking]]:
    """Return (q, w) average precisions, a column for each weight, and the rankings they are of."""
    rng = np.random.default_rng(seed)
    apart = NormalDist().inv_cdf(area) * np.sqrt(2.0)
    calibration = Calibration.learned(data.images, data.neutral)
    rankings = [_ranking(data, calibration, row, (apart, boldness), rng) for row in range(len(data.queries))]
    return np.array([[one.average_precision(weight) for weight in WEIGHTS] for one in rankings]), rankings


def _ranking(
    data: Labelled, calibration: Calibration, row: int, quality: tuple[float, float], rng: np.random.Generator
) -> JudgedRanking:
    apart, boldness = quality
    background = calibration.background(data.texts[row])
    scores = (data.images @ data.texts[row]).astype(np.float64)
    first = calibration.curve.slope * ((scores - background.mean) / background.deviation - calibration.curve.midpoint)
    places = np.argsort(-first, kind="stable")
    top, relevant = places[:DEPTH], data.relevant[row]
    # The log-odds of two unit normals `apart` are linear in what is observed: this judge is as sure as it is right.
    seen = rng.normal(np.where(relevant[top], apart, 0.0), 1.0)
    said = probability(boldness * (apart or 1.0) * (seen - apart / 2.0))
    beyond = np.flatnonzero(relevant[places[DEPTH:]]) + DEPTH + 1
    judgements = tuple(Judgement(float(one)) for one in said)
    return JudgedRanking(first[top], judgements, relevant[top], tuple(beyond.tolist()))


def _print_row(name: str, count: int, drawn: list[tuple[Values, list[JudgedRanking]]]) -> None:
    rng = np.random.default_rng(11)
    weights, fixed, learned = [], [], []
    bounds = []
    for precisions, rankings in drawn:
        order = rng.permutation(len(rankings))
        known, unknown = order[:count], order[count:]
        weight = tuned([rankings[place] for place in known], name, DEPTH).weight
        held_out = precisions[unknown]
        gains = np.array([rankings[place].average_precision(weight) for place in unknown]) - held_out[:, 0]
        weights.append(weight)
        fixed.append(held_out.mean(axis=0) - held_out[:, 0].mean())
        learned.append(float(gains.mean()))
        bounds.append(interval(gains))
    low, high = np.mean(bounds, axis=0)
    worse = sum(bound < 0.0 for _, bound in bounds)
    best = float(np.mean(fixed, axis=0).max())
    share = f"{np.mean(learned) / best:5.2f}" if best > 0.005 else "    -"
    print(
        f"{name:15} {count:12d}  {np.mean(weights):.2f} ±{np.std(weights):.2f}  {drawn[0][0][:, 0].mean():9.3f}  "
        f"{best:9.3f}  {np.mean(learned):6.3f} [{low:6.3f}, {high:6.3f}]  {share}  {worse:2d}/{PARTINGS}"
    )


if __name__ == "__main__":
    main()
