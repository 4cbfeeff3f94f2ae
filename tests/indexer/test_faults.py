"""What can go wrong around a run costs what it must, is said in one line, and leaves the library whole."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import photoseek
from photoseek import CatalogUnavailable, IndexOptions, IndexReport, Library, LibraryError, Progress, RootEmptied
from photoseek.library.catalog import database
from photoseek.library.types import Pixels, Vectors
from photoseek.tests.support.consistency import faults
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.faulty import CRASH, DIE_ONCE, EAT, HANG, FaultyEmbedder
from photoseek.tests.support.hostile import SEEDS, landscape, mutated
from photoseek.tests.support.mounts import SmallDisk

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits, signals and mounts as Linux has them")

ONE_BY_ONE = IndexOptions(batch_size=1, workers=1)
AHEAD = 8  # more files than a run one by one has begun to read when it tells of the first


def shades(folder: Path, count: int) -> list[Path]:
    """Paint `count` pictures, all different; return them in the order in which they are read."""
    return [paint(folder / f"{number:04d}.png", (number % 200 + 20, number // 200, 9)) for number in range(count)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path / "disk")
    yield disk
    disk.unmount()


# Codecs


def test_codecs_that_crash_hang_and_eat_cost_one_file_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photoseek.library.images.isolation.machine_memory_bytes", lambda: 1 << 30)
    shades(tmp_path / "photos", 40)
    bad = {"0007a.png": CRASH, "0020a.png": HANG, "0033a.png": EAT}
    for name, colour in bad.items():
        paint(tmp_path / "photos" / name, colour)
    options = IndexOptions(batch_size=4, workers=2, timeout_s=5)
    with photoseek.open(tmp_path / "library", model=FaultyEmbedder(tmp_path)) as library:
        assert library.index(tmp_path / "photos", options) == IndexReport(new=40, failed=3, embedded=40)
        assert {Path(failure.path).name: (failure.stage, failure.reason) for failure in library.failures()} == {
            "0007a.png": ("decode", "the decoder crashed (SIGSEGV)"),
            "0020a.png": ("decode", "took longer than 5 s"),
            "0033a.png": ("decode", "needed more than 1,024 MB"),
        }
        assert faults(library) == []
        # Too slow or too large may have been the moment's trouble: these two are tried again.
        assert library.index(tmp_path / "photos", options) == IndexReport(unchanged=40, failed=2, still_failing=1)


def test_a_decoding_process_killed_from_outside_costs_nothing(tmp_path: Path) -> None:
    shades(tmp_path / "photos", 20)
    paint(tmp_path / "photos" / "0007a.png", DIE_ONCE)
    with photoseek.open(tmp_path / "library", model=FaultyEmbedder(tmp_path)) as library:
        assert library.index(tmp_path / "photos") == IndexReport(new=21, embedded=21)
        assert (tmp_path / "died").exists()
        assert faults(library) == []


# Files


@pytest.mark.parametrize("how", ["truncated", "changed", "removed"])
def test_files_that_change_before_they_are_read_are_taken_as_they_are_then(tmp_path: Path, how: str) -> None:
    paths = shades(tmp_path / "photos", 30)
    later = paths[AHEAD::3]

    def disturb(progress: Progress) -> None:
        if progress.done == 1:
            for path in later:
                if how == "truncated":
                    os.truncate(path, 40)
                elif how == "changed":
                    paint(path, "blue", (30, 30))
                else:
                    path.unlink()

    options = IndexOptions(batch_size=1, workers=1, on_progress=disturb)
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        report = library.index(tmp_path / "photos", options)
        failed = 0 if how == "changed" else len(later)
        assert (report.new, report.failed) == (30 - failed, failed)
        assert faults(library) == []
        again = library.index(tmp_path / "photos")
        assert again == IndexReport(unchanged=30 - failed, still_failing=failed if how == "truncated" else 0)
        assert len(library.failures()) == again.still_failing


def fuzzed(folder: Path, count: int, seed: int) -> None:
    """Write `count` mutations of small files of every format in turn."""
    folder.mkdir()
    chance = random.Random(seed)
    picture = landscape(np.random.default_rng(seed), 64, 48)
    seeds = [(name.replace(" ", "-"), encode(picture)) for name, encode in SEEDS]
    for number in range(count):
        name, data = seeds[number % len(seeds)]
        # Headers are at the front: half of the edits go there.
        places = (chance.randrange(1 << 20) if chance.random() < 0.5 else chance.randrange(64) for _ in range(4))
        edits = [(place, chance.randrange(256)) for place in places]
        (folder / f"{number:04d}-{name}.jpg").write_bytes(mutated(data, edits, chance.choice([256, 256, 250, 128])))


def check_fuzzed(folder: Path, count: int, seed: int) -> None:
    fuzzed(folder / "photos", count, seed)
    with photoseek.open(folder / "library", model=ColourEmbedder()) as library:
        report = library.index(folder / "photos")
        assert report.new + report.failed == count
        assert report.new == report.embedded + len(copies(folder / "photos", library))
        assert min(report.new, report.failed) > count // 10
        assert all(failure.reason.isprintable() and failure.stage == "decode" for failure in library.failures())
        assert faults(library) == []
        assert library.index(folder / "photos") == IndexReport(unchanged=report.new, still_failing=report.failed)


def copies(folder: Path, library: Library) -> list[Path]:
    """Files indexed without the model, as copies of one that came before: mutations may hit nothing."""
    failed = {failure.path for failure in library.failures()}
    sound = [path for path in sorted(folder.iterdir()) if str(path) not in failed]
    contents = [path.read_bytes() for path in sound]
    return [path for number, path in enumerate(sound) if contents[number] in contents[:number]]


def test_a_hundred_fuzzed_files_are_pictures_or_failures(tmp_path: Path) -> None:
    check_fuzzed(tmp_path, 100, seed=5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_thousand_fuzzed_files_are_pictures_or_failures(tmp_path: Path, seed: int) -> None:
    check_fuzzed(tmp_path, 1000, seed=seed)


def test_an_unmounted_root_makes_nothing_missing(tmp_path: Path, small_disk: SmallDisk) -> None:
    small_disk.mount(size_kb=1000)
    shades(small_disk.path, 5)
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        assert library.index(small_disk.path) == IndexReport(new=5, embedded=5)
        small_disk.unmount()
        with pytest.raises(RootEmptied):
            library.index(small_disk.path)
        assert library.info().missing == 0
        assert faults(library) == []


# Disks and databases


def test_a_full_disk_ends_the_run_and_loses_nothing(tmp_path: Path, small_disk: SmallDisk) -> None:
    shades(tmp_path / "photos", 400)
    small_disk.mount(size_kb=400)
    written: list[int] = []
    options = IndexOptions(batch_size=8, workers=2, on_progress=lambda progress: written.append(progress.done))
    library = photoseek.open(small_disk.path / "library", model=ColourEmbedder())
    with library, pytest.raises(LibraryError, match=r"disk is full|No space left|check its disk"):
        library.index(tmp_path / "photos", options)
    small_disk.remount("size=20000k")
    with photoseek.open(small_disk.path / "library", model=ColourEmbedder()) as library:
        report = library.index(tmp_path / "photos")
        assert report.new + report.unchanged == 400
        assert report.unchanged >= max(written) - 16  # all but the two batches in flight
        assert report.unchanged > 0
        assert faults(library) == []


def test_a_read_only_library_says_so_and_is_left_alone(tmp_path: Path, small_disk: SmallDisk) -> None:
    photos = shades(tmp_path / "photos", 5)
    small_disk.mount(size_kb=4000)
    with photoseek.open(small_disk.path / "library", model=ColourEmbedder()) as library:
        library.index(tmp_path / "photos")
    small_disk.remount("ro")
    paint(photos[0], "blue", (30, 30))
    library = photoseek.open(small_disk.path / "library", model=ColourEmbedder())
    with library, pytest.raises(LibraryError, match=r"read-only|Read-only|cannot be written"):
        library.index(tmp_path / "photos")
    small_disk.remount("rw")
    with photoseek.open(small_disk.path / "library", model=ColourEmbedder()) as library:
        assert library.index(tmp_path / "photos") == IndexReport(changed=1, unchanged=4, embedded=1)
        assert faults(library) == []


_HOLD_THE_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_database_locked_by_another_process_is_waited_for_and_then_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_MS", 200)
    shades(tmp_path / "photos", 5)
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        library.index(tmp_path / "photos")
        paint(tmp_path / "photos" / "new.png", "red")
        command = [sys.executable, "-c", _HOLD_THE_LOCK, str(tmp_path / "library" / "catalog.sqlite")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"locked\n"
            with pytest.raises(CatalogUnavailable, match="another process holds its lock"):
                library.index(tmp_path / "photos")
            assert len(library.search("red", k=10)) == 5  # readers are not kept waiting
            holder.kill()
        assert library.index(tmp_path / "photos") == IndexReport(new=1, unchanged=5, embedded=1)
        assert faults(library) == []


class Disturbing(ColourEmbedder):
    """Does something to the world before its third batch."""

    def __init__(self, disturb: Callable[[], None]) -> None:
        super().__init__()
        self._disturb = disturb
        self._batches = 0

    def __reduce__(self) -> tuple[type[ColourEmbedder], tuple[()]]:
        return ColourEmbedder, ()

    def embed_images(self, pixels: Pixels) -> Vectors:
        self._batches += 1
        if self._batches == 3:
            self._disturb()
        return super().embed_images(pixels)


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_postgresql_restarted_in_mid_run_loses_nothing(
    tmp_path: Path, restartable_postgresql: tuple[str, Callable[[str], None]], how: str
) -> None:
    url, restart = restartable_postgresql
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "library.toml").write_text(f'model = "colours"\ncatalog = "{url}"\n')
    shades(tmp_path / "photos", 60)
    with photoseek.open(folder, model=Disturbing(lambda: restart(how))) as library:
        report = library.index(tmp_path / "photos", IndexOptions(batch_size=5, workers=2))
        assert (report.new, report.embedded) == (60, 60)  # whatever was on its way at that moment
    with photoseek.open(folder, model=ColourEmbedder()) as library:
        report = library.index(tmp_path / "photos")
        assert report.unchanged == 60
        assert faults(library, url) == []
