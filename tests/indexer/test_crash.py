"""Killed at any instant, a run is taken up by the next: nothing lost, nothing twice but the two batches in flight."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from unittest import mock

import numpy as np
import pytest

import photoseek
from photoseek import IndexOptions, IndexReport
from photoseek.library.types import Pixels, Vectors
from photoseek.tests.support.fakes import ColourEmbedder, paint

KNOWN, MOVED, DELETED, NEW, BROKEN = 40, 12, 6, 80, 6
BATCH_SIZE = 8
IN_FLIGHT = 2 * BATCH_SIZE  # one being embedded, one being written behind it
REPORT = IndexReport(
    new=NEW, moved=MOVED, missing=DELETED, unchanged=KNOWN - MOVED - DELETED, failed=BROKEN, embedded=NEW
)


class Working(ColourEmbedder):
    """Tells through `note` of every batch before it is embedded, and takes as long for it as a small model would."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self._note = note

    def __reduce__(self) -> tuple[type[ColourEmbedder], tuple[()]]:
        return ColourEmbedder, ()  # all that preprocessing in another process needs

    def embed_images(self, pixels: Pixels) -> Vectors:
        self._note(f"embed {len(pixels)}")
        layer = np.ones((500, 500), dtype=np.float32) / 500
        for _ in range(4):
            layer = layer @ layer
        return super().embed_images(pixels)


def indexing(photos: str, library: str, *, die_at: int = 0, wait_at: int = 0) -> None:
    """What the killed process does, told on stdout.

    Args:
        photos: the folder to index.
        library: the library's folder.
        die_at: kill this process at that call or return of any function, counted in the main thread.
        wait_at: stop for good at that batch, so that whoever kills it cannot come too late.
    """
    batches = calls = 0

    def note(line: str) -> None:
        nonlocal batches
        os.write(1, f"{line}\n".encode())
        batches += line.startswith("embed")
        if batches == wait_at > 0:
            signal.pause()

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal calls
        calls += 1
        if calls == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    options = IndexOptions(batch_size=BATCH_SIZE, workers=2)
    # Let the run end with the publishing of a generation, which small libraries do without.
    publishing = mock.patch("photoseek.library.vectors.live_vectors.should_build", lambda _total, newer: newer > 0)
    sys.setprofile(count)
    with publishing, photoseek.open(library, model=Working(note)) as opened:
        opened.index(photos, options)
    sys.setprofile(None)
    note(f"calls {calls}")


@dataclass(frozen=True)
class Stage:
    """Photographs that have changed since `before` was indexed; what an undisturbed run makes of it, in `calls`."""

    photos: Path
    before: Path
    rows: dict[str, list[tuple[object, ...]]]
    answers: list[tuple[str, float]]
    calls: int


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder = tmp_path_factory.mktemp("crash")
    photos, before = folder / "photos", folder / "before"
    colour = random.Random(1)
    for number in range(KNOWN):
        paint(photos / "old" / f"{number:03d}.png", (colour.randrange(256), number, colour.randrange(256)))
    with photoseek.open(before, model=ColourEmbedder()) as library:
        assert library.index(photos) == IndexReport(new=KNOWN, embedded=KNOWN)
    (photos / "album").mkdir()
    for path in sorted((photos / "old").iterdir())[:MOVED]:
        path.rename(photos / "album" / path.name)
    for path in sorted((photos / "old").iterdir())[:DELETED]:
        path.unlink()
    for number in range(NEW):
        paint(photos / "new" / f"{number:03d}.png", (colour.randrange(256), colour.randrange(256), 100 + number))
    for number in range(BROKEN):
        (photos / "new" / f"{number:03d}a.jpg").write_bytes(b"\xff\xd8\xff" * number)
    undisturbed = Path(shutil.copytree(before, folder / "undisturbed"))
    lines, _ = run(photos, undisturbed)
    calls = int(lines[-1].removeprefix("calls "))
    return Stage(photos, before, rows(undisturbed), answers(undisturbed), calls)


def run(photos: Path, library: Path, *, kill_after: int = 0, die_at: int = 0) -> tuple[list[str], int]:
    """Index in a process of its own; return what it told and its exit code.

    With `kill_after` it is killed when so many batches have begun, and goes on until that happens; no further than
    two batches, though. `die_at` as in `indexing`.
    """
    wait_at = kill_after + 2 if kill_after else 0
    call = f"indexing({str(photos)!r}, {str(library)!r}, {die_at=}, {wait_at=})"
    code = f"from photoseek.tests.indexer.test_crash import indexing; {call}"
    lines: list[str] = []
    begun = 0
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            begun += line.startswith("embed")
            if begun == kill_after > 0:
                process.kill()
    return lines, process.returncode


def rows(library: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything the catalogue says, less ids, times and change numbers."""
    images = "path, root, size_bytes, mtime_ns, content_hash, width, height, format, orientation"
    queries = {
        "images": f"SELECT {images}, missing_since IS NULL FROM images ORDER BY path",
        "embeddings": "SELECT path, key, vector FROM embeddings JOIN images ON images.id = image_id"
        " JOIN models ON models.id = model_id ORDER BY path",
        "failures": "SELECT path, root, stage, reason, tries, size_bytes, mtime_ns FROM failures ORDER BY path",
        "models": "SELECT key, name, dim FROM models",
        "damage": "SELECT * FROM pragma_integrity_check",
        "orphans": "SELECT * FROM pragma_foreign_key_check",
    }
    with closing(sqlite3.connect(library / "catalog.sqlite")) as connection:
        return {name: connection.execute(query).fetchall() for name, query in queries.items()}


def answers(library: Path) -> list[tuple[str, float]]:
    with photoseek.open(library, model=ColourEmbedder()) as opened:
        return [(str(hit.image.path), hit.score) for hit in opened.search("red", k=1000)]


def check_recovery(stage: Stage, library: Path, lines: list[str]) -> None:
    """Index again after a kill, and compare with what an undisturbed run has made."""
    after_kill = rows(library)
    assert after_kill["damage"] == [("ok",)]
    assert after_kill["orphans"] == []
    kept = len(after_kill["embeddings"]) - KNOWN
    begun = sum(int(line.removeprefix("embed ")) for line in lines if line.startswith("embed "))
    assert begun - IN_FLIGHT <= kept <= begun
    embedder = ColourEmbedder()
    with photoseek.open(library, model=embedder) as opened:
        report = opened.index(stage.photos)
        assert (report.new, report.embedded, embedder.images_embedded) == (NEW - kept, NEW - kept, NEW - kept)
        assert opened.index(stage.photos) == IndexReport(unchanged=KNOWN - DELETED + NEW, still_failing=BROKEN)
    assert begun + report.embedded <= NEW + IN_FLIGHT
    assert rows(library) == stage.rows
    assert answers(library) == stage.answers


def test_the_undisturbed_run_is_what_it_should_be(stage: Stage) -> None:
    assert stage.rows["damage"] == [("ok",)]
    assert {name: len(found) for name, found in stage.rows.items()} == {
        "images": KNOWN + NEW,
        "embeddings": KNOWN + NEW,
        "failures": BROKEN,
        "models": 1,
        "damage": 1,
        "orphans": 0,
    }
    assert len(stage.answers) == KNOWN - DELETED + NEW


@pytest.fixture
def library(stage: Stage, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stage.before, tmp_path / "library"))


CHANCE = random.Random(2)


@pytest.mark.parametrize("batches", CHANCE.sample(range(1, NEW // BATCH_SIZE - 1), 4))
def test_killed_from_outside_in_the_middle(stage: Stage, library: Path, batches: int) -> None:
    lines, code = run(stage.photos, library, kill_after=batches)
    assert code == -signal.SIGKILL
    check_recovery(stage, library, lines)


@pytest.mark.parametrize("share", [CHANCE.uniform(0, 0.98) for _ in range(6)])
def test_killed_at_a_random_function_call(stage: Stage, library: Path, share: float) -> None:
    lines, code = run(stage.photos, library, die_at=round(share * stage.calls))
    assert code == -signal.SIGKILL
    check_recovery(stage, library, lines)


def test_killed_again_and_again_it_still_ends(stage: Stage, library: Path) -> None:
    begun: list[str] = []
    for _ in range(2):
        # When the third batch begins, the first is written.
        lines, code = run(stage.photos, library, kill_after=3)
        assert code == -signal.SIGKILL
        begun += lines
    with photoseek.open(library, model=ColourEmbedder()) as opened:
        rest = opened.index(stage.photos).embedded
    assert 2 * BATCH_SIZE <= NEW - rest <= len([line for line in begun if line.startswith("embed")]) * BATCH_SIZE
    assert (rows(library), answers(library)) == (stage.rows, stage.answers)


@pytest.mark.parametrize("share", [number / 5 for number in range(5)])
def test_killed_in_the_first_run_of_all(stage: Stage, tmp_path: Path, share: float) -> None:
    library = tmp_path / "library"
    creating = round(stage.calls * 0.3)  # about what making the library takes, beside the first pictures
    _, code = run(stage.photos, library, die_at=1 + round(share * creating))
    assert code == -signal.SIGKILL
    with photoseek.open(library, model=ColourEmbedder()) as opened:
        opened.index(stage.photos)
    assert sorted(answers(library)) == sorted(stage.answers)  # ids differ, and with them the order of equal scores


@pytest.mark.slow
@pytest.mark.parametrize("share", [random.Random(seed).random() * 0.98 for seed in range(50)])
def test_killed_at_fifty_random_function_calls(stage: Stage, library: Path, share: float) -> None:
    lines, code = run(stage.photos, library, die_at=round(share * stage.calls))
    assert code == -signal.SIGKILL
    check_recovery(stage, library, lines)
