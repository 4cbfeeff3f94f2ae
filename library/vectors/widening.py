"""How far a filtered search must look: how many better answers the lists not visited may still hold."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, exp, pi, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from ..types import Vectors
from .row_ids import Mask, RowNumbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .vector_file import StoredVectors

MISSED_SHARE: Final = 0.01
"""Of the answers wanted that may, by expectation, lie in lists not visited, or be left out for their codes."""

SAMPLE_ROWS: Final = 1_024
"""Vectors by which the spread within lists is known, for each query, to about 2%."""


@dataclass(frozen=True, eq=False)
class ListOutlook:
    """How the scores of rows are spread about what their list's centre says.

    Attributes:
        centres: (lists, dim) float32, as the index has them.
        list_of_row: (n,) the list of each row.
        sample: (m, dim) float32, some of the vectors.
        sample_lists: (m,) the list of each of these.
    """

    centres: Vectors
    list_of_row: NDArray[np.int32]
    sample: Vectors
    sample_lists: NDArray[np.int32]

    @staticmethod
    def of(stored: StoredVectors, centres: Vectors, list_of_row: NDArray[np.int32]) -> ListOutlook:
        """Take a sample of `stored`."""
        rows = spread_rows(len(stored), SAMPLE_ROWS)
        return ListOutlook(centres, list_of_row, stored.fetch(rows), list_of_row[rows])

    def allowed_by_list(self, mask: Mask) -> RowNumbers:
        """Count the rows of each list that may be answered."""
        return np.bincount(self.list_of_row[mask.allowed], minlength=len(self.centres)).astype(np.int64)

    def lists_worth_visiting(self, query: Vectors, allowed: RowNumbers, last: float, wanted: int) -> int:
        """Return how many of the nearest lists to visit, so that too few better answers to matter lie in the others.

        A row's score is what the centre of its list says, times how long the mean of a list is beside its centre, and
        what the row alone says: about normal, its spread known from the sample. That gives the part of a list's allowed
        rows that score above `last`.

        Args:
            query: (dim,) float32.
            allowed: (lists,) how many rows of each may be answered.
            last: the score of the last answer so far, which a row must pass to matter.
            wanted: how many answers there are to be.
        """
        by_centre = self.centres @ query
        told, scores = by_centre[self.sample_lists], self.sample @ query
        length = float(told @ scores) / max(float(told @ told), 1e-12)
        spread = max(float((scores - length * told).std()), 1e-6)
        short = np.maximum((last - length * by_centre) / spread, 0.0)
        # The normal distribution's tail, to 1% (Borjesson and Sundberg 1979, in the form of Ermolova and Haggman 2004).
        better = allowed * np.exp(-0.5 * short**2) / (1.64 * short + np.sqrt(0.76 * short**2 + 4.0))
        nearest_first = np.argsort(-by_centre, kind="stable")
        left = np.cumsum(better[nearest_first][::-1])[::-1]
        return int(np.count_nonzero(left > MISSED_SHARE * wanted))


def codes_hide_better(codes: Vectors, scores: Vectors, last: float, wanted: int) -> bool:
    """Say whether more rows than matter, whose codes are worse than all of `codes`, are to be expected above `last`.

    Rows just below the worst code are taken to lie as densely as those just above it, and codes to err as they do for
    the rows at hand. Of a density per deviation, the part that errs by more than z deviations sums to phi(z) - z Q(z).

    Args:
        codes: (n,) float32, scores by code, best first; the places for them were all filled.
        scores: (n,) float32, the true scores of the same rows.
        last: the score of the last answer so far, which a row must pass to matter.
        wanted: how many answers there are to be.
    """
    errors = scores - codes
    error = float(errors.std())
    short = last - float(codes[-1]) - float(errors.mean())
    if error <= 0.0 or short <= 0.0:
        return short <= 0.0
    deviations = short / error
    density = float(np.count_nonzero(codes <= codes[-1] + error))
    beyond = exp(-0.5 * deviations**2) / sqrt(2 * pi) - deviations * 0.5 * erfc(deviations / sqrt(2))
    return density * beyond > MISSED_SHARE * wanted


def spread_rows(count: int, wanted: int) -> RowNumbers:
    """Return up to `wanted` of `count` rows spread evenly at random, in their order; always the same ones."""
    if count <= wanted:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, wanted, replace=False))
