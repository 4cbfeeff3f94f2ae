"""The watch as it runs, with news, clock and disk in the tests' hands; then once with the system's own news."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

import photoseek
from photoseek import IndexOptions, IndexReport, Library, Pace, WatchOptions, WatchReport
from photoseek.indexer.fs_events import Touched
from photoseek.indexer.pipeline import index
from photoseek.indexer.watch import follow
from photoseek.library.errors import CatalogUnavailable
from photoseek.library.lock import writing_lock
from photoseek.tests.support.fakes import ColourEmbedder, paint

PATIENCE_S = 120.0


@dataclass
class Script:
    """News and time, told by hand: each call to `receive` runs the next scene, and may let time pass."""

    scenes: list[Callable[[], object]]
    now_s: float = 0.0
    news: list[Touched] = field(default_factory=list)
    attended: list[str] = field(default_factory=list)
    refusal: str | None = None
    deaf: bool = False

    def attend(self, root: str) -> str | None:
        self.attended.append(root)
        return self.refusal

    def is_attending(self, root: str) -> bool:
        return not self.deaf

    def receive(self, timeout_s: float) -> list[Touched]:
        assert 0 <= timeout_s <= 1
        if self.scenes:
            self.scenes.pop(0)()
        self.now_s += timeout_s
        told, self.news = self.news, []
        return told

    def close(self) -> None:
        self.refusal = "closed"

    def tell(self, *paths: Path, is_folder: bool = False) -> None:
        self.news += [Touched(str(path), is_folder) for path in paths]


@dataclass
class Watched:
    """A library that watches `photos` along a script; `syncs` are the reports of its looks."""

    photos: Path
    library: Library
    monkeypatch: pytest.MonkeyPatch
    index: Callable[..., IndexReport] = index
    syncs: list[IndexReport] = field(default_factory=list)
    looked_at: list[list[str]] = field(default_factory=list)

    def along(self, script: Script, pace: Pace | None = None) -> WatchReport:
        """Watch until the script is over and two more heartbeats have passed."""
        ends = [None, None, None]
        script.scenes += [lambda: None for _ in ends]
        self.monkeypatch.setattr("photoseek.indexer.fs_events.SystemEvents", lambda: script)
        timed = partial(follow, clock=lambda: script.now_s)
        self.monkeypatch.setattr("photoseek.indexer.watch.follow", timed)
        self.monkeypatch.setattr("photoseek.indexer.pipeline.index", self._noting(self.index))
        options = IndexOptions(stop=lambda: not script.scenes)
        pace = pace or Pace(quiet_s=0.5, full_every_s=1000)
        return self.library.watch(self.photos, WatchOptions(options, pace, self.syncs.append))

    def _noting(self, index: Callable[..., IndexReport]) -> Callable[..., IndexReport]:
        def noting(*given: object) -> IndexReport:
            roots = given[3]
            assert isinstance(roots, list)
            self.looked_at.append([str(Path(root).relative_to(self.photos)) for root in roots])
            return index(*given)

        return noting

    def found(self, text: str) -> list[str]:
        hits = self.library.search(text)
        return sorted(hit.image.path.name for hit in hits if hit.score > 0.999)


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    paint(tmp_path / "photos" / "red.png", "red")
    paint(tmp_path / "photos" / "sea" / "blue.png", "blue")
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        yield Watched(tmp_path / "photos", library, monkeypatch)


def test_all_is_indexed_at_first_and_then_only_what_was_touched(watched: Watched) -> None:
    script = Script([])
    green = watched.photos / "land" / "green.png"
    script.scenes = [lambda: script.tell(paint(green, "green")), lambda: None, lambda: None]
    report = watched.along(script)
    assert watched.looked_at == [["."], ["land"]]
    assert report == WatchReport(syncs=2, new=3, embedded=3)
    assert watched.syncs == [IndexReport(new=2, embedded=2), IndexReport(new=1, embedded=1)]
    assert watched.found("green") == ["green.png"]


def test_what_was_touched_counts_as_found_in_the_folder_given(watched: Watched) -> None:
    script = Script([])
    script.scenes = [lambda: script.tell(paint(watched.photos / "land" / "green.png", "green"))]
    watched.along(script)
    with watched.library._handle.store.database.reading() as connection:
        roots = connection.exec_driver_sql("SELECT DISTINCT root FROM images").scalars().all()
    assert roots == [str(watched.photos)]


def test_a_burst_is_one_look(watched: Watched) -> None:
    script = Script([])
    for number in range(5):
        path = watched.photos / "land" / f"{number}.png"
        script.scenes.append(lambda path=path, number=number: script.tell(paint(path, (0, 255, number))))  # type: ignore[misc]
    watched.along(script, Pace(quiet_s=1.5, full_every_s=1000))
    assert watched.looked_at == [["."], ["land"]]
    assert watched.syncs[1] == IndexReport(new=5, embedded=5)


def test_a_folder_renamed_is_moved_and_a_folder_emptied_is_missing(watched: Watched) -> None:
    script = Script([])
    sea, ocean = watched.photos / "sea", watched.photos / "ocean"

    def rename() -> None:
        sea.rename(ocean)
        script.tell(sea, ocean, is_folder=True)

    def empty() -> None:
        (ocean / "blue.png").unlink()
        script.tell(ocean / "blue.png")

    script.scenes = [rename, lambda: None, lambda: None, empty]
    watched.along(script)
    assert watched.looked_at == [["."], ["ocean", "sea"], ["ocean"]]
    assert watched.syncs[1:] == [IndexReport(moved=1), IndexReport(missing=1)]


def test_an_unmounted_disk_is_a_note_and_its_images_are_back_with_it(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script([])
    away = watched.photos.with_name("away")

    def unmount() -> None:
        watched.photos.rename(away)
        watched.photos.mkdir()
        script.tell(watched.photos / "red.png")
        script.tell(watched.photos / "sea", is_folder=True)

    def mount() -> None:
        watched.photos.rmdir()
        paint(away / "later.png", "green")
        away.rename(watched.photos)

    script.scenes = [unmount, lambda: None, lambda: None, lambda: None, mount]
    report = watched.along(script)
    assert report == WatchReport(syncs=2, new=3, embedded=3)
    assert watched.syncs[1] == IndexReport(new=1, unchanged=2, embedded=1)
    assert script.attended == [str(watched.photos)] * 3
    [note] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert note.startswith(f"{watched.photos} holds no images, but 2 are known from there")
    assert watched.found("red") == ["red.png"]


def test_a_root_that_went_altogether_is_waited_for(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    script = Script([])
    away = watched.photos.with_name("away")
    script.scenes = [
        lambda: watched.photos.rename(away),
        lambda: None,
        lambda: away.rename(watched.photos),
    ]
    watched.along(script)
    assert watched.syncs == [IndexReport(new=2, embedded=2), IndexReport(unchanged=2)]
    assert len(caplog.records) == 1
    assert script.attended == [str(watched.photos)] * 2


def test_whoever_writes_to_the_library_is_waited_for(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    script = Script([])
    lock = writing_lock(watched.library.folder, "index")

    def hold() -> None:
        lock.__enter__()
        script.tell(paint(watched.photos / "land" / "green.png", "green"))

    waiting: list[Callable[[], object]] = [lambda: None] * 8
    script.scenes = [hold, *waiting, lambda: lock.__exit__(None, None, None), *waiting]
    report = watched.along(script)
    assert report == WatchReport(syncs=2, new=3, embedded=3)
    assert watched.looked_at == [["."], ["land"]]
    [note] = [record.getMessage() for record in caplog.records]
    assert "is being written by `photoseek index` (process " in note
    assert note.endswith("; trying again")


def test_a_database_that_does_not_answer_is_tried_again(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    script = Script([lambda: None] * 8)
    failing = [CatalogUnavailable("here", "its server does not answer")] * 2

    def unwilling(*given: object) -> IndexReport:
        if failing:
            raise failing.pop()
        return index(*given)  # type: ignore[arg-type]

    watched.index = unwilling
    assert watched.along(script, Pace(retry_s=2)) == WatchReport(syncs=1, new=2, embedded=2)
    assert [record.getMessage() for record in caplog.records] == [
        "the catalogue here cannot be used: its server does not answer; trying again"
    ]


def test_without_news_all_of_the_folder_is_looked_at_now_and_then(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script([lambda: paint(watched.photos / "green.png", "green"), *[lambda: None] * 6])
    script.refusal = "the system's limit is reached"
    watched.along(script, Pace(poll_every_s=3))
    assert watched.looked_at == [["."]] * 4
    assert watched.syncs[1] == IndexReport(new=1, unchanged=2, embedded=1)
    assert [record.getMessage() for record in caplog.records] == [
        f"the system's limit is reached: looking at all of {watched.photos} every 3 s instead"
    ]


def test_news_that_cease_are_replaced_by_looking(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    script = Script([])
    script.scenes = [lambda: setattr(script, "deaf", True), *[lambda: None] * 5]
    watched.along(script, Pace(poll_every_s=4))
    assert watched.looked_at == [["."]] * 3
    assert "are no longer told: looking at all of" in caplog.text


def test_a_watch_that_is_over_listens_no_more(watched: Watched) -> None:
    script = Script([])
    watched.along(script)
    assert script.refusal == "closed"


def test_a_folder_that_never_was_is_an_error(watched: Watched) -> None:
    with pytest.raises(photoseek.FolderNotFound):
        watched.library.watch(watched.photos / "nowhere")


def test_the_systems_own_news_are_followed(tmp_path: Path) -> None:
    """New, moved and deleted files, and a folder moved in, each waited for by its report."""
    pytest.importorskip("watchdog")
    photos, aside = tmp_path / "photos", tmp_path / "aside"
    paint(photos / "red.png", "red")
    paint(aside / "blue.png", "blue")
    told = threading.Condition()
    syncs: list[IndexReport] = []
    ended = threading.Event()

    def note(report: IndexReport) -> None:
        with told:
            syncs.append(report)
            told.notify_all()

    def wait_for(name: str, count: int) -> None:
        with told:
            assert told.wait_for(lambda: sum(getattr(each, name) for each in syncs) >= count, PATIENCE_S), syncs

    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        options = WatchOptions(IndexOptions(stop=ended.is_set), Pace(quiet_s=0.05, full_every_s=10_000), note)
        reports: list[WatchReport] = []
        watching = threading.Thread(target=lambda: reports.append(library.watch(photos, options)))
        watching.start()
        try:
            wait_for("new", 1)
            paint(photos / "land" / "green.png", "green")
            wait_for("new", 2)
            (photos / "red.png").rename(photos / "rose.png")
            wait_for("moved", 1)
            aside.rename(photos / "sea")
            wait_for("new", 3)
            (photos / "land" / "green.png").unlink()
            wait_for("missing", 1)
        finally:
            ended.set()
            watching.join(PATIENCE_S)
        [report] = reports
        assert (report.new, report.moved, report.missing, report.failed) == (3, 1, 1, 0)
        assert {hit.image.path.name for hit in library.search("red")} == {"rose.png", "blue.png"}
