"""How much a judge counts in one library: learned from labelled queries, kept in the library's folder."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ..library.errors import LibraryError

_FILE_NAME: Final = "second-look.json"


@dataclass(frozen=True, slots=True)
class LearnedWeight:
    """A judge's share of the fused score, and what it was learned from: its `gain` in mAP, with the 95% bounds of that.

    `queries` counts the labelled queries.
    """

    weight: float
    queries: int
    gain: float
    low: float
    high: float


class Weights:
    """The weights of one library's judges in the space of one model.

    Args:
        folder: where the file is kept.
        model_key: the model whose order the judges improve.
    """

    def __init__(self, folder: Path, model_key: str) -> None:
        self._file = folder / _FILE_NAME
        self._model_key = model_key

    def of(self, judge_key: str) -> LearnedWeight | None:
        """Return what was learned of a judge, None where nothing was, or the file makes no sense."""
        match self._read().get(self._model_key, {}).get(judge_key):
            case {
                "weight": float(weight),
                "queries": int(queries),
                "gain": float(gain),
                "low": float(low),
                "high": float(high),
            } if 0.0 <= weight <= 1.0:
                return LearnedWeight(weight, queries, gain, low, high)
        return None

    def keep(self, judge_key: str, learned: LearnedWeight) -> None:
        """Keep what was learned of a judge: whole, or not at all.

        Raises:
            LibraryError: the file cannot be written.
        """
        everything = self._read()
        everything.setdefault(self._model_key, {})[judge_key] = asdict(learned)
        unfinished = self._file.with_name(f"{self._file.name}.{uuid.uuid4().hex}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(json.dumps(everything, indent=1), encoding="utf-8")
            unfinished.replace(self._file)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink()
            message = f"{self._file} cannot be written: {error.strerror or error}; the judge's weight is not kept"
            raise LibraryError(message) from error

    def _read(self) -> dict[str, dict[str, object]]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        is_sane = isinstance(found, dict) and all(isinstance(judges, dict) for judges in found.values())
        return found if is_sane else {}
