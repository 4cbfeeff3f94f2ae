"""Checks of the small files of a library's folder: its settings, and what it has learned of its scores."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..settings import FILE_NAME, write_initial_settings
from ..store import CALIBRATION_NAME
from .base import CheckContext, Finding


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
        if file.is_file() and file.suffix == ".npz" and _is_whole(file):
            continue
        if patient.repair:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        detail = f"{file} cannot be read, and is learned anew when needed"
        yield Finding("calibration", detail, patient.repair, harmless=True)


def _is_whole(file: Path) -> bool:
    """Whether every member of an .npz file is as its checksum says."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error):
        return False
