"""Which tower reads a text: English stays where it was, other languages go where they are understood."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from photoseek.library.embedders.languages import BUCKETS, LatinProfile, in_other_script, is_english
from photoseek.library.embedders.mini import WEIGHTS

# Names as people give them to albums, one or two for each script that the multilingual tower reads.
OTHER_SCRIPTS = {
    "Han, simplified": "红色的汽车",
    "Han, traditional": "紅色的汽車",
    "one character": "猫",
    "kana": "ねこ",
    "katakana": "サクラ",
    "Hangul": "바다",
    "Cyrillic": "собака на пляже",
    "Ukrainian": "їжак",
    "Greek": "σκύλος",
    "Arabic": "كلب على الشاطئ",
    "Persian": "گربه",
    "Hebrew": "כלב",
    "Devanagari": "कुत्ता",
    "Bengali": "কুকুর",
    "Thai": "แมว",
}

ENGLISH = [
    *("a dog running on the beach", "red car", "cat", "kindergarten", "sushi", "fjord", "tiramisu", "spaghetti"),
    *("café", "naïve art", "jalapeño", "Zürich", "Beyoncé", "a piñata party", "El Niño", "smörgåsbord", "Björk"),
    *("IMG_2034.jpg", "DSC00123", "2023-07-04", "4K", "my wedding in Córdoba", "the letter α", "π", "Ω symbol"),
    *(
        "chat",
        "pain",
        "hat",
        "a die",
        "the pope",
        "Volkswagen",
        "Mercedes-Benz",
        "Los Angeles",
        "chihuahua",
    ),
    *("", "   ", "!!", "42", "🐶", "👩‍👧", "golden gate bridge", "a sign that says STOP", "t-shirt"),
]

OTHER_LATIN = {
    "German": "Ein Hund läuft am Strand",
    "German, no diacritics": "zwei Kinder spielen auf einer Wiese",
    "French": "une femme en robe rouge",
    "French, a sentence": "Deux chiens courent sur la plage.",
    "Czech": "červené auto na ulici",
    "Czech, a sentence": "Muž v modré košili stojí na žebříku.",
    "Spanish": "un niño jugando en la playa",
    "Vietnamese": "con chó chạy trên bãi biển",
}


@pytest.fixture(scope="module")
def latin() -> LatinProfile:
    return LatinProfile.read(WEIGHTS / "multilingual" / "latin.npz")


@pytest.mark.parametrize("name", OTHER_SCRIPTS)
def test_other_scripts_are_not_english(latin: LatinProfile, name: str) -> None:
    assert not is_english(OTHER_SCRIPTS[name], latin)


@pytest.mark.parametrize("name", OTHER_SCRIPTS)
def test_a_text_in_both_goes_to_the_tower_that_reads_both(latin: LatinProfile, name: str) -> None:
    assert not is_english(f"{OTHER_SCRIPTS[name]} with a car", latin)
    assert not is_english(f"car, {OTHER_SCRIPTS[name]}", latin)


@pytest.mark.parametrize("text", ENGLISH)
def test_english_stays_english(latin: LatinProfile, text: str) -> None:
    assert is_english(text, latin)
    assert is_english(text.upper(), latin)
    assert is_english(unicodedata.normalize("NFD", text), latin)


@pytest.mark.parametrize("name", OTHER_LATIN)
def test_other_languages_in_latin_letters_are_told_by_their_words(latin: LatinProfile, name: str) -> None:
    assert not is_english(OTHER_LATIN[name], latin)
    assert not is_english(unicodedata.normalize("NFD", OTHER_LATIN[name]), latin)


@pytest.mark.parametrize("text", ["ｶﾒﾗ", "㍻", "ﾊﾝｸﾞﾙ"])
def test_compatibility_forms_count_as_the_letters_they_stand_for(text: str) -> None:
    assert in_other_script(text)


@pytest.mark.parametrize("text", ["თბილისი", "Երևան", "தமிழ்", "አዲስ"])
def test_scripts_outside_the_vocabulary_stay_with_the_english_tower(latin: LatinProfile, text: str) -> None:
    assert not in_other_script(text)


def test_a_word_that_is_known_outweighs_its_spelling(tmp_path: Path) -> None:
    everything_foreign = np.full(BUCKETS, 100, np.int8)
    known = np.array(sorted([LatinProfile.mark("chat"), LatinProfile.mark("noir")]), np.uint32)
    path = tmp_path / "latin.npz"
    LatinProfile(everything_foreign, 0.1, 0.0, known).write(path)
    profile = LatinProfile.read(path)
    assert is_english("Chat noir", profile)
    assert not is_english("chat gris", profile)


def test_the_judgement_of_a_long_text_takes_no_longer_than_that_of_its_beginning(latin: LatinProfile) -> None:
    assert is_english("a dog " * 200_000, latin)
    assert not is_english("ein Hund läuft am Strand " * 200_000, latin)


def test_telling_languages_apart_loads_no_model() -> None:
    script = (
        "import sys; from photoseek.library.embedders.languages import in_other_script;"
        "in_other_script('猫'); print([n for n in ('torch', 'onnxruntime', 'tokenizers') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
