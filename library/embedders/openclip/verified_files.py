"""Which files of an exported model were compared with their checksums, so that not every search has to."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from ...files import atomic_write

_NAME: Final = "verified.json"
_TRUSTED_S: Final = 30 * 86_400.0
"""How long a file that nobody touched is taken for what it was: a disk may forget."""


class VerifiedFiles:
    """The files of one folder that were found to be what they should be, as the system described them then.

    To sum a tower's weights costs a search as much as to answer; so they are summed again when the file was touched in
    any way, and once in thirty days.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / _NAME

    def damaged(self, files: Iterable[tuple[str, int, str]]) -> str | None:
        """Return the first of `files` (name, size in bytes, SHA-256) that is not what it was; None where all are."""
        known, now_s = self._read(), time.time()
        summed: list[str] = []
        for name, _, digest in files:
            seen_s, *state = known.get(name, [0.0])
            if state == _state(self._folder / name) and 0 <= now_s - seen_s <= _TRUSTED_S:
                continue
            try:
                with (self._folder / name).open("rb") as stream:
                    found = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError:
                return name
            if found != digest:
                return name
            summed.append(name)
        if summed:
            self.note(summed)
        return None

    def note(self, names: Iterable[str]) -> None:
        """Note that these files are as they should be now; where that cannot be kept, they are summed again."""
        seen_s = time.time()
        known = self._read() | {name: [seen_s, *_state(self._folder / name)] for name in names}
        with suppress(OSError), atomic_write(self._file, durable=False) as stream:
            stream.write(json.dumps(known).encode())

    def _read(self) -> dict[str, list[float]]:
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(known, dict):
            return {}
        return {name: seen for name, seen in known.items() if isinstance(seen, list) and len(seen) > 1}


def _state(file: Path) -> list[int]:
    """Return what any writing to a file changes; renaming its folder does not."""
    try:
        status = file.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
