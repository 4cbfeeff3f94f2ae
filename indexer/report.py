"""What an indexing run did, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["new", "changed", "moved", "restored", "touched", "unchanged", "failed", "still_failing"]
"""What a file turned out to be; each file found is exactly one of these."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """Counts of files, except `embedded`, which counts pictures put through the model.

    Each file found is counted once among `new`, `changed`, `moved`, `restored`, `touched` (its date changed, its
    content did not), `unchanged`, `failed` and `still_failing` (in the ledger, and not tried again); `missing` are
    those that vanished. `interrupted` says that the run was asked to stop before its end. `hidden` counts folders that
    were passed by for their names, as of programs' own thumbnails.
    """

    new: int = 0
    changed: int = 0
    moved: int = 0
    missing: int = 0
    restored: int = 0
    touched: int = 0
    unchanged: int = 0
    failed: int = 0
    still_failing: int = 0
    embedded: int = 0
    interrupted: bool = False
    hidden: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class WatchReport:
    """What a watch did in all its `syncs` together; the other fields are those of `IndexReport`, added up."""

    syncs: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    missing: int = 0
    restored: int = 0
    touched: int = 0
    failed: int = 0
    embedded: int = 0

    def plus(self, report: IndexReport) -> WatchReport:
        """Return this report with one more sync in it."""
        sums = {name: getattr(self, name) + getattr(report, name) for name in self.__slots__ if name != "syncs"}
        return WatchReport(syncs=self.syncs + 1, **sums)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come: files `done` of the `total` whose content must be looked at."""

    done: int
    total: int
