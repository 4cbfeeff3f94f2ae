"""Pictures named, captioned and looked for in twelve scripts, with marks composed and not, and written both ways."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

import photoseek
from photoseek import Query, Term, Words, parse_filter
from photoseek.search.words import words_of
from photoseek.tests.support.fakes import ColourEmbedder, paint

# A name as a file may have it, a caption, and a word of that caption.
SCRIPTS = {
    "Latin": ("Příliš žluťoučký kůň", "Tři kočky na střeše, večer", "kočky"),
    "Greek": ("Καλοκαίρι στην Κρήτη", "Ο σκύλος τρέχει στην παραλία.", "σκύλος"),
    "Cyrillic": ("Отпуск в Крыму", "Ёжик в тумане и собака", "ёжик"),
    "Arabic": ("رحلة إلى الصحراء", "كلب يركض على الشاطئ، مساءً", "الشاطئ"),
    "Hebrew": ("חתונה בירושלים", "כלב רץ על החוף", "החוף"),
    "Devanagari": ("दिल्ली की शादी", "एक कुत्ता समुद्र तट पर है।", "कुत्ता"),
    "Bengali": ("ঢাকার বৃষ্টি", "একটি কুকুর সৈকতে দৌড়াচ্ছে।", "কুকুর"),
    "Thai": ("วันหยุดที่เชียงใหม่", "สุนัขวิ่งเล่นบนชายหาด", "ชายหาด"),
    "Han, simplified": ("春节全家福", "两只黑色的狗在雪地里奔跑。", "狗"),
    "Han, traditional": ("臺北的夜市", "穿著紅色衣服的小孩，在公園裡", "紅色衣服"),
    "kana": ("さくらとネコ", "公園でネコが眠っている。", "ネコ"),
    "Hangul": ("제주도의 바다", "강아지가 해변에서 달린다", "해변에서"),
    "Georgian": ("თბილისი ღამით", "ძაღლი სანაპიროზე", "სანაპიროზე"),
}
FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")


@pytest.fixture(params=FORMS)
def library(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[photoseek.Library]:
    """Pictures whose names and captions are composed, as on Linux, or not, as on a disk of an old Mac."""
    for name, caption, _ in SCRIPTS.values():
        picture = paint(tmp_path / "photos" / f"{unicodedata.normalize(request.param, name)}.png", "green")
        picture.with_suffix(".txt").write_text(unicodedata.normalize(request.param, caption), encoding="utf-8")
    paint(tmp_path / "photos/other.png", "red").with_suffix(".txt").write_text("Three cats", encoding="utf-8")
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as opened:
        assert opened.index(tmp_path / "photos").embedded == len(SCRIPTS) + 1
        yield opened


def stems(hits: list[photoseek.Hit]) -> list[str]:
    return [unicodedata.normalize("NFC", hit.image.path.stem) for hit in hits]


def first_said(library: photoseek.Library, text: str) -> str:
    return stems(library.search(Query((Term(Words(text)),), k=20, texts=True)))[0]


@pytest.mark.parametrize("form", FORMS)
def test_a_word_of_a_caption_brings_its_picture_first_in_every_script(
    library: photoseek.Library, form: Literal["NFC", "NFD"]
) -> None:
    found = {script: first_said(library, unicodedata.normalize(form, word)) for script, (_, _, word) in SCRIPTS.items()}
    assert found == {script: unicodedata.normalize("NFC", name) for script, (name, _, _) in SCRIPTS.items()}


@pytest.mark.parametrize("form", FORMS)
def test_a_filter_finds_a_file_by_part_of_its_name_in_every_script(
    library: photoseek.Library, form: Literal["NFC", "NFD"]
) -> None:
    for name, _, _ in SCRIPTS.values():
        part = unicodedata.normalize(form, name[1:])
        where = parse_filter(f"path ~ '*{part}.png'")
        assert stems(library.search(Query((Term(Words("red")),), where, 20))) == [unicodedata.normalize("NFC", name)]


def test_chinese_words_are_found_apart_from_the_particle_between_them(library: photoseek.Library) -> None:
    assert first_said(library, "雪地的狗") == SCRIPTS["Han, simplified"][0]
    assert first_said(library, "公園の猫") != SCRIPTS["kana"][0]  # the caption says ネコ
    assert first_said(library, "公園のネコ") == SCRIPTS["kana"][0]


def test_words_in_both_scripts_are_found_whole_or_within_as_each_is_written(library: photoseek.Library) -> None:
    assert first_said(library, "cats") == "other"
    assert first_said(library, "狗 cats") != "other"  # nothing says both: what looks so comes first


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a red car", ("a", "red", "car")),
        ("कुत्ता दौड़", ("कुत्ता", "दौड़")),
        ("כֶּלֶב רָץ", ("כֶּלֶב", "רָץ")),
        ("مساءً", ("مساءً",)),
        ("红色的汽车", ("红色", "汽车")),
        ("iPhone手机", ("iPhone", "手机")),
        ("目的", ("目的",)),
        ("狗、猫", ("狗", "猫")),
        ("cafe\u0301", ("café",)),
        ("2023年", ("2023", "年")),
        ("snake_case don't", ("snake_case", "don", "t")),
        ("", ()),
        ("。！", ()),
    ],
)
def test_words_of_a_text(text: str, words: tuple[str, ...]) -> None:
    assert words_of(text) == tuple(unicodedata.normalize("NFC", word) for word in words)
