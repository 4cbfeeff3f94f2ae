"""Checks against what lies on disk: the images' files, the library's settings, and what it learned of its scores."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace

import sqlalchemy as sa

from ..catalog import tables
from ..catalog.changes import FailureGone, Relocated
from ..checked_files import read_checked
from ..images.sources import FileState
from ..settings import FILE_NAME, write_initial_settings
from ..store import CALIBRATION_NAME
from .base import CheckContext, Finding, counted

# Paths stay plain strings here: a Path each for a million files would cost half a minute.
# ruff: noqa: PTH116, PTH208


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


def check_settings(patient: CheckContext) -> Iterator[Finding]:
    """The settings are there, or the library would be searched with the default model; they are written again."""
    settings = patient.store.settings
    file = settings.folder / FILE_NAME
    if file.is_file():
        return
    names = [model.name for model in patient.store.catalog.models()]
    if patient.repair:
        write_initial_settings(replace(settings, model=names[0]) if names else settings)
    detail = f"{file} is missing, so that this library is searched with {settings.model} unless --model says another"
    yield Finding("settings", detail, patient.repair, harmless=not names or settings.model in names)


def check_calibration(patient: CheckContext) -> Iterator[Finding]:
    """What was learned of the library's scores can be read; otherwise it is deleted, and learned again when needed."""
    folder = patient.store.settings.folder / CALIBRATION_NAME
    if folder.exists() and not folder.is_dir():
        if patient.repair:
            folder.unlink()
        yield Finding("calibration", f"{folder} is no folder", patient.repair, harmless=True)
        return
    for file in sorted(folder.glob("*")):
        if file.is_file() and file.suffix == ".npz" and read_checked(file) is not None:
            continue
        if patient.repair:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        detail = f"{file} cannot be read, and is learned anew when needed"
        yield Finding("calibration", detail, patient.repair, harmless=True)
