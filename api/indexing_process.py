"""The process that indexes for another: it reads what to do on stdin, and tells on stdout how far it has come."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TextIO

from ..indexer.pipeline import IndexOptions
from ..indexer.report import Progress
from ..library.errors import PhotoseekError
from .opening import open_library


@dataclass(frozen=True, slots=True)
class IndexOrder:
    """What to index into which library; the rest as `IndexOptions` and `open_library` take it."""

    folder: str
    model: str | None
    paths: tuple[str, ...]
    retry_failed: bool = False
    prune: bool = False

    def line(self) -> str:
        """Return it as one line of text."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def of_line(cls, line: str) -> IndexOrder:
        """Return what `line` made a line of."""
        fields = json.loads(line)
        return cls(**fields | {"paths": tuple(fields["paths"])})


def main() -> None:
    """Do what the first line of stdin says; end early, everything done kept, when stdin is closed or says anything.

    Each line on stdout is a JSON object of one key: `progress`, and last `report` or `error`.
    """
    # Ctrl-C in a terminal reaches every process of a group: only the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _take_stdout()
    order = IndexOrder.of_line(sys.stdin.readline())
    stopped = Event()
    Thread(target=_stop_when_told, args=(stopped,), daemon=True).start()

    def tell(kind: str, value: object) -> None:
        answers.write(json.dumps({kind: value}) + "\n")
        answers.flush()

    def told(progress: Progress) -> None:
        tell("progress", asdict(progress))

    options = IndexOptions(retry_failed=order.retry_failed, prune=order.prune, stop=stopped.is_set, on_progress=told)
    try:
        with open_library(Path(order.folder), model=order.model) as library:
            report = library.index(list(order.paths), options)
        tell("report", asdict(report))
    except PhotoseekError as error:
        tell("error", str(error))


def _stop_when_told(stopped: Event) -> None:
    sys.stdin.readline()
    stopped.set()


def _take_stdout() -> TextIO:
    """Return the pipe to the parent, out of reach of whatever prints."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers
