"""Checks of the catalogue against the files it speaks of; what `photoseek index` would notice too."""

# Paths stay plain strings here: a Path each for a million files would cost half a minute.
# ruff: noqa: PTH116, PTH208

from __future__ import annotations

import os
from collections.abc import Iterator

import sqlalchemy as sa

from ..catalog import tables
from ..catalog.changes import FailureGone, Relocated
from ..images.sources import FileState
from .base import CheckContext, Finding, counted

_images = tables.images.c
_failures = tables.failures.c


def check_failures(patient: CheckContext) -> Iterator[Finding]:
    """The files of the failure ledger are there; rows of those that went are deleted."""
    with patient.database.reading() as connection:
        rows = connection.execute(sa.select(_failures.path, _failures.root)).all()
    mounted = {root for root in {row.root for row in rows} if _is_mounted(root)}
    gone = [FailureGone(row.path) for row in rows if row.root in mounted and _is_gone(row.path)]
    if gone:
        if patient.repair:
            patient.store.catalog.apply(gone, model_id=0)
        detail = f"{counted(len(gone), 'recorded failure')} of files that are gone"
        yield Finding("failures", detail, patient.repair, harmless=True)


def check_missing(patient: CheckContext) -> Iterator[Finding]:
    """Images whose files vanished are still missing; those that are back unchanged are found again."""
    query = sa.select(_images.id, _images.path, _images.root, _images.size_bytes, _images.mtime_ns)
    with patient.database.reading() as connection:
        rows = connection.execute(query.where(_images.missing_since.is_not(None))).all()
    back: list[Relocated] = []
    changed = 0
    for row in rows:
        try:
            file = FileState.described(row.path, row.root, os.stat(row.path))
        except OSError:
            continue
        if (file.size_bytes, file.mtime_ns) == (row.size_bytes, row.mtime_ns):
            back.append(Relocated(row.id, file))
        else:
            changed += 1
    if back:
        if patient.repair:
            patient.store.catalog.apply(back, model_id=0)
        detail = f"{counted(len(back), 'image')} marked missing, but there as they were"
        yield Finding("missing", detail, patient.repair, harmless=True)
    if changed:
        detail = f"{counted(changed, 'image')} marked missing, but there with another content"
        yield Finding("missing", f"{detail}: run `photoseek index` on their folders", harmless=True)


def _is_mounted(root: str) -> bool:
    """Whether `root`, a folder or a file, can speak for what is below it: an empty folder may be a mount point."""
    folder = root if os.path.isdir(root) else os.path.dirname(root)  # noqa: PTH112, PTH120
    try:
        return bool(os.listdir(folder))
    except OSError:
        return False


def _is_gone(path: str) -> bool:
    """Whether there is surely no such file; of a name shown with escapes, or inside an archive, that cannot be told."""
    if "\\" in path or "!" in path:
        return False
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False
