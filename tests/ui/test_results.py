"""Which hits the pages show as matches, and which below the line."""

from __future__ import annotations

from typing import cast

import pytest

pytest.importorskip("streamlit", reason="pages are not tested: streamlit is not installed")

from photoseek import Hit, ImageRecord
from photoseek.search.calibration import AUTO_PROBABILITY
from photoseek.ui.results import is_strong


@pytest.mark.parametrize(
    ("probability", "is_match"),
    [(None, True), (1.0, True), (AUTO_PROBABILITY, True), (AUTO_PROBABILITY - 0.01, False), (0.0, False)],
)
def test_a_hit_is_a_match_from_the_automatic_threshold_on_or_where_none_was_asked_for(
    probability: float | None, is_match: bool
) -> None:
    assert is_strong(Hit(cast("ImageRecord", None), 0.3, probability)) is is_match
