"""Vectors between the catalogue's bytes and arrays."""

from __future__ import annotations

import numpy as np

from photoseek.library.catalog.vector_codec import widened


def test_every_half_precision_number_is_widened_as_numpy_does() -> None:
    every = np.arange(1 << 16, dtype="<u2").view("<f2")
    finite = every[np.isfinite(every)]
    assert np.array_equal(widened(finite).view(np.uint32), finite.astype(np.float32).view(np.uint32))
    assert np.array_equal(widened(every), every.astype(np.float32), equal_nan=True)


def test_arrays_of_any_shape_are_widened() -> None:
    halves = np.linspace(-1, 1, 24).astype("<f2").reshape(4, 6)
    for some in (halves, halves[1:3], halves[:, ::2], halves[:0]):
        assert np.array_equal(widened(some), some.astype(np.float32))
