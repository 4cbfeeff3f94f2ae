"""The pages beside the search page, without a browser: what they show of a library, and what they do to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import photoseek
from photoseek.library.lock import writing_lock
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.judges import ColourJudge
from photoseek.ui import resources as shared
from photoseek.ui.components import literal
from photoseek.ui.explore_page import images_of, sorted_by_place
from photoseek.ui.indexing_panel import in_words
from photoseek.ui.options import UiOptions
from photoseek.ui.resources import Resources

testing = pytest.importorskip("streamlit.testing.v1", reason="pages are not tested: streamlit is not installed")

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest
    from streamlit.testing.v1.element_tree import Button

HOSTILE = "<img src=x onerror=alert(1)> **bold** [link](http:).png"


def _describe() -> None:
    from photoseek.ui.describe_page import show

    show()


def _duplicates() -> None:
    from photoseek.ui.duplicates_page import show

    show()


def _evaluate() -> None:
    from photoseek.ui.evaluate_page import show

    show()


def _explore() -> None:
    from photoseek.ui.explore_page import show

    show()


def _library() -> None:
    from photoseek.ui.library_page import show

    show()


def drawn(page: Callable[[], None]) -> AppTest:
    ran: AppTest = testing.AppTest.from_function(page, default_timeout=60).run()
    assert not ran.exception
    return ran


def text_of(page: AppTest) -> str:
    """Everything that is written on a page."""
    parts = (page.markdown, page.caption, page.error, page.warning, page.success, page.info, page.code)
    return "\n".join(element.value for part in parts for element in part)


def button(page: AppTest, label: str) -> Button:
    return next(each for each in page.button if each.label == label)


def labels(page: AppTest) -> list[str]:
    return [each.label for each in page.button]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Resources]]:
    """Start what the pages share, over the library x.library of the test's folder."""
    monkeypatch.setenv("PHOTOSEEK_CACHE", str(tmp_path / "cache"))
    running: list[Resources] = []

    def start(*, read_only: bool = False) -> Resources:
        library = photoseek.open(tmp_path / "x.library", model=ColourEmbedder(), read_only=read_only)
        running.append(shared.start(UiOptions(tmp_path / "x.library", read_only=read_only), library))
        return running[-1]

    yield start
    for each in running:
        each.close()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three reds, of which two are the same file, one blue, and a file that is no picture."""
    folder = tmp_path / "photos"
    paint(folder / "red.png", "red", (40, 30))
    paint(folder / "dark red.png", (200, 0, 0), (40, 30))
    (folder / HOSTILE).write_bytes((folder / "red.png").read_bytes())
    paint(folder / "blue.png", "blue", (40, 30))
    (folder / "broken <b>.png").write_bytes(b"not a picture")
    return folder


@pytest.mark.parametrize("page", [_explore, _duplicates, _evaluate])
def test_a_library_without_pictures_says_so_and_how_to_add_some(
    page: Callable[[], None], started: Callable[..., Resources]
) -> None:
    started()
    said = text_of(drawn(page))
    assert "No pictures yet" in said
    assert "photoseek index" in said


def test_the_read_only_mode_does_not_tell_how_to_add_pictures(started: Callable[..., Resources]) -> None:
    started(read_only=True)
    assert "photoseek index" not in text_of(drawn(_explore))


def test_the_library_page_of_no_library_offers_to_index(started: Callable[..., Resources], tmp_path: Path) -> None:
    started()
    page = drawn(_library)
    assert [metric.value for metric in page.metric] == ["0", "0", "0", "0 MB"]
    assert labels(page) == ["Index", "Up", "Take this folder"]  # the last two pick the folder
    assert not (tmp_path / "x.library").exists()


def test_a_folder_is_indexed_from_the_page(started: Callable[..., Resources], tmp_path: Path) -> None:
    photos = paint(tmp_path / "photos" / "red.png", "red").parent
    resources = started()
    page = drawn(_library)
    page.text_input[0].set_value(f"  {photos} ")
    button(page, "Index").click().run()
    state = resources.jobs.wait()
    assert state is not None
    page.run()
    assert [each.value for each in page.success] == ["Done: 1 new."]
    assert page.metric[0].value == "1"
    assert literal(str(photos)) in text_of(page)


def test_a_folder_that_is_not_there_is_told_of(started: Callable[..., Resources], tmp_path: Path) -> None:
    resources = started()
    page = drawn(_library)
    page.text_input[0].set_value(str(tmp_path / "nowhere"))
    button(page, "Index").click().run()
    resources.jobs.wait()
    page.run()
    assert "no such file or folder" in page.error[0].value


def test_no_folder_at_all_is_told_of(started: Callable[..., Resources]) -> None:
    resources = started()
    page = drawn(_library)
    button(page, "Index").click().run()
    assert page.error[0].value == "Name a folder first\\."
    assert resources.jobs.state is None


def test_failures_are_listed_and_tried_again(started: Callable[..., Resources], photos: Path) -> None:
    resources = started()
    resources.library.index(photos)
    page = drawn(_library)
    table = page.dataframe[0].value
    assert table["File"].tolist() == [str(photos / "broken <b>.png")]
    assert table["Tries"].tolist() == [1]
    button(page, "Try them again").click().run()
    state = resources.jobs.wait()
    assert state is not None
    assert state.paths == (str(photos),)
    # This library's fake model is unknown by name: what is told is told in one line.
    page.run()
    assert len(page.error) == 1 or page.success


def test_reasons_are_counted_where_many_files_failed(started: Callable[..., Resources], photos: Path) -> None:
    for number in range(12):
        (photos / f"bad{number}.png").write_bytes(b"")
    resources = started()
    resources.library.index(photos)
    assert "12 × empty file" in text_of(drawn(_library))


def test_the_read_only_mode_shows_failures_and_nothing_that_writes(
    started: Callable[..., Resources], photos: Path
) -> None:
    started().library.index(photos)
    started(read_only=True)
    page = drawn(_library)
    assert labels(page) == ["Examine"]
    assert not page.text_input
    assert len(page.dataframe) == 1


def test_a_healthy_library_is_said_to_be_well(started: Callable[..., Resources], photos: Path) -> None:
    started().library.index(photos)
    page = drawn(_library)
    button(page, "Examine").click().run()
    assert [each.value for each in page.success] == ["Everything is as it should be."]
    assert "Repair" not in labels(page)


def test_what_is_wrong_is_told_and_mended(started: Callable[..., Resources], photos: Path) -> None:
    resources = started()
    resources.library.index(photos)
    stray = resources.library.folder / "vectors" / "someones-model-0123456789abcdef"
    stray.mkdir(parents=True)
    page = drawn(_library)
    button(page, "Examine").click().run()
    found = text_of(page)
    assert "stray" in found or "no model" in found
    button(page, "Repair").click().run()
    assert not stray.exists()
    assert "repaired" in text_of(page)


def test_a_repair_while_another_writes_is_told_of(started: Callable[..., Resources], photos: Path) -> None:
    resources = started()
    resources.library.index(photos)
    (resources.library.folder / "vectors" / "someones-model-0123456789abcdef").mkdir(parents=True)
    page = drawn(_library)
    button(page, "Examine").click().run()
    with writing_lock(resources.library.folder, "watch"):
        button(page, "Repair").click().run()
    assert "is being written by" in text_of(page)


def test_duplicates_are_grouped_and_the_others_can_be_forgotten(
    started: Callable[..., Resources], photos: Path
) -> None:
    resources = started()
    resources.library.index(photos)
    page = drawn(_duplicates)
    assert "**1 group**" in text_of(page)
    assert page.code[0].value == str(photos / "red.png")
    assert str(photos / HOSTILE) in page.code[1].value
    button(page, "Forget the others").click().run()
    assert "No duplicates" in text_of(page)
    assert (photos / HOSTILE).exists()
    assert resources.library.info().images == 2


def test_exact_copies_alone_are_shown_where_asked_for(started: Callable[..., Resources], photos: Path) -> None:
    started().library.index(photos)
    page = drawn(_duplicates)
    page.segmented_control[0].set_value(False).run()
    assert "the same file to the byte" in text_of(page)
    assert "1 picture could go" in text_of(page)


def test_the_read_only_mode_forgets_nothing(started: Callable[..., Resources], photos: Path) -> None:
    started().library.index(photos)
    started(read_only=True)
    assert "Forget the others" not in labels(drawn(_duplicates))


def test_many_pictures_are_compared_when_asked_to(
    started: Callable[..., Resources], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photoseek.ui.duplicates_page._AT_ONCE", 2)
    started().library.index(photos)
    page = drawn(_duplicates)
    assert labels(page) == ["Compare them"]
    button(page, "Compare them").click().run()
    assert "**1 group**" in text_of(page)


def test_a_picture_is_described(started: Callable[..., Resources], photos: Path) -> None:
    resources = started()
    (photos / "red.txt").write_text("a **red** wall")
    resources.library.index(photos)
    page = drawn(_describe)
    page.file_uploader[0].upload("red<b>.png", (photos / "red.png").read_bytes(), "image/png").run()
    assert not page.exception
    said = text_of(page)
    assert "red\\<b\\>\\.png" in said
    assert "a \\*\\*red\\*\\* wall" in said
    assert len(page.get("progress")) == 8


def test_a_picture_is_told_apart_by_ones_own_words(started: Callable[..., Resources], photos: Path) -> None:
    started().library.index(photos)
    page = drawn(_describe)
    page.file_uploader[0].upload("red.png", (photos / "red.png").read_bytes(), "image/png").run()
    page.segmented_control[0].set_value("own").run()
    page.text_input[0].set_value("red, blue, red").run()
    shown = [each.proto.text for each in page.get("progress")]
    assert [text.partition(" ")[0] for text in shown] == ["red", "blue"]
    assert "100\\%" in shown[0]
    page.text_input[0].set_value("red").run()
    assert "two or more" in text_of(page)


def test_a_picture_gets_a_caption_where_a_model_is_set_up(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOSEEK_CACHE", str(tmp_path / "cache"))
    library = photoseek.open(tmp_path / "x.library", model=ColourEmbedder(), judge=ColourJudge())
    resources = shared.start(UiOptions(tmp_path / "x.library"), library)
    page = drawn(_describe)
    page.file_uploader[0].upload("red.png", (photos / "red.png").read_bytes(), "image/png").run()
    button(page, "Write a caption").click().run()
    assert "something red\\, caption in en" in text_of(page)
    assert "Write a caption" not in labels(page)
    resources.close()


def test_without_a_model_the_built_in_one_captions(started: Callable[..., Resources], photos: Path) -> None:
    started()
    page = drawn(_describe)
    page.file_uploader[0].upload("red.png", (photos / "red.png").read_bytes(), "image/png").run()
    assert "##### Caption" in text_of(page)
    assert literal("photoseek[llava]") not in text_of(page)


def test_what_is_no_picture_is_refused_in_one_line(started: Callable[..., Resources]) -> None:
    started()
    page = testing.AppTest.from_function(_page_of_describe, default_timeout=60).run()
    page.file_uploader[0].upload("evil.png", b"not a picture", "image/png").run()
    assert not page.exception
    assert "evil" in page.error[0].value


def _page_of_describe() -> None:
    from photoseek.ui.page import _drawing

    _drawing("describe_page")()


def test_labelled_queries_are_measured(started: Callable[..., Resources], photos: Path) -> None:
    started().library.index(photos)
    page = drawn(_evaluate)
    queries = [
        {"query": "blue", "kind": "<b>colour</b>", "relevant": ["blue.png", "nowhere.png"]},
        {"query": "red", "kind": "<b>colour</b>", "relevant": ["red.png", "dark red.png"]},
        {"query": "green", "relevant": ["nowhere.png"]},
    ]
    text = "\n".join(json.dumps(query) for query in queries).encode()
    page.file_uploader[0].upload("queries.jsonl", text).run()
    assert not page.exception
    said = text_of(page)
    assert "**2 queries**" in said
    assert "1 query · Files named that are not in the library: 1" in said
    figures, worst = (each.value for each in page.dataframe)
    assert figures["mAP"].tolist()[0].startswith("0.")
    assert figures["Kind"].tolist()[0] == "<b>colour</b>"
    assert worst["Query"].tolist() == ["red", "blue"]


def test_a_file_that_holds_no_queries_is_refused_by_its_name(started: Callable[..., Resources], photos: Path) -> None:
    started().library.index(photos)
    page = testing.AppTest.from_function(_page_of_evaluate, default_timeout=60).run()
    page.file_uploader[0].upload("mine.jsonl", b"nonsense").run()
    assert page.error[0].value.startswith("mine\\.jsonl\\: line 1 is not JSON")


def _page_of_evaluate() -> None:
    from photoseek.ui.page import _drawing

    _drawing("evaluate_page")()


def test_a_map_is_drawn_and_a_cluster_shown(started: Callable[..., Resources], photos: Path) -> None:
    resources = started()
    resources.library.index(photos)
    page = drawn(_explore)
    assert "Like pictures lie near one another" in text_of(page)
    from photoseek.ui.explore_page import _CHOICE, _Choice

    page.session_state[_CHOICE] = _Choice(0, ())
    page.run()
    assert not page.exception
    assert {"Search by these", "Clear"} <= set(labels(page))
    button(page, "Clear").click().run()
    assert "Search by these" not in labels(page)


def test_a_large_library_is_arranged_the_quick_way_first(
    started: Callable[..., Resources], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photoseek.ui.explore_page.best_method", lambda: "umap")
    started().library.index(photos)
    assert drawn(_explore).segmented_control[0].value == "umap"
    monkeypatch.setattr("photoseek.ui.explore_page._MOST_FOR_UMAP", 3)
    assert drawn(_explore).segmented_control[0].value == "pca"


def test_a_cluster_that_is_gone_is_not_shown(started: Callable[..., Resources], photos: Path) -> None:
    resources = started()
    resources.library.index(photos)
    from photoseek.ui.explore_page import _CHOICE, _Choice

    page = drawn(_explore)
    page.session_state[_CHOICE] = _Choice(17, ())
    page.run()
    assert not page.exception
    assert "Search by these" not in labels(page)


def test_a_clusters_pictures_come_in_their_order_on_the_map(started: Callable[..., Resources], photos: Path) -> None:
    resources = started()
    resources.library.index(photos)
    made = resources.library.map()
    ids = [image_id for number in range(len(made.clusters)) for image_id in images_of(made, number)]
    assert sorted(ids) == made.ids.tolist()
    in_order = sorted_by_place(made, resources.library.images(ids))
    place_of = dict(zip(made.ids.tolist(), made.places[:, 0].tolist(), strict=True))
    places = [place_of[image.id] for image in in_order]
    assert places == sorted(places)


def test_a_run_is_told_in_words() -> None:
    assert in_words(photoseek.IndexReport(new=1_200, still_failing=2, embedded=1_200)) == (
        "Done: 1,200 new, 2 still failing."
    )
    assert in_words(photoseek.IndexReport()) == "Done: nothing was found."
    assert in_words(photoseek.IndexReport(new=3, interrupted=True)) == (
        "Stopped before the end: 3 new. Index again to go on from there."
    )
