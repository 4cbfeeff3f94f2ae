"""The doctor: examines a library from its settings to its vector files, and repairs what it is asked to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

from .checks.base import Check, CheckContext, Finding
from .checks.database import (
    check_change_numbers,
    check_database_file,
    check_deletions,
    check_embedded,
    check_owners,
    check_places,
    check_schema,
)
from .checks.disk import check_calibration, check_failures, check_missing, check_settings
from .checks.vectors import check_generations, check_stored_vectors, check_stray_files
from .errors import CatalogUnavailable, LibraryReadOnly, SettingsError
from .lock import stale_owner
from .settings import read_settings
from .store import Store


def _unheard(_done: int, _total: int) -> None:
    pass


# Each may rely on what those before it found right, or mended.
_FOUNDATIONS: Sequence[Check] = (check_database_file, check_schema)
_CHECKS: Sequence[Check] = (
    check_settings,
    check_owners,
    check_change_numbers,
    check_deletions,
    check_stored_vectors,
    check_embedded,
    check_places,
    check_failures,
    check_missing,
    check_generations,
    check_stray_files,
    check_calibration,
)


def examine(
    folder: Path, *, repair: bool = False, read_only: bool = False, progress: Callable[[int, int], None] = _unheard
) -> list[Finding]:
    """Return what is wrong with the library in `folder`, in the order found; empty when it is healthy.

    Without `repair`, nothing is changed, and nobody is kept from writing. With `read_only`, nothing can be. `progress`
    is told how many of how many checks are done.

    Raises:
        LibraryNotFound: there is none.
        LibraryTooNew: a later photoseek made it.
        LibraryReadOnly: it was to be repaired, and also to be left as it is.
        LibraryLocked: something is to be repaired, and another process is writing to it.
    """
    if repair and read_only:
        raise LibraryReadOnly(folder)
    try:
        settings = replace(read_settings(folder), read_only=read_only)
    except SettingsError as error:
        return [Finding("settings", str(error), by_hand=True)]
    findings: list[Finding] = []
    owner = stale_owner(folder)
    if owner is not None:
        # Taking the lock writes another name there, and releasing it removes that.
        findings.append(Finding("lock", f"{owner} ended without taking its name off the lock", repair, harmless=True))
    try:
        with closing(Store.open(settings)) as store, store.writing("doctor") if repair else nullcontext():
            patient = CheckContext(store, store.database, repair)
            for check in _FOUNDATIONS:
                findings += check(patient)
            # Nothing is changed in a database that is not sound.
            if not repair or all(finding.repaired or finding.harmless for finding in findings):
                for number, check in enumerate(_CHECKS, start=1):
                    findings += check(patient)
                    progress(number, len(_CHECKS))
    except CatalogUnavailable as error:
        findings.append(Finding("database", str(error), by_hand=True))
    return findings
