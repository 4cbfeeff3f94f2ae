"""Changes as an indexing run would write them, with only what a test cares about spelled out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from photoseek.library.catalog.catalog import Catalog, ModelRow
from photoseek.library.catalog.changes import ImageFacts, Indexed, Relocated
from photoseek.library.images.sources import Failed, FileState
from photoseek.library.types import Vectors

RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def vector(numbers: Sequence[float]) -> Vectors:
    return np.array(numbers, dtype=np.float32)


def file(path: str, *, root: str = "/photos", size_bytes: int = 100, mtime_ns: int = 1) -> FileState:
    return FileState(path, root, size_bytes, mtime_ns)


def facts(content_hash: str) -> ImageFacts:
    return ImageFacts(content_hash, 12, 10, "PNG", 1, None, None, None, None)


def indexed(
    path: str,
    numbers: Sequence[float] = RED,
    *,
    known: int | None = None,
    content: str | None = None,
    content_changed: bool = False,
    size_bytes: int = 100,
) -> Indexed:
    """A picture at `path`, new unless `known` is its row; its content is its path's own unless given."""
    content_hash = hashlib.sha256((content or path).encode()).hexdigest()[:40]
    state = file(path, size_bytes=size_bytes)
    return Indexed(state, facts(content_hash), vector(numbers), known, content_changed=content_changed)


def relocated(image_id: int, path: str, *, mtime_ns: int = 1) -> Relocated:
    return Relocated(image_id, file(path, mtime_ns=mtime_ns))


def failed(path: str, reason: str = "not an image") -> Failed:
    return Failed(file(path), "decode", reason)


def add(catalog: Catalog, model: ModelRow, *paths: str) -> list[int]:
    """Index new red pictures at `paths` in one batch and return their ids."""
    catalog.apply([indexed(path) for path in paths], model.id)
    ids = {known.path: known.image_id for known in catalog.planning.known_files("/", model.id)}
    return [ids[path] for path in paths]
