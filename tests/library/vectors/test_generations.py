"""Generations on disk: published whole or not at all, verified before use, never served damaged."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from photoseek.library.errors import DimensionMismatch, IndexWriteFailed, LibraryError
from photoseek.library.types import ImageIds, Match, Vectors
from photoseek.library.vectors.generations import Generation, Generations
from photoseek.library.vectors.manifest import GenerationIdentity

DIM = 4
IDENTITY = GenerationIdentity("library-1", "ViT-B-32/laion2b@0a1b:224", DIM)


@pytest.fixture
def generations(tmp_path: Path) -> Generations:
    return Generations(tmp_path / "vectors", IDENTITY)


def chunks(count: int) -> Iterator[tuple[ImageIds, Vectors]]:
    """Images 0 to `count`, each on the axis of its id modulo 4, three to a chunk."""
    for start in range(0, count, 3):
        ids = np.arange(start, min(start + 3, count), dtype=np.int64)
        yield ids, np.eye(DIM, dtype=np.float32)[ids % DIM]


def publish(generations: Generations, count: int, change_seq: int = 1) -> Generation:
    return generations.publish(chunks(count), change_seq, count)


def names(generations: Generations) -> set[str]:
    return {path.name for path in generations.folder.iterdir()}


def on_first_axis(generation: Generation | None) -> list[int]:
    """Ask for the images on the first axis."""
    assert generation is not None
    [matches] = generation.load().search(np.eye(1, DIM, dtype=np.float32), 100)
    return [match.image_id for match in matches if match.score > 0.5]


def test_nothing_published_is_no_generation(generations: Generations) -> None:
    assert generations.newest() is None


def test_a_published_generation_is_found_with_its_facts_and_answers(generations: Generations) -> None:
    before = datetime.now(UTC)
    published = publish(generations, 10, change_seq=42)
    newest = Generations(generations.folder.parent, IDENTITY).newest()
    assert newest is not None
    assert (newest.number, newest.manifest) == (1, published.manifest)
    assert newest.manifest.identity == IDENTITY
    assert (newest.manifest.count, newest.manifest.change_seq) == (10, 42)
    assert before <= newest.manifest.built_at <= datetime.now(UTC)
    assert on_first_axis(newest) == on_first_axis(published) == [0, 4, 8]


def test_an_empty_generation_is_a_generation(generations: Generations) -> None:
    publish(generations, 0)
    newest = generations.newest()
    assert newest is not None
    assert (len(newest.load()), newest.load().dim) == (0, DIM)


def test_a_newer_generation_replaces_the_older_which_stays_searchable_where_it_is_open(
    generations: Generations,
) -> None:
    publish(generations, 5)
    opened = generations.newest()
    publish(generations, 9, change_seq=2)
    assert names(generations) == {"gen-2.vectors", "gen-2.json"}
    assert on_first_axis(opened) == [0, 4]
    assert on_first_axis(generations.newest()) == [0, 4, 8]


def test_models_live_side_by_side(tmp_path: Path, generations: Generations) -> None:
    other = Generations(tmp_path / "vectors", GenerationIdentity("library-1", "vit-b-32/laion2b@0a1b:224", DIM))
    publish(generations, 5)
    publish(other, 9)
    assert on_first_axis(generations.newest()) == [0, 4]
    assert on_first_axis(other.newest()) == [0, 4, 8]


def index_file(generations: Generations) -> Path:
    return generations.folder / "gen-1.vectors"


def manifest_file(generations: Generations) -> Path:
    return generations.folder / "gen-1.json"


def truncate(generations: Generations) -> None:
    os.truncate(index_file(generations), index_file(generations).stat().st_size // 2)


def empty(generations: Generations) -> None:
    index_file(generations).write_bytes(b"")


def flip_a_bit(generations: Generations) -> None:
    content = bytearray(index_file(generations).read_bytes())
    content[-20] ^= 1
    index_file(generations).write_bytes(content)


def lose_the_index(generations: Generations) -> None:
    index_file(generations).unlink()


def lose_the_manifest(generations: Generations) -> None:
    manifest_file(generations).unlink()


def garble_the_manifest(generations: Generations) -> None:
    manifest_file(generations).write_bytes(b'{"format_version": 1, \xff')


def rewrite(**facts: str | float | None) -> Callable[[Generations], None]:
    """Make a damage that changes these facts of the manifest; None takes one out."""

    def damage(generations: Generations) -> None:
        old = json.loads(manifest_file(generations).read_text(encoding="utf-8")) | facts
        kept = {name: fact for name, fact in old.items() if fact is not None}
        manifest_file(generations).write_text(json.dumps(kept), encoding="utf-8")

    return damage


DAMAGES = {
    "truncated": (truncate, "bytes instead of"),
    "emptied": (empty, "0 bytes instead of"),
    "bit flipped": (flip_a_bit, "checksum"),
    "index lost": (lose_the_index, "No such file"),
    "manifest lost": (lose_the_manifest, "No such file"),
    "manifest garbled": (garble_the_manifest, "decode"),
    "manifest of another kind": (lambda g: manifest_file(g).write_text("[]"), "no JSON object"),
    "another library's": (rewrite(library_id="library-2"), "library-2"),
    "another model's": (rewrite(model_key="mini"), "mini"),
    "another dimension": (rewrite(dim=8), "dim=8"),
    "a newer format": (rewrite(format_version=2), "format is 2"),
    "a miscount": (rewrite(count=11), "of 11 x 4 numbers"),
    "a fact missing": (rewrite(vectors=None), "garbles 'vectors'"),
    "a fact garbled": (rewrite(change_seq=float("inf")), "infinity"),
}


@pytest.mark.parametrize(("damage", "reason"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_generation_is_logged_and_treated_as_absent_until_it_is_built_again(
    generations: Generations,
    damage: Callable[[Generations], None],
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    publish(generations, 10)
    damage(generations)
    with caplog.at_level(logging.WARNING):
        assert generations.newest() is None
    [message] = caplog.messages
    assert "gen-1.vectors is not used" in message
    assert reason in message
    publish(generations, 10)
    assert on_first_axis(generations.newest()) == [0, 4, 8]


def test_an_older_generation_that_verifies_serves_in_place_of_a_damaged_one(generations: Generations) -> None:
    publish(generations, 5)
    older = {path: path.read_bytes() for path in generations.folder.iterdir()}
    publish(generations, 9, change_seq=2)
    for path, content in older.items():
        path.write_bytes(content)
    (generations.folder / "gen-2.vectors").write_bytes(b"")
    newest = generations.newest()
    assert newest is not None
    assert (newest.number, newest.manifest.change_seq) == (1, 1)


def test_a_file_too_large_to_hash_each_time_is_opened_and_measured_instead(generations: Generations) -> None:
    publish(generations, 10)
    flip_a_bit(generations)
    assert generations.newest(sum_limit_bytes=0) is not None
    size = index_file(generations).stat().st_size
    index_file(generations).write_bytes(b"\0" * size)
    assert generations.newest(sum_limit_bytes=0) is None
    truncate(generations)
    assert generations.newest(sum_limit_bytes=0) is None


KILLED_WHILE_PUBLISHING = """
import os, sys
from pathlib import Path
from photoseek.tests.library.vectors.test_generations import IDENTITY, publish
from photoseek.library.vectors.generations import Generations

folder, fatal_step = Path(sys.argv[1]), int(sys.argv[2])
steps = 0

def step():
    global steps
    steps += 1
    if steps == fatal_step:
        os._exit(9)

def audit(event, arguments):
    if event in {"os.rename", "os.remove", "os.mkdir"} or (event == "open" and arguments[1] == "xb"):
        if str(folder) in str(arguments[0]):
            step()

fsync = os.fsync

def fsync_step(descriptor):
    step()
    fsync(descriptor)

os.fsync = fsync_step
generations = Generations(folder, IDENTITY)
sys.addaudithook(audit)
publish(generations, 9, change_seq=2)
"""


def test_killed_at_any_step_of_publishing_there_is_the_old_generation_or_the_new(generations: Generations) -> None:
    publish(generations, 5)
    before = {path.name: path.read_bytes() for path in generations.folder.iterdir()}
    answers = []
    for fatal_step in range(1, 30):
        for path in generations.folder.iterdir():
            path.unlink()
        for name, content in before.items():
            (generations.folder / name).write_bytes(content)
        command = [sys.executable, "-c", KILLED_WHILE_PUBLISHING, str(generations.folder.parent), str(fatal_step)]
        exit_status = subprocess.run(command, check=False).returncode
        answers.append(on_first_axis(generations.newest()))
        if exit_status == 0:
            break
        assert exit_status == 9
        publish(generations, 5)
        assert len(names(generations)) == 2
        assert on_first_axis(generations.newest()) == [0, 4]
    else:
        pytest.fail("the build never came to its end")
    # Two files written and synced, two renamed, the folder synced, two older files removed.
    assert len(answers) > 9
    changed = answers.index([0, 4, 8])
    assert answers == [[0, 4]] * changed + [[0, 4, 8]] * (len(answers) - changed)


def test_leftovers_of_killed_builds_are_swept_but_not_those_of_a_live_process(generations: Generations) -> None:
    generations.folder.mkdir(parents=True)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    token = "0" * 32
    live = f"unfinished-{os.getppid()}-{token}.faiss"
    recycled = f"unfinished-{os.getpid()}-{token}.faiss"
    dead = f"unfinished-{ended.pid}-{token}.json"
    for name in (live, recycled, dead, f"unfinished-{'9' * 30}-{token}.json", "note.txt"):
        (generations.folder / name).write_bytes(b"")
    publish(generations, 5)
    assert names(generations) == {"gen-1.vectors", "gen-1.json", live, "note.txt"}


@pytest.mark.parametrize("failing", [1, 2, 3], ids=["index", "manifest", "folder"])
@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.ENOSPC, "free some space"), (errno.EROFS, "writable"), (errno.EIO, "check that disk")]
)
def test_a_disk_that_fails_leaves_no_half_file_and_a_generation_in_place(
    generations: Generations, monkeypatch: pytest.MonkeyPatch, failing: int, number: int, remedy: str
) -> None:
    publish(generations, 5)
    calls = iter(range(1, 100))

    def fail(descriptor: int) -> None:
        if next(calls) == failing:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(IndexWriteFailed) as failure:
        publish(generations, 9, change_seq=2)
    assert isinstance(failure.value, LibraryError)
    for part in (str(generations.folder), os.strerror(number), remedy):
        assert part in str(failure.value)
    assert {"gen-1.vectors", "gen-1.json"} <= names(generations)
    assert not [name for name in names(generations) if name.startswith("unfinished")]
    assert on_first_axis(generations.newest()) == ([0, 4] if failing < 3 else [0, 4, 8])


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "vectors").write_text("a file where the folder should be")
    with pytest.raises(IndexWriteFailed, match=r"cannot write the vector index in .*vectors.*: .+; .+"):
        publish(Generations(tmp_path / "vectors", IDENTITY), 5)


def test_chunks_that_fail_leave_the_older_generation_and_nothing_else(generations: Generations) -> None:
    publish(generations, 5)

    def interrupted() -> Iterator[tuple[ImageIds, Vectors]]:
        yield from chunks(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generations.publish(interrupted(), 2, 9)
    with pytest.raises(DimensionMismatch):
        generations.publish([(np.arange(1, dtype=np.int64), np.ones((1, 3), dtype=np.float32))], 2, 9)
    assert names(generations) == {"gen-1.vectors", "gen-1.json"}
    assert on_first_axis(generations.newest()) == [0, 4]


def test_readers_find_a_generation_at_every_moment_while_others_are_published(generations: Generations) -> None:
    publish(generations, 5)
    done = threading.Event()
    found: list[bool] = []

    def read() -> None:
        while not done.is_set():
            generation = generations.newest()
            found.append(
                generation is not None
                and generation.load().search(np.eye(1, DIM, dtype=np.float32), 1) == [[Match(0, 1.0)]]
            )

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for change_seq in range(2, 30):
        publish(generations, 5, change_seq)
    done.set()
    for reader in readers:
        reader.join()
    assert found
    assert all(found)


def test_two_threads_that_publish_at_once_take_turns(generations: Generations) -> None:
    """A build sweeps away what killed builds of its own process number left: another thread's would look like that."""
    others: list[threading.Thread] = []

    def interrupted() -> Iterator[tuple[ImageIds, Vectors]]:
        yield from chunks(5)
        others.append(threading.Thread(target=lambda: publish(generations, 9, change_seq=2)))
        others[0].start()
        others[0].join(timeout=0.3)

    first = generations.publish(interrupted(), 1, 5)
    others[0].join()
    assert on_first_axis(first) == [0, 4]
    assert names(generations) == {"gen-2.vectors", "gen-2.json"}
    assert on_first_axis(generations.newest()) == [0, 4, 8]
