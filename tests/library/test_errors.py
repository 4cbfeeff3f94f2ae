"""Errors keep their facts: one that comes out of another process says what it said there."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from photoseek.library import errors
from photoseek.library.errors import PhotoseekError

OWN = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, PhotoseekError) and "__init__" in vars(kind)
]
FACTS: dict[object, object] = {str: "something", int: 3, float: 0.5, bool: True, Path: Path("/photos/a.jpg")}


def fact(wanted: object) -> object:
    """Return a value of an annotation's type; of a union its first, of a sequence one of one text."""
    if wanted in FACTS:
        return FACTS[wanted]
    first = get_args(wanted)[0]
    return (FACTS[first],) if "tuple" in str(wanted) or "Sequence" in str(wanted) else FACTS[first]


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
def test_an_error_says_the_same_after_a_journey_between_processes(kind: type[PhotoseekError]) -> None:
    hints = get_type_hints(kind.__init__)
    given = [fact(hints[name]) for name in inspect.signature(kind.__init__).parameters if name != "self"]
    error = kind(*given)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (kind, str(error), vars(error))
    assert error.args == tuple(given)
    assert "\n" not in str(error) or kind is errors.FilterError
