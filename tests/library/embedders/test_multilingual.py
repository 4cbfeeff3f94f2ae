"""mini in other languages: the same space, the right tower, and English to the digit as it was."""

import hashlib
import json
import logging
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from photoseek.library.embedders.mini import WEIGHTS, MiniEmbedder
from photoseek.library.embedders.multilingual import FILES, MULTILINGUAL, read_multilingual_manifest
from photoseek.library.errors import ModelUnavailable

ENGLISH = ["a dog running on the beach", "café", "IMG_2034.jpg", "", "two children in red", "chat", "São Paulo"]
OTHERS = {
    "zh": ["一只猫", "一杯咖啡", "发射火箭"],
    "zh-hant": ["一隻貓", "一杯咖啡", "發射火箭"],
    "de": ["eine Katze mit grünen Augen", "eine Tasse Kaffee auf dem Tisch", "eine Rakete startet in den Himmel"],
    "fr": ["un chat aux yeux verts", "une tasse de café sur la table", "le lancement d'une fusée"],
    "ja": ["ネコ", "コーヒーのカップ", "ロケットの打ち上げ"],
    "ru": ["кошка", "чашка кофе", "ракета летит в небо"],
    "ar": ["قطة", "فنجان قهوة", "إطلاق صاروخ"],
    "mixed": ["一只 cat", "coffee 一杯", "rocket 发射"],
}


@pytest.fixture(scope="module")
def mini() -> MiniEmbedder:
    return MiniEmbedder(threads=1)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package's weights, to be damaged."""
    return Path(shutil.copytree(WEIGHTS, tmp_path / "mini"))


def test_english_has_the_vectors_that_it_has_without_other_languages(mini: MiniEmbedder, copy: Path) -> None:
    shutil.rmtree(copy / MULTILINGUAL)
    alone = MiniEmbedder(threads=1, folder=copy)
    assert np.array_equal(mini.embed_texts(ENGLISH), alone.embed_texts(ENGLISH))
    assert mini.spec == alone.spec  # no library is indexed again


def test_a_text_has_the_same_vector_alone_and_among_others_of_any_language(mini: MiniEmbedder) -> None:
    texts = ["a cat", "一只猫", "a cup of coffee", "чашка кофе", "ein Hund läuft am Strand", "a rocket"]
    together = mini.embed_texts(texts)
    assert together == pytest.approx(np.concatenate([mini.embed_texts([text]) for text in texts]), abs=1e-5)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("language", OTHERS)
def test_words_in_other_languages_find_their_photograph(mini: MiniEmbedder, language: str) -> None:
    photographs = [skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket(), skimage.data.astronaut()]
    pixels = np.stack([mini.preprocess(Image.fromarray(photograph)) for photograph in photographs])
    scores = mini.embed_texts(OTHERS[language]) @ mini.embed_images(pixels).T
    assert scores.argmax(axis=1).tolist() == [0, 1, 2]


def test_a_translation_lies_nearest_to_its_english(mini: MiniEmbedder) -> None:
    english = ["a red car", "a dog in the snow", "a woman in a red dress", "children playing football", "a cup of tea"]
    chinese = ["红色的汽车", "雪地里的狗", "穿红色连衣裙的女人", "孩子们在踢足球", "一杯茶"]
    scores = mini.embed_texts(chinese) @ mini.embed_texts(english).T
    assert scores.argmax(axis=1).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("text", ["Ein Mädchen läuft über die Straße", "नदी में नाव", "が"])
def test_composed_and_decomposed_marks_have_one_vector(mini: MiniEmbedder, text: str) -> None:
    forms = [unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)]
    first, second = mini.embed_texts(forms)
    assert first == pytest.approx(second, abs=1e-6)


def test_a_long_chinese_text_is_split_at_sentences(mini: MiniEmbedder, caplog: pytest.LogCaptureFixture) -> None:
    sentences = ["一只狗在沙滩上奔跑。", "孩子们在公园里踢足球。"]
    with caplog.at_level(logging.WARNING):
        vector = mini.embed_texts(["".join(sentences * 40)])[0]
    assert "1 of 1 texts exceed the model's limit of 128 tokens" in caplog.text
    assert mini.embed_texts(["".join(sentences * 6)])[0] @ vector > 0.8


def test_an_english_question_loads_no_other_tower(mini: MiniEmbedder) -> None:
    model = MiniEmbedder(threads=1)
    model.embed_texts(ENGLISH)
    assert model._multilingual is not None
    assert not {"_tower", "_head", "_tokenizer"} & set(vars(model._multilingual))


def test_a_chinese_question_loads_no_english_tower() -> None:
    model = MiniEmbedder(threads=1)
    model.embed_texts(["一只狗"])
    assert not model._sessions


def test_the_manifest_pins_every_file_and_the_space() -> None:
    folder = WEIGHTS / MULTILINGUAL
    manifest = read_multilingual_manifest(folder)
    assert manifest.space == MiniEmbedder().spec.key
    assert manifest.files == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}
    assert {path.name for path in folder.iterdir()} == {*FILES, "manifest.json"}


def test_a_side_made_for_another_mini_is_refused(copy: Path) -> None:
    path = copy / MULTILINGUAL / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "space": "mini@000000000000"}))
    with pytest.raises(ModelUnavailable, match="belongs to mini@000000000000, not to mini@") as caught:
        MiniEmbedder(folder=copy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize("damage", [None, b"\x00nonsense"])
def test_a_damaged_file_is_named_in_one_line(copy: Path, name: str, damage: bytes | None) -> None:
    path = copy / MULTILINGUAL / name
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    with pytest.raises(ModelUnavailable, match=name) as caught:
        MiniEmbedder(threads=1, folder=copy).embed_texts(["一只狗", "ein Hund läuft am Strand"])
    assert "\n" not in str(caught.value)
    assert "reinstall photoseek" in str(caught.value)


def test_the_files_add_little_to_the_package() -> None:
    assert sum(path.stat().st_size for path in (WEIGHTS / MULTILINGUAL).iterdir()) < 24_000_000
