"""Whatever a codec does to its process, it costs the one file that provoked it, and the run goes on."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from photoseek.indexer import isolation
from photoseek.indexer.isolation import IsolatedLoader
from photoseek.indexer.load import Loaded, Loader, ReadFile, worker_threads
from photoseek.indexer.plan import ToRead
from photoseek.library.embedders.base import preprocessing_of
from photoseek.library.embedders.mini import MiniEmbedder
from photoseek.library.errors import DecodingUnavailable
from photoseek.library.images.archives import open_archive
from photoseek.library.images.isolation import IsolatedPool, IsolationLimits
from photoseek.library.images.sources import Failed, FileState
from photoseek.library.types import Pixels
from photoseek.tests.support.fakes import SIDE_PX, ColourEmbedder, paint
from photoseek.tests.support.faulty import CRASH, DIE_ONCE, EAT, HANG, INTERRUPT, PRINT, RAISE, FaultyEmbedder
from photoseek.tests.support.packed import pack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and signals as Linux has them")

MB = 1 << 20
LIMITS = IsolationLimits(timeout_s=60, memory_bytes=512 * MB, alone_bytes=512 * MB)

Opened = Callable[..., IsolatedLoader]


def task(path: Path) -> ToRead:
    status = path.stat()
    return ToRead(FileState(str(path), str(path.parent), status.st_size, status.st_mtime_ns), None)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Open isolated loaders over the faulty embedder's preprocessing."""
    loaders: list[IsolatedLoader] = []

    def open_one(limits: IsolationLimits = LIMITS) -> IsolatedLoader:
        loaders.append(IsolatedLoader(Loader(FaultyEmbedder(tmp_path).preprocess, SIDE_PX), limits))
        return loaders[-1]

    yield open_one
    for loader in loaders:
        loader.close()


def outcomes(loader: IsolatedLoader, folder: Path, *colours: tuple[int, int, int]) -> list[str]:
    """Load pictures of these colours, three at a time; return `loaded`, or the failure's stage and reason."""
    paths = [paint(folder / f"{number}.png", colour) for number, colour in enumerate(colours)]
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(loader.load, map(task, paths)))
    assert [result.file.path for result in results] == [str(path) for path in paths]
    return ["loaded" if isinstance(item, Loaded) else f"{item.stage}: {item.reason}" for item in results]


PLAIN = (9, 9, 9)


def test_a_picture_comes_out_of_a_process_as_its_loader_would_have_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (300, 400, 3), dtype=np.uint8)).save(path)
    loader = Loader(preprocessing_of(MiniEmbedder()), 260)
    expected = loader.load(task(path))
    with IsolatedLoader(loader, LIMITS) as isolated:
        found = isolated.load(task(path))
    assert isinstance(found, Loaded)
    assert isinstance(expected, Loaded)
    assert (found.file, found.known, found.facts) == (expected.file, expected.known, expected.facts)
    assert np.array_equal(found.pixels, expected.pixels)
    assert caplog.records == []  # no note that it ran in a thread


def test_what_is_wrong_with_a_file_comes_out_as_data(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_text("Dear all,")
    failed = opened().load(task(tmp_path / "letter.jpg"))
    assert isinstance(failed, Failed)
    assert (failed.stage, failed.reason) == ("decode", "is a text file")


def test_a_crash_costs_the_one_file(opened: Opened, tmp_path: Path) -> None:
    found = outcomes(opened(), tmp_path, PLAIN, CRASH, PLAIN, PLAIN, CRASH, PLAIN, PLAIN)
    crash = "decode: the decoder crashed (SIGSEGV)"
    assert found == ["loaded", crash, "loaded", "loaded", crash, "loaded", "loaded"]


def test_a_hang_costs_the_one_file(opened: Opened, tmp_path: Path) -> None:
    found = outcomes(opened(IsolationLimits(timeout_s=3)), tmp_path, PLAIN, HANG, PLAIN, PLAIN)
    assert found == ["loaded", "decode: took longer than 3 s", "loaded", "loaded"]


def test_a_limit_of_less_than_a_second_is_told(opened: Opened, tmp_path: Path) -> None:
    assert outcomes(opened(IsolationLimits(timeout_s=0.25)), tmp_path, HANG) == ["decode: took longer than 0.25 s"]


def test_a_greedy_file_costs_itself_alone(opened: Opened, tmp_path: Path) -> None:
    assert outcomes(opened(), tmp_path, PLAIN, EAT, PLAIN) == ["loaded", "decode: needed more than 512 MB", "loaded"]


@pytest.mark.parametrize("large_bytes", [0, 32 * MB])
def test_a_member_of_an_archive_is_read_once_by_the_run_itself(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large_bytes: int
) -> None:
    monkeypatch.setattr(isolation, "_LARGE_BYTES", large_bytes)
    colours = {"1.png": PLAIN, "2.png": DIE_ONCE, "3.png": CRASH, "4.png": PLAIN}
    pictures = {name: paint(tmp_path / name, colour).read_bytes() for name, colour in colours.items()}
    archive = pack(tmp_path / "shard.tar.gz", pictures)
    read: list[str] = []
    really_read = Loader.read

    def noted(loader: Loader, asked: ToRead) -> ReadFile | Failed:
        read.append(Path(asked.file.path).name)
        return really_read(loader, asked)

    monkeypatch.setattr(Loader, "read", noted)  # here alone: the processes have a class of their own
    tasks = [
        ToRead(FileState(f"{archive}!/{member.name}", str(tmp_path), member.size_bytes, 1, offset=member.offset), None)
        for member in open_archive(str(archive)).members()
    ]
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(opened().load, tasks))
    assert [isinstance(result, Loaded) for result in results] == [True, True, False, True]
    assert sorted(read) == sorted(pictures)


def test_a_large_file_is_given_more_memory_when_it_is_alone(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("RGB", (6000, 6000)).save(path)  # 144 MB decoded
    small = IsolationLimits(memory_bytes=100 * MB, alone_bytes=100 * MB)
    loader = Loader(ColourEmbedder().preprocess, SIDE_PX)
    with IsolatedLoader(loader, small) as isolated:
        failed = isolated.load(task(path))
    assert isinstance(failed, Failed)
    assert failed.reason == "needed more than 100 MB"
    with IsolatedLoader(loader, IsolationLimits(memory_bytes=100 * MB, alone_bytes=512 * MB)) as isolated:
        assert isinstance(isolated.load(task(path)), Loaded)


def test_a_process_killed_from_outside_costs_nothing(opened: Opened, tmp_path: Path) -> None:
    assert outcomes(opened(), tmp_path, PLAIN, DIE_ONCE, PLAIN) == ["loaded"] * 3
    assert (tmp_path / "died").exists()


def test_processes_ignore_ctrl_c_and_what_codecs_print(opened: Opened, tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # else they may inherit that it is ignored
    try:
        assert outcomes(opened(), tmp_path, INTERRUPT, PRINT, PLAIN) == ["loaded"] * 3
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_error_of_the_models_preprocessing_is_raised(opened: Opened, tmp_path: Path) -> None:
    loader = opened()
    with pytest.raises(ZeroDivisionError, match="the model's preprocessing broke"):
        loader.load(task(paint(tmp_path / "red.png", RAISE)))
    assert outcomes(loader, tmp_path, PLAIN) == ["loaded"]


def test_leaving_does_not_wait_for_what_hangs(opened: Opened, tmp_path: Path) -> None:
    hanging = task(paint(tmp_path / "hang.png", HANG))
    with worker_threads(1) as pool, opened(IsolationLimits(timeout_s=3600)) as loader:
        assert isinstance(loader.load(task(paint(tmp_path / "plain.png", PLAIN))), Loaded)
        waiting = pool.submit(loader.load, hanging)
    with pytest.raises(DecodingUnavailable):
        waiting.result()
    with pytest.raises(DecodingUnavailable):
        loader.load(hanging)


def test_processes_die_with_their_parent_even_while_they_hang(tmp_path: Path) -> None:
    paint(tmp_path / "hang.png", HANG)
    code = f"from photoseek.tests.indexer.test_isolation import wait_for_hang; wait_for_hang({str(tmp_path)!r})"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"hangs\n"
        parent.kill()
    waiting = Thread(target=locked, args=(tmp_path / "hanging",), daemon=True)
    waiting.start()
    waiting.join(timeout=60)
    assert not waiting.is_alive()


def wait_for_hang(folder: str) -> None:
    """What the killed parent does: have a file loaded that hangs, and say so."""
    scratch = Path(folder)
    with (
        ThreadPoolExecutor(1) as pool,
        IsolatedLoader(Loader(FaultyEmbedder(scratch).preprocess, SIDE_PX), LIMITS) as it,
    ):
        loading = pool.submit(it.load, task(scratch / "hang.png"))
        while not (scratch / "hangs").exists():
            assert not loading.done()
        print("hangs", flush=True)  # noqa: T201 - to the test
        loading.result()


def locked(path: Path) -> None:
    """Return when nobody holds the lock on `path`."""
    import fcntl

    with path.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)


def test_preprocessing_that_cannot_travel_runs_in_threads_with_one_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def local(image: Image.Image) -> Pixels:
        return ColourEmbedder().preprocess(image)

    paths = [paint(tmp_path / f"{number}.png", PLAIN) for number in range(3)]
    with caplog.at_level(logging.WARNING), IsolatedLoader(Loader(local, SIDE_PX), LIMITS) as isolated:
        assert all(isinstance(isolated.load(task(path)), Loaded) for path in paths)
    [record] = caplog.records
    assert "unprotected, in threads" in record.getMessage()


def test_preprocessing_whose_module_is_not_to_be_had_runs_in_threads(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here_only.py").write_text("def preprocess(image):\n    return __import__('numpy').asarray(image)\n")
    monkeypatch.syspath_prepend(tmp_path)
    from here_only import preprocess  # type: ignore[import-not-found]

    monkeypatch.undo()
    with caplog.at_level(logging.WARNING), IsolatedLoader(Loader(preprocess, SIDE_PX), LIMITS) as isolated:
        assert isinstance(isolated.load(task(paint(tmp_path / "red.png", "red"))), Loaded)
    assert "here_only" in caplog.text


def test_no_program_to_start_is_an_error_and_blames_no_file(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(DecodingUnavailable, match="No such file"):
        opened().load(task(paint(tmp_path / "red.png", PLAIN)))


def test_a_process_imports_nothing_heavy() -> None:
    code = (
        "import sys, photoseek.library.images.isolation_worker, photoseek.library.images.thumbnails\n"
        "import photoseek.indexer.isolation\n"
        "import photoseek.library.embedders.mini\n"
        "print([name for name in ('sqlalchemy', 'onnxruntime', 'faiss', 'torch', 'click') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(("workers", "gigabytes"), [(1, 4), (2, 4), (16, 4), (1000, 1)])
def test_memory_is_shared_out_and_a_second_try_may_take_half_of_it(
    workers: int, gigabytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photoseek.library.images.isolation.machine_memory_bytes", lambda: 128 << 30)
    limits = IsolationLimits.of_machine(workers, timeout_s=5)
    assert limits == IsolationLimits(5, gigabytes << 30, 4 << 30)
    monkeypatch.setattr("photoseek.library.images.isolation.machine_memory_bytes", lambda: 1 << 30)
    assert IsolationLimits.of_machine(workers, timeout_s=5) == IsolationLimits(5, 1 << 30, 1 << 30)


@pytest.mark.skipif(sys.platform != "linux", reason="only there")
def test_where_memory_runs_out_the_system_is_told_to_end_a_decoder_first() -> None:
    with IsolatedPool[str, int](_oom_score, IsolationLimits()) as pool:
        assert pool.run("self", 1) > int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii"))


def _oom_score(process: str) -> int:
    return int(Path(f"/proc/{process}/oom_score_adj").read_text(encoding="ascii"))
