"""The built-in model: its pinned vectors, its agreement of words and pictures, and its behaviour when damaged."""

import hashlib
import json
import logging
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import skimage
import skimage.data
from PIL import Image

from photoseek.library.embedders.mini import FILES, IMAGE_SIZE, WEIGHTS, MiniEmbedder, read_manifest
from photoseek.library.errors import ModelUnavailable
from photoseek.library.types import Vectors

# Processors differ in how they round int8 products; a wrong model is off by far more.
TOLERANCE = 0.03

# Four numbers of the meaning and four of the scene.
PINNED = [0, 1, 2, 3, 224, 225, 226, 227]
PICTURES = {
    "red": [0.121, -0.069, -0.074, -0.100, 0.005, -0.118, -0.005, -0.017],
    "gradient": [0.231, -0.049, 0.149, -0.016, 0.019, -0.131, 0.030, -0.043],
    "rings": [0.061, -0.036, 0.089, -0.146, -0.026, 0.044, 0.105, -0.016],
}
TEXTS = {
    "a photo of a cat": [0.039, 0.097, 0.026, 0.016, 0.008, 0.015, 0.022, -0.015],
    "red car": [0.032, -0.027, -0.000, 0.006, -0.013, 0.011, 0.006, 0.022],
    "children playing football in the rain": [0.004, -0.010, 0.005, 0.007, -0.138, 0.010, -0.042, 0.252],
}


@pytest.fixture(scope="module")
def mini() -> MiniEmbedder:
    return MiniEmbedder(threads=1)


def generated(name: str) -> Image.Image:
    """A picture made of arithmetic alone: a red field, a gradient, rings."""
    rows, columns = np.mgrid[0:300, 0:400]
    channels = {
        "red": (np.full_like(rows, 200), np.full_like(rows, 20), np.full_like(rows, 30)),
        "gradient": (rows * 255 // 299, columns * 255 // 399, (rows + columns) * 255 // 698),
        "rings": [127 + 127 * np.sin(np.hypot(rows - 150, columns - 200) / step) for step in (4, 6, 9)],
    }[name]
    return Image.fromarray(np.stack(channels, axis=2).astype(np.uint8))


def embedded(model: MiniEmbedder, *images: Image.Image) -> Vectors:
    return model.embed_images(np.stack([model.preprocess(image) for image in images]))


@pytest.mark.parametrize("name", PICTURES)
def test_vectors_of_generated_pictures_are_pinned(mini: MiniEmbedder, name: str) -> None:
    vector = embedded(mini, generated(name))[0]
    assert vector[PINNED] == pytest.approx(PICTURES[name], abs=TOLERANCE)


@pytest.mark.parametrize("text", TEXTS)
def test_vectors_of_texts_are_pinned(mini: MiniEmbedder, text: str) -> None:
    assert mini.embed_texts([text])[0, PINNED] == pytest.approx(TEXTS[text], abs=TOLERANCE)


def test_words_find_their_photograph(mini: MiniEmbedder) -> None:
    texts = ["a cat", "a cup of coffee", "a rocket launch"]
    photographs = [skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket(), skimage.data.astronaut()]
    images = embedded(mini, *map(Image.fromarray, photographs))
    assert (mini.embed_texts(texts) @ images.T).argmax(axis=1).tolist() == [0, 1, 2]


def test_vectors_have_length_one_and_the_stated_shape(mini: MiniEmbedder) -> None:
    images = embedded(mini, generated("red"), generated("rings"))
    texts = mini.embed_texts(["a dog", "", "ein Hund 🐶"])
    assert images.shape == (2, mini.spec.dim)
    assert texts.shape == (3, mini.spec.dim)
    assert images.dtype == texts.dtype == np.float32
    assert np.linalg.norm(np.concatenate([images, texts]), axis=1) == pytest.approx(1, abs=1e-5)


def test_nothing_embeds_to_no_rows(mini: MiniEmbedder) -> None:
    assert mini.embed_texts([]).shape == (0, mini.spec.dim)
    assert mini.embed_images(np.empty((0, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)).shape == (0, mini.spec.dim)


def test_a_vector_does_not_depend_on_its_neighbours(mini: MiniEmbedder) -> None:
    names = list(PICTURES)
    together = embedded(mini, *map(generated, names))
    alone = np.concatenate([embedded(mini, generated(name)) for name in names])
    assert together == pytest.approx(alone, abs=1e-5)
    texts = ["a cat", "a very long sentence about a small boat on a wide river at dusk", "snow"]
    assert mini.embed_texts(texts) == pytest.approx(np.concatenate([mini.embed_texts([t]) for t in texts]), abs=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (260, 260), (4000, 250)])
def test_pictures_of_any_shape_are_taken(mini: MiniEmbedder, size: tuple[int, int]) -> None:
    pixels = mini.preprocess(Image.new("RGB", size, (10, 200, 30)))
    assert pixels.shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == (10, 200, 30)).all()


def test_the_whole_picture_is_seen_and_of_a_panorama_the_middle(mini: MiniEmbedder) -> None:
    picture = Image.new("RGB", (600, 300), (0, 0, 255))
    picture.paste((255, 0, 0), (0, 0, 30, 300))
    picture.paste((0, 255, 0), (570, 0, 600, 300))
    pixels = mini.preprocess(picture)
    assert (pixels[:, 0] == (255, 0, 0)).all()
    assert (pixels[:, -1] == (0, 255, 0)).all()
    panorama = Image.new("RGB", (900, 300), (255, 0, 0))
    panorama.paste((0, 0, 255), (150, 0, 750, 300))
    # The filter reaches a pixel beyond the edge.
    assert (mini.preprocess(panorama)[:, 2:-2] == (0, 0, 255)).all()


def test_one_run_of_the_tower_gives_vectors_and_places(mini: MiniEmbedder) -> None:
    pixels = np.stack([mini.preprocess(generated(name)) for name in PICTURES])
    seen = mini.look(pixels)
    assert seen.places.shape == (3, 81, 352)
    assert seen.places == pytest.approx(mini.places(pixels))
    assert mini.vectors_of(seen) == pytest.approx(mini.embed_images(pixels), abs=1e-5)


def test_places_lie_where_things_are(mini: MiniEmbedder) -> None:
    plain = generated("red").resize((520, 520))
    marked = plain.copy()
    marked.paste(generated("rings").resize((130, 130)), (390, 390))
    places = mini.places(np.stack([mini.preprocess(plain), mini.preprocess(marked)]))
    change = np.linalg.norm(places[1] - places[0], axis=1).reshape(9, 9)
    assert change[6:, 6:].mean() > 2 * change[:4, :4].mean()


def test_a_text_gives_a_state_for_every_token(mini: MiniEmbedder) -> None:
    read = mini.read("two dogs run")
    assert read.states.shape == (1, 5, 384)
    mean = read.states[0].mean(axis=0)
    assert read.embedding[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-4)


def test_sentences_tell_who_does_what_to_which_photograph(mini: MiniEmbedder) -> None:
    sentences = [
        "a smiling woman in an orange suit stands in front of a flag",
        "a man in a dark coat looks through a camera on a tripod",
        "a cat looks into the camera",
        "a red motorcycle stands in a garage",
    ]
    photographs = [skimage.data.astronaut(), skimage.data.camera(), skimage.data.chelsea()]
    pictures = [Image.fromarray(one).convert("RGB") for one in photographs]
    data = Path(skimage.__file__).parent / "data"
    with Image.open(data / "motorcycle_left.png") as motorcycle:
        pictures.append(motorcycle.convert("RGB"))
    images = embedded(mini, *pictures)
    assert (mini.embed_texts(sentences) @ images.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_a_long_text_is_split_with_a_note_and_every_part_counts(
    mini: MiniEmbedder, caplog: pytest.LogCaptureFixture
) -> None:
    sentences = ["A lighthouse stands on a rock above the grey sea. "] * 12 + ["Two zebras graze. "] * 12
    with caplog.at_level(logging.WARNING):
        whole = mini.embed_texts(["".join(sentences)])[0]
    assert "split at sentences" in caplog.text
    assert whole @ mini.embed_texts(["".join(sentences[:12])])[0] < 0.99
    assert whole @ mini.embed_texts(["Two zebras graze."])[0] > whole @ mini.embed_texts(["a wedding cake"])[0]


def test_threads_share_one_embedder() -> None:
    model = MiniEmbedder(threads=1)
    texts = ["a cat", "a red car", "a snowy mountain", "two children"] * 4
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: model.embed_texts([text])[0], texts))
    assert np.stack(found) == pytest.approx(MiniEmbedder(threads=1).embed_texts(texts), abs=1e-6)


def test_manifest_names_every_file_and_its_hash() -> None:
    files = read_manifest().files
    assert set(files) == set(FILES)
    assert files == {name: hashlib.sha256((WEIGHTS / name).read_bytes()).hexdigest() for name in files}


def test_shipped_files_stay_under_50_megabytes() -> None:
    # What is kept of places serves the judge, and counts as its.
    files = [path for path in WEIGHTS.iterdir() if path.is_file() and path.name != "kept_places.npz"]
    assert sum(path.stat().st_size for path in files) < 50_000_000


def test_vectors_stay_within_640_numbers(mini: MiniEmbedder) -> None:
    assert mini.spec.dim <= 640


def test_key_changes_with_any_file(mini: MiniEmbedder, tmp_path: Path) -> None:
    fields = json.loads((WEIGHTS / "manifest.json").read_text())
    fields["files"]["text_head.onnx"] = "0" * 64
    (tmp_path / "manifest.json").write_text(json.dumps(fields))
    changed = read_manifest(tmp_path).key
    assert changed != mini.spec.key
    assert changed.startswith("mini@")


def test_spec_and_a_text_query_load_no_image_tower(tmp_path: Path) -> None:
    for name in ("manifest.json", "text_tower.onnx", "text_head.onnx", "tokenizer.json"):
        shutil.copy(WEIGHTS / name, tmp_path)
    model = MiniEmbedder(folder=tmp_path)
    assert model.spec.dim == model.embed_texts(["a cat"]).shape[1]
    with pytest.raises(ModelUnavailable, match=r"image_tower.*reinstall"):
        embedded(model, generated("red"))


@pytest.mark.parametrize("name", ["text_tower.onnx", "text_head.onnx", "tokenizer.json"])
def test_a_damaged_file_is_named_with_its_remedy(tmp_path: Path, name: str) -> None:
    shutil.copytree(WEIGHTS, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).write_bytes(b"not a model")
    with pytest.raises(ModelUnavailable, match=rf"{name}.*reinstall") as caught:
        MiniEmbedder(folder=tmp_path).embed_texts(["a cat"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, "", "{}", "[1]", '{"background": {}}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ModelUnavailable, match=r"manifest\.json"):
        MiniEmbedder(folder=tmp_path)


def test_neither_torch_nor_any_runtime_is_imported_before_use() -> None:
    script = (
        "import sys; from photoseek.library.embedders.mini import MiniEmbedder; model = MiniEmbedder(); model.spec; "
        "assert not {'onnxruntime', 'tokenizers'} & set(sys.modules); model.embed_texts(['a cat']); "
        "assert not {'torch', 'transformers', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(sys.executable).parent)
