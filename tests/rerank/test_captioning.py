"""Captions and answers: written once, kept batch by batch, found by words and pictures; no failure loses others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import photoseek
from photoseek import (
    CaptionOptions,
    CaptionStyle,
    ImageUnreadable,
    Library,
    ModelUnavailable,
    NotIndexed,
    NoVisionModel,
    QueryError,
    parse_filter,
)
from photoseek.library.lock import writing_lock
from photoseek.rerank.captioning import Captioning
from photoseek.tests.rerank.test_rerank_end_to_end import Run, judge, photos, run
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.judges import SPEC, ColourJudge, failing

__all__ = ["judge", "photos", "run"]

COLOURS = ["red", "green", "blue", "red", "green"]


@pytest.fixture
def captioner() -> ColourJudge:
    return ColourJudge()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, colour in enumerate(COLOURS):
        paint(tmp_path / "pictures" / f"{number}.png", colour, size=(20 + number, 20))
    return tmp_path / "pictures"


@pytest.fixture
def library(tmp_path: Path, folder: Path, captioner: ColourJudge) -> Iterator[Library]:
    with photoseek.open(tmp_path / "colours", model=ColourEmbedder(), judge=captioner) as opened:
        opened.index(folder)
        yield opened


def captions(library: Library) -> dict[str, list[str]]:
    """Return what is said of each picture, by its name."""
    images = [hit.image for hit in library.search("red", k=100)]
    said = library.texts.of(images)
    return {image.path.stem: [text.body for text in said.get(image.id, ())] for image in images}


def test_every_image_gets_a_caption_that_words_and_pictures_find(library: Library, folder: Path) -> None:
    report = library.caption()
    assert (report.captioned, report.unchanged, report.failed, report.interrupted) == (5, 0, (), False)
    said = captions(library)
    assert said["0"] == ["something red, caption in en"]
    assert [len(texts) for texts in said.values()] == [1] * 5
    found = library.texts.search(folder / "2.png", k=1)[0]
    assert (found.text.body, found.text.kind, found.text.language) == ("something blue, caption in en", "caption", "en")
    assert found.text.source == "colour-judge@1 1 caption en"
    assert library.texts.search_words("green", k=1)[0].text.body == "something green, caption in en"


def test_what_has_its_caption_is_left_alone(library: Library, captioner: ColourJudge, folder: Path) -> None:
    library.caption(folder / "0.png")
    report = library.caption()
    assert (report.captioned, report.unchanged) == (4, 1)
    assert (library.caption().captioned, sum(captioner.sizes)) == (0, 5)
    assert library.caption(options=CaptionOptions(force=True)).captioned == 5
    assert sum(captioner.sizes) == 10
    assert [len(texts) for texts in captions(library).values()] == [1] * 5


def test_paths_and_filters_say_which(library: Library, folder: Path, tmp_path: Path) -> None:
    assert library.caption([folder / "1.png", folder / "2.png"]).captioned == 2
    assert library.caption(options=CaptionOptions(where=parse_filter("width >= 23"))).captioned == 2
    assert library.caption(folder).captioned == 1
    with pytest.raises(NotIndexed):
        library.caption(tmp_path / "elsewhere")


def test_styles_and_languages_stand_beside_each_other_and_new_prompts_replace(
    library: Library, captioner: ColourJudge
) -> None:
    library.caption()
    library.caption(options=CaptionOptions(style=CaptionStyle("alt-text", "de")))
    assert captions(library)["2"] == ["something blue, caption in en", "something blue, alt-text in de"]
    captioner.spec = replace(SPEC, prompt_version="2")
    assert library.caption().captioned == 5
    assert captions(library)["2"] == ["something blue, alt-text in de", "something blue, caption in en"]
    with pytest.raises(QueryError, match="no caption style"):
        library.caption(options=CaptionOptions(style=CaptionStyle("poem")))
    with pytest.raises(QueryError, match="is no language"):
        library.caption(options=CaptionOptions(style=CaptionStyle(language="pig latin")))


def test_pictures_of_the_same_content_are_captioned_once(
    library: Library, captioner: ColourJudge, folder: Path
) -> None:
    library.caption()
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())
    library.index(folder)
    report = library.caption()
    assert (report.captioned, report.remembered, sum(captioner.sizes)) == (0, 1, 5)
    assert captions(library)["copy"] == ["something red, caption in en"]


def test_another_models_index_gets_vectors_without_asking_again(
    library: Library, captioner: ColourJudge, folder: Path
) -> None:
    library.caption()
    with photoseek.open(library.folder, model=ColourEmbedder("others@1"), judge=captioner) as other:
        other.index(folder)
        assert other.texts.search_words("green") == []
        assert other.caption().remembered == 5
        assert other.texts.search_words("green", k=1)[0].text.body == "something green, caption in en"
    assert sum(captioner.sizes) == 5


def test_a_run_that_is_killed_keeps_every_batch_it_finished(library: Library, captioner: ColourJudge) -> None:
    def die(_size: int) -> None:
        if len(captioner.sizes) == 1:
            raise KeyboardInterrupt

    captioner.before = die
    with pytest.raises(KeyboardInterrupt):
        library.caption()
    captioner.before = lambda _size: None
    assert sum(bool(texts) for texts in captions(library).values()) == 2
    report = library.caption()
    assert (report.captioned, report.unchanged) == (3, 2)


def test_a_run_that_is_stopped_says_so(library: Library, captioner: ColourJudge) -> None:
    seen: list[tuple[int, int]] = []
    options = CaptionOptions(
        stop=lambda: len(captioner.sizes) == 2, on_progress=lambda done, total: seen.append((done, total))
    )
    report = library.caption(options=options)
    assert (report.captioned, report.interrupted, seen) == (4, True, [(2, 5), (4, 5)])


def test_a_picture_that_fails_is_reported_and_spoils_no_other(
    library: Library, captioner: ColourJudge, folder: Path
) -> None:
    (folder / "0.png").unlink()

    def refuse_pairs(size: int) -> None:
        if size > 1:
            raise ModelUnavailable("colours", "refuses", "no remedy")

    captioner.before = refuse_pairs
    report = library.caption()
    assert report.captioned == 4
    assert [(one.image.path.name, one.reason) for one in report.failed] == [
        ("0.png", "cannot be read: No such file or directory")
    ]


def test_a_model_that_is_gone_ends_the_run_and_what_it_wrote_stays(library: Library, captioner: ColourJudge) -> None:
    captioner.before = failing(after=1)
    with pytest.raises(ModelUnavailable, match="its server is gone"):
        library.caption()
    assert sum(bool(texts) for texts in captions(library).values()) == 2


def test_a_model_that_never_works_is_no_fault_of_the_one_picture(
    library: Library, captioner: ColourJudge, folder: Path
) -> None:
    captioner.before = failing(after=0)
    with pytest.raises(ModelUnavailable, match="its server is gone"):
        library.caption(folder / "0.png")


def test_captions_wait_for_whoever_else_is_writing(library: Library, captioner: ColourJudge) -> None:
    lock = writing_lock(library.folder, "index")
    lock.__enter__()
    waited: list[float] = []

    def pause(seconds: float) -> None:
        assert not any(captions(library).values())
        waited.append(seconds)
        lock.__exit__(None, None, None)

    store = library._handle.store
    captioning = Captioning(
        store.catalog,
        library._handle.model,
        library._handle.embedder,
        captioner,
        lambda: store.writing("caption"),
        pause,
    )
    assert captioning.caption([], CaptionOptions()).captioned == 5
    assert len(waited) == 1
    assert all(captions(library).values())


def test_a_caption_of_a_picture_that_changed_meanwhile_is_dropped(
    library: Library, captioner: ColourJudge, folder: Path
) -> None:
    def change(_size: int) -> None:
        captioner.before = lambda _size: None
        paint(folder / "0.png", "blue", size=(31, 30))
        library.index(folder)

    captioner.before = change
    library.caption()
    assert captions(library)["0"] == []
    library.caption()
    assert captions(library)["0"] == ["something blue, caption in en"]


def test_a_picture_that_changed_is_not_found_by_its_old_caption(library: Library, folder: Path) -> None:
    library.caption()
    (folder / "0.png").with_suffix(".txt").write_text("a word of its own", encoding="utf-8")
    paint(folder / "0.png", "blue", size=(31, 30))
    library.index(folder)
    assert captions(library)["0"] == ["a word of its own"]
    found = library.texts.search_words("red", k=10)
    assert {hit.text.body for hit in found if hit.image.path.stem == "0"} == {"a word of its own"}
    report = library.caption()
    assert (report.captioned, report.unchanged) == (1, 4)
    assert sorted(captions(library)["0"]) == ["a word of its own", "something blue, caption in en"]


def test_a_question_is_answered_once(library: Library, captioner: ColourJudge, folder: Path, tmp_path: Path) -> None:
    assert library.ask(folder / "2.png", "What  is it?") == "What is it? It is blue."
    image_id = library.search("blue", k=1)[0].image.id
    assert library.ask(image_id, "What is it?") == "What is it? It is blue."
    assert captioner.sizes == [1]
    assert library.ask(image_id, "And this?") == "And this? It is blue."
    assert captioner.sizes == [1, 1]
    with pytest.raises(QueryError, match="no image of the library has the id 999"):
        library.ask(999, "What is it?")
    with pytest.raises(QueryError, match="empty"):
        library.ask(image_id, " ")
    with pytest.raises(ImageUnreadable):
        library.ask(tmp_path / "nothing.png", "What is it?")


def test_a_picture_can_be_asked_about_without_a_library(tmp_path: Path, folder: Path, captioner: ColourJudge) -> None:
    with photoseek.open(tmp_path / "none", model=ColourEmbedder(), judge=captioner) as nothing:
        assert nothing.ask(folder / "0.png", "What?") == "What? It is red."
    assert not (tmp_path / "none").exists()


def test_without_a_model_one_line_says_what_to_do(
    tmp_path: Path, folder: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PHOTOSEEK_VLM", raising=False)
    assert library.can_caption
    assert library.can_ask
    with photoseek.open(library.folder, model=ColourEmbedder()) as bare:
        assert bare.can_caption
        assert not bare.can_ask
        with pytest.raises(NoVisionModel) as caught:
            bare.ask(folder / "0.png", "What?")
        assert "pip install 'photoseek[llava]'" in str(caught.value)
        assert "`photoseek describe`" in str(caught.value)
        assert caught.value.caption
        assert f'the built-in caption: "{caught.value.caption}"' in str(caught.value)
        assert "\n" not in str(caught.value)
        with pytest.raises(ImageUnreadable):
            bare.ask(folder / "nothing.png", "What?")


def test_the_commands_caption_and_ask(run: Run, judge: ColourJudge, photos: Path) -> None:
    assert run("caption", "--all", "--vlm", "colours") == (0, "9 captioned\n", "")
    assert run("caption", photos, "--vlm", "colours") == (0, "0 captioned, 9 unchanged\n", "")
    (photos / "0-blue.png").unlink()
    code, out, err = run("caption", "--where", "width < 22", "--force", "--vlm", "colours")
    assert (code, out) == (0, "1 captioned, 1 failed\n")
    assert "0-blue.png: cannot be read" in err
    code, out, _ = run("caption", "--all", "--style", "alt-text", "--language", "de", "--vlm", "colours", "--json")
    assert json.loads(out)["captioned"] == 8
    _, out, _ = run("describe", photos / "3-red.png", "--texts")
    assert '"something red, caption in en"' in out
    assert run("ask", photos / "3-red.png", "Which", "colour?", "--vlm", "colours") == (
        0,
        "Which colour? It is red.\n",
        "",
    )
    _, out, _ = run("ask", "id:2", "Which?", "--vlm", "colours", "--json")
    assert json.loads(out) == {"image": "id:2", "question": "Which?", "answer": "Which? It is green."}


@pytest.mark.parametrize("arguments", [(), ("--all", "photos")])
def test_captioning_wants_to_know_which_images(run: Run, arguments: tuple[str, ...]) -> None:
    code, _, err = run("caption", *arguments)
    assert code == 2
    assert "say which images" in err


def test_without_a_model_the_commands_say_in_one_line_what_to_do(
    run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PHOTOSEEK_VLM", raising=False)
    code, out, err = run("ask", photos / "3-red.png", "What?")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "photoseek[llava]" in err
    assert 'the built-in caption: "' in err
    assert run("caption", "--all") == (0, "9 captioned\n", "")  # by the captioner that is built in
    code, _, err = run("search", "red", "--rerank", "5")
    assert (code, err) == (0, "")


def test_a_picture_of_no_library_is_captioned_and_nothing_is_kept(tmp_path: Path) -> None:
    red = paint(tmp_path / "red.png", "red")
    with photoseek.open(tmp_path / "none", model=ColourEmbedder(), judge=ColourJudge()) as library:
        assert library.caption_of(red) == "something red, caption in en"
        assert library.caption_of(red, CaptionStyle("alt-text", "de")) == "something red, alt-text in de"
        with pytest.raises(QueryError):
            library.caption_of(red, CaptionStyle("rhyme"))
        with pytest.raises(ImageUnreadable):
            library.caption_of(tmp_path / "nowhere.png")
    assert not (tmp_path / "none").exists()


def test_a_run_in_which_every_image_failed_is_no_success(
    run: Run, judge: ColourJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ColourJudge, "caption", lambda _self, images, _style: [""] * len(images))
    code, out, err = run("caption", "--all", "--vlm", "colours")
    assert (code, out) == (1, "0 captioned, 9 failed\n")
    assert err.count("the model said nothing of it") == 9
