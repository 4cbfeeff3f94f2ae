"""Contact sheets in other scripts than English: drawn with a font of the computer's, or spelt, and never as boxes."""

import logging
from pathlib import Path

import numpy as np
import pytest
import streamlit
from PIL import ImageFont

import photoseek
from photoseek.search import sheet_fonts
from photoseek.search.export import draw_sheet
from photoseek.search.sheet_fonts import Font, letters_without_font, runs_of

# Streamlit brings Source Sans, with Cyrillic and accents and without Chinese.
[SOURCE_SANS] = Path(streamlit.__file__).parent.rglob("SourceSansVF-Upright*")


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_fonts, "FONTS", ())


@pytest.fixture
def source_sans(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sheet_fonts, "FONTS", ("no such font.ttf", str(SOURCE_SANS)))
    return family(ImageFont.truetype(str(SOURCE_SANS), 18))


def family(font: Font) -> str:
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font.getname()[0] or ""


def written(text: str) -> str:
    return "".join(run.text for run in runs_of(text, 18))


@pytest.mark.parametrize(("one", "other"), [("собака", "кошкам"), ("狗在雪地", "猫在沙滩"), ("שלום", "כלבה")])
@pytest.mark.usefixtures("no_fonts")
def test_two_titles_never_look_the_same(one: str, other: str) -> None:
    """As boxes, all words of one length did."""
    assert not np.array_equal(np.asarray(draw_sheet(one, [])), np.asarray(draw_sheet(other, [])))


def test_english_is_drawn_with_the_one_font_that_it_always_had(source_sans: str) -> None:
    [run] = runs_of("a dog on the beach, 2:1", 18)
    assert family(run.font) == family(ImageFont.load_default(18)) != source_sans


def test_a_line_is_drawn_with_the_font_that_has_most_of_it(source_sans: str) -> None:
    [run] = runs_of("Příliš žluťoučký «собака» 12", 18)
    assert (run.text, family(run.font)) == ("Příliš žluťoučký «собака» 12", source_sans)
    assert letters_without_font("Příliš собака") == ""


@pytest.mark.usefixtures("source_sans")
def test_what_no_font_has_is_spelt_beside_what_one_has() -> None:
    assert written("собака 狗") == "собака \\u72d7"
    assert letters_without_font("собака 狗猫狗") == "狗猫"


@pytest.mark.usefixtures("no_fonts")
def test_without_a_font_accents_are_left_out_and_letters_are_spelt() -> None:
    assert written("crème brûlée") == "creme brulee"
    assert written("cre\u0300me") == "creme"
    assert written("собака") == "\\u0441\\u043e\\u0431\\u0430\\u043a\\u0430"
    assert letters_without_font("crème brûlée, ок") == "ок"


@pytest.mark.usefixtures("no_fonts")
def test_a_sheet_says_once_which_letters_it_could_not_draw(caplog: pytest.LogCaptureFixture) -> None:
    record = photoseek.ImageRecord(1, Path("雪地.jpg"), 1, 1, "", 1, 1, "PNG", 1)
    with caplog.at_level(logging.WARNING):
        draw_sheet("狗", [photoseek.Hit(record, 0.5)] * 3)
        draw_sheet("crème brûlée", [])
    [said] = caplog.messages
    assert said.startswith("no font on this computer has 狗雪地: ")
    assert "write a page instead" in said


@pytest.mark.usefixtures("no_fonts")
def test_a_long_title_of_spelt_letters_is_cut_within_the_sheet() -> None:
    record = photoseek.ImageRecord(1, Path("狗" * 40 + ".jpg"), 1, 1, "", 1, 1, "PNG", 1)
    sheet = np.asarray(draw_sheet("狗" * 100, [photoseek.Hit(record, 0.5)]))
    assert (sheet[:30, -8:] == 255).all()
    assert (sheet[-30:, -8:] == 255).all()
