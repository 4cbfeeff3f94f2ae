"""The captioner that ships with the package: what it says of known pictures, and what pins it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

import photoseek
from photoseek import QueryError
from photoseek.library.embedders.mini import MiniEmbedder
from photoseek.library.errors import ModelUnavailable, NoVisionModel, UnknownModel
from photoseek.rerank.base import Captioner, CaptionStyle
from photoseek.rerank.captioning import CaptionOptions
from photoseek.rerank.mini_captioner import MiniCaptioner
from photoseek.rerank.mini_files import FILES, WEIGHTS, read_mini_manifest
from photoseek.rerank.registry import load_captioner, load_vlm

SAID = {
    "astronaut": "A man in a red shirt is holding a football.",  # there is no football: the model is small
    "chelsea": "An Egyptian cat.",
    "coffee": "An espresso.",
    "rocket": "Perhaps a missile or a projectile.",
}
NAMES = tuple(SAID)


@pytest.fixture(scope="module")
def captioner() -> MiniCaptioner:
    return MiniCaptioner(MiniEmbedder(threads=1))


@pytest.fixture(scope="module")
def pictures() -> dict[str, Image.Image]:
    return {name: Image.fromarray(getattr(data, name)()).convert("RGB") for name in NAMES}


def test_the_manifest_pins_every_file_that_ships() -> None:
    manifest = read_mini_manifest()
    for name in FILES:
        assert hashlib.sha256((WEIGHTS / name).read_bytes()).hexdigest() == manifest.files[name]
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) <= 20_000_000


def test_it_says_what_the_sample_photographs_show(captioner: MiniCaptioner, pictures: dict[str, Image.Image]) -> None:
    said = dict(zip(NAMES, captioner.caption(list(pictures.values()), CaptionStyle()), strict=True))
    assert said == SAID


def test_a_picture_is_captioned_as_if_it_were_alone(captioner: MiniCaptioner, pictures: dict[str, Image.Image]) -> None:
    together = captioner.caption(list(pictures.values()) * 3, CaptionStyle())
    assert together == [captioner.caption([one], CaptionStyle())[0] for one in pictures.values()] * 3
    assert captioner.caption([], CaptionStyle()) == []


def test_it_is_what_the_setting_mini_names_and_it_answers_no_questions() -> None:
    loaded = load_captioner("mini")
    assert isinstance(loaded, Captioner)
    assert loaded.spec.key.startswith("mini-captioner@")
    with pytest.raises(UnknownModel, match="mini judges and captions, and answers no questions"):
        load_vlm("mini")


def test_other_languages_are_refused_in_one_line(captioner: MiniCaptioner, pictures: dict[str, Image.Image]) -> None:
    with pytest.raises(QueryError, match=r"mini captions in en.*, not in 'de': .*--vlm llava, or a server's URL"):
        captioner.caption([pictures["coffee"]], CaptionStyle(language="de"))


def test_damaged_files_are_told_of_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"manifest\.json cannot be read.*reinstall photoseek"):
        MiniCaptioner(folder=tmp_path)


def test_a_library_is_captioned_without_a_setting_and_found_by_what_was_said(
    tmp_path: Path, pictures: dict[str, Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PHOTOSEEK_VLM", raising=False)
    (tmp_path / "photos").mkdir()
    for name, picture in pictures.items():
        picture.save(tmp_path / "photos" / f"{name}.png")
    with photoseek.open(tmp_path / "library") as library:
        library.index(tmp_path / "photos")
        assert library.caption().captioned == len(NAMES)
        assert library.caption().unchanged == len(NAMES)
        assert library.caption(options=CaptionOptions(force=True)).captioned == len(NAMES)
        [hit] = library.texts.search_words("a missile", k=1)
        assert hit.text.body == SAID["rocket"]
        assert library.caption_of(tmp_path / "photos" / "rocket.png") == SAID["rocket"]
        with pytest.raises(NoVisionModel, match=SAID["rocket"]):
            library.ask(tmp_path / "photos" / "rocket.png", "What is it?")
