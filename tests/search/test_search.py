"""Questions in words, by example and by both, and the errors of those that cannot be asked."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import photoseek
from photoseek import Library, LibraryInfo, ModelInfo
from photoseek.search.query.query import Words
from photoseek.tests.support.fakes import ColourEmbedder, paint

HALF = 0.7071


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name, colour in {
        "red": (255, 0, 0),
        "green": (0, 255, 0),
        "blue": (0, 0, 255),
        "yellow": (255, 255, 0),
        "black": (0, 0, 0),
    }.items():
        paint(folder / f"{name}.png", colour)
    return folder


@pytest.fixture
def library(photos: Path, tmp_path: Path) -> Library:
    library = photoseek.open(tmp_path / "library", model=ColourEmbedder())
    library.index(photos)
    return library


def ranked(hits: list[photoseek.Hit]) -> list[tuple[str, object]]:
    return [(hit.image.path.stem, pytest.approx(hit.score, abs=1e-3)) for hit in hits]


def test_words_find_their_colour_first_and_ties_come_in_the_order_of_ids(library: Library) -> None:
    assert ranked(library.search("something red")) == [
        ("red", 1),
        ("yellow", HALF),
        ("black", 0),
        ("blue", 0),
        ("green", 0),
    ]


def test_an_example_finds_itself_and_its_like(library: Library, photos: Path) -> None:
    assert ranked(library.search(like=photos / "yellow.png", k=3)) == [("yellow", 1), ("green", HALF), ("red", HALF)]


def test_words_and_example_count_equally(library: Library, photos: Path) -> None:
    assert ranked(library.search("green", like=photos / "red.png", k=3)) == [
        ("yellow", 1),
        ("green", HALF),
        ("red", HALF),
    ]


def test_an_example_need_not_be_in_the_library(library: Library, tmp_path: Path) -> None:
    assert ranked(library.search(like=str(paint(tmp_path / "other.jpg", "blue")), k=1)) == [("blue", 1)]


def test_an_example_may_be_named_from_the_home_folder(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ranked(library.search(like="~/photos/blue.png", k=1)) == [("blue", 1)]


def test_hits_carry_what_the_catalogue_knows(library: Library, photos: Path) -> None:
    [hit] = library.search("red", k=1)
    file = photos / "red.png"
    assert (hit.image.path, hit.image.size_bytes, hit.image.mtime_ns) == (
        file,
        file.stat().st_size,
        file.stat().st_mtime_ns,
    )
    assert (hit.image.width, hit.image.height, hit.image.format, hit.image.orientation) == (12, 10, "PNG", 1)


def test_no_more_than_k_come_and_all_when_k_is_larger(library: Library) -> None:
    assert [len(library.search("red", k=k)) for k in (1, 2, 5, 6, 10_000)] == [1, 2, 5, 5, 5]


@pytest.mark.parametrize("k", [0, -1])
def test_fewer_than_one_answer_cannot_be_asked_for(library: Library, photos: Path, k: int) -> None:
    with pytest.raises(photoseek.QueryError, match="at least 1"):
        library.search("red", k=k)
    with pytest.raises(photoseek.QueryError, match="at least 1"):
        library.describe(photos / "red.png", k=k)


def test_a_question_needs_words_or_an_example(library: Library) -> None:
    with pytest.raises(photoseek.QueryError, match="nothing to look for"):
        library.search()
    for empty in ("", "  \n\t "):
        with pytest.raises(photoseek.QueryError, match="are empty"):
            library.search(empty)
    with pytest.raises(photoseek.QueryError, match="are empty"):
        Words(" ")


def test_an_example_that_cannot_be_read_says_why(library: Library, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "letter.jpg").write_text("Dear all,")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    for name, reason in {
        "gone.jpg": "cannot be read: No such file or directory",
        "loop.jpg": "cannot be read: Too many levels of symbolic links",
        "photos": "not a regular file",
        "pipe.jpg": "not a regular file",
    }.items():
        with pytest.raises(photoseek.ImageUnreadable) as caught:
            library.search(like=tmp_path / name)
        assert (caught.value.path, caught.value.reason) == (str(tmp_path / name), reason)
    with pytest.raises(photoseek.ImageUnreadable, match=r"letter\.jpg"):
        library.search(like=tmp_path / "letter.jpg")


def test_an_endless_device_is_not_read(library: Library) -> None:
    with pytest.raises(photoseek.ImageUnreadable, match="not a regular file"):
        library.search(like="/dev/zero")


def test_without_a_library_there_is_one_clear_error(tmp_path: Path) -> None:
    with photoseek.open(tmp_path / "nowhere", model=ColourEmbedder()) as library:
        for ask in (lambda: library.search("red"), library.failures, library.info):
            with pytest.raises(photoseek.LibraryNotFound) as caught:
                ask()
            assert caught.value.folder == tmp_path / "nowhere"
    assert not (tmp_path / "nowhere").exists()


def test_an_open_library_sees_what_another_process_adds(library: Library, photos: Path, tmp_path: Path) -> None:
    assert ranked(library.search("green", k=1)) == [("green", 1)]
    (photos / "green.png").unlink()
    paint(photos / "leaf.png", "green", (30, 30))
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as other:
        other.index(photos)
    assert ranked(library.search("green", k=1)) == [("leaf", 1)]


def test_threads_search_one_library_at_once(photos: Path, tmp_path: Path, library: Library) -> None:
    expected = {text: library.search(text) for text in ("red", "green", "blue", "red blue")}
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as fresh, ThreadPoolExecutor(8) as pool:
        together = threading.Barrier(8, timeout=60)

        def ask(number: int) -> bool:
            if number < 8:
                together.wait()
            text = list(expected)[number % 4]
            return fresh.search(text) == expected[text]

        assert all(pool.map(ask, range(80)))


def test_searching_goes_on_while_another_indexes(photos: Path, library: Library, tmp_path: Path) -> None:
    for number in range(40):
        paint(photos / f"shade-{number:02d}.png", (250, number, 0))
    found: list[int] = []
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as other:
        other.index(
            photos,
            photoseek.IndexOptions(batch_size=4, on_progress=lambda _: found.append(len(library.search("red", k=100)))),
        )
    # A batch is written behind the next, so that each look may see one batch less than has been done.
    assert found == sorted(found)
    assert 5 <= found[0] < found[-1] <= 45
    assert len(library.search("red", k=100)) == 45


def test_info_says_what_is_there(library: Library, photos: Path, tmp_path: Path) -> None:
    (photos / "red.png").unlink()
    (photos / "bad.png").write_bytes(b"")
    library.index(photos)
    info = library.info()
    assert info == LibraryInfo(
        folder=tmp_path / "library",
        images=4,
        missing=1,
        failures=1,
        models=(ModelInfo("colours@1", "colours", 3, 4),),
        size_bytes=info.size_bytes,
    )
    assert info.size_bytes >= (tmp_path / "library" / "catalog.sqlite").stat().st_size


def test_opening_touches_nothing_and_knows_the_folder(tmp_path: Path) -> None:
    assert photoseek.open(tmp_path / "library").folder == tmp_path / "library"
    assert list(tmp_path.iterdir()) == []


def test_a_librarys_own_model_is_used_unless_another_is_given(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def load(name: str) -> ColourEmbedder:
        asked.append(name)
        return ColourEmbedder()

    monkeypatch.setattr("photoseek.api.handle.load_embedder", load)
    assert ranked(photoseek.open(tmp_path / "library").search("blue", k=1)) == [("blue", 1)]
    photoseek.open(tmp_path / "library", model="mini").search("blue")
    assert asked == ["colours", "mini"]


def test_an_unknown_model_is_told_before_a_library_is_made(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(photoseek.UnknownModel, match="unknown model 'minni'"):
        photoseek.open(tmp_path / "fresh", model="minni").index(photos)
    assert not (tmp_path / "fresh").exists()


def test_many_queries_are_answered_as_each_one_alone(library: Library) -> None:
    texts = ["red", "a blue one", "red", "green and red"]
    assert library.search_many(texts, k=3) == [library.search(text, k=3) for text in texts]
    assert library.search_many([], k=3) == []


def test_many_queries_may_each_ask_for_another_number_of_answers(library: Library) -> None:
    queries = [
        photoseek.Query((photoseek.Term(Words(text)),), k=k) for text, k in (("red", 1), ("blue", 4), ("green", 2))
    ]
    found = library.search_many(queries)
    assert [len(hits) for hits in found] == [1, 4, 2]
    assert found == [library.search(query) for query in queries]


def test_an_empty_text_among_many_is_refused(library: Library) -> None:
    with pytest.raises(photoseek.QueryError):
        library.search_many(["red", " "])
