"""Teaching the scene part: captions changed by rule, captioned photographs read, heads taught on made-up features."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from photoseek.library.errors import ModelUnavailable
from photoseek.training.captioned import has_split, read_captioned
from photoseek.training.changed import KINDS, changed_captions
from photoseek.training.fragments import MOST_WORDS, fragments

if TYPE_CHECKING:
    from photoseek.training.scene_teach import SceneMaterial

TRAIN = "training needs the extra [train]"
torch = pytest.importorskip("torch", reason=TRAIN)
gates, measures, scenes, features, teaching, run = (
    pytest.importorskip(f"photoseek.training.{name}", reason=TRAIN)
    for name in ("gate", "measure", "scene", "scene_features", "scene_teach", "train_mini")
)


def changes(caption: str) -> dict[str, str]:
    return {one.kind: one.text for one in changed_captions([caption], seed=7)}


def test_one_thing_is_changed_of_every_kind_that_a_caption_has() -> None:
    found = changes("Two boys in red shirts are riding behind a man")
    assert set(found) == {"colour", "number", "action"}
    assert found["colour"].startswith("Two boys in ")
    assert found["colour"].endswith(" shirts are riding behind a man")
    assert " red " not in found["colour"]
    assert found["number"].split()[0] in ("Three", "Four", "Five", "Six", "Seven")
    assert changes("Mist over the hills") == {}


@pytest.mark.parametrize(
    ("caption", "exchanged"),
    [
        ("A dog chases a man", "A man chases a dog"),
        ("Girl pushes the boy", "Boy pushes the girl"),
        ("A man and a woman sit", None),
        ("A boy with a dog", None),
        ("A dog chases a dog", None),
        ("A man watches the dogs", None),
    ],
)
def test_beings_exchange_places_where_that_means_something_else(caption: str, exchanged: str | None) -> None:
    assert changes(caption).get("who") == exchanged


def test_changes_repeat_with_their_seed_and_differ_from_the_caption() -> None:
    captions = [f"{number} dogs in a red boat run after a black cat" for number in ("two", "three", "four")] * 10
    found = list(changed_captions(captions, seed=3))
    assert found == list(changed_captions(captions, seed=3))
    assert found != list(changed_captions(captions, seed=4))
    assert {one.kind for one in found} <= set(KINDS)
    assert all(one.text != captions[one.caption] for one in found)


def test_phrases_are_parts_of_their_caption() -> None:
    caption = "A man in a red shirt is riding a brown horse along the beach ."
    found = {next(iter(fragments([caption], seed))).text for seed in range(60)}
    assert {"a man", "man", "red shirt", "man in a red shirt", "the beach"} <= found
    assert all(text in caption.lower() and len(text.split()) <= MOST_WORDS for text in found)
    assert not {"in", "a", "is", "."} & found
    assert [one.caption for one in fragments(["Dogs", caption, "!"], seed=1)] == [1]


def jpeg(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (30, 20), colour).save(file, "JPEG")
    return file.getvalue()


def test_captioned_photographs_are_read_from_a_tar_and_a_table(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "train.tar", "w") as tar:
        for name in ("b.jpg", "a.jpg", "without.jpg"):
            member = tarfile.TarInfo(f"train/{name}")
            member.size = len(jpeg("red"))
            tar.addfile(member, io.BytesIO(jpeg("red")))
    (tmp_path / "train.en.tsv").write_text("a.jpg\tone\nb.jpg\ttwo\na.jpg\tthree\ngone.jpg\tfour\n")
    captioned = read_captioned(tmp_path, "train")
    assert captioned.names == ("a.jpg", "b.jpg")
    assert captioned.captions == (("one", "three"), ("two",))
    assert captioned.flat() == ([0, 0, 1], ["one", "three", "two"])
    assert captioned.picture(1).size == (30, 20)
    assert has_split(tmp_path, "train")
    assert not has_split(tmp_path, "val")


def test_captioned_photographs_are_read_from_a_folder_and_coco_captions(tmp_path: Path) -> None:
    (tmp_path / "train" / "deeper").mkdir(parents=True)
    (tmp_path / "train" / "deeper" / "a.jpg").write_bytes(jpeg("blue"))
    stored = {
        "images": [{"id": 4, "file_name": "a.jpg"}, {"id": 5, "file_name": "gone.jpg"}],
        "annotations": [{"image_id": 4, "caption": "blue "}, {"image_id": 5, "caption": "no"}],
    }
    (tmp_path / "train.json").write_text(json.dumps(stored))
    captioned = read_captioned(tmp_path, "train")
    assert captioned.captions == (("blue",),)
    assert np.asarray(captioned.picture(0))[0, 0].argmax() == 2


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "none of train.en.tsv, train.tsv, train.json"),
        ({"train.tsv": "a.jpg\tone"}, "no captioned photographs of train"),
        ({"train.json": "[]"}, "train.json cannot be read"),
        ({"train.tsv": "a.jpg\tone", "train.tar": "no archive"}, "train.tar cannot be read"),
    ],
)
def test_a_folder_that_lacks_something_says_what(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(ModelUnavailable) as caught:
        read_captioned(tmp_path, "train")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


COUNT = 48


def material() -> SceneMaterial:
    """Photographs and captions that share a made-up code: what is in the places is in the words."""
    chance = np.random.default_rng(0)
    codes = chance.standard_normal((COUNT, 16)).astype(np.float32)
    into = {size: chance.standard_normal((16, size)).astype(np.float32) for size in (1280, 352, 384)}
    places = (codes @ into[352])[:, np.newaxis] + chance.standard_normal((COUNT, 81, 352)) * 0.3
    words = np.repeat((codes @ into[384])[:, np.newaxis], 4, axis=1).reshape(-1, 384)
    vectors = codes @ into[384]
    texts = features.TextStates(
        np.arange(COUNT + 1) * 4, words.astype(np.float16), vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    )
    wrong = features.TextStates(texts.starts, np.roll(texts.states, 4, axis=0), np.roll(texts.embedding, 1, axis=0))
    photographs = features.PhotographFeatures(
        COUNT,
        np.abs(codes @ into[1280]).astype(np.float16),
        places.astype(np.float16),
        np.zeros((COUNT, 81, 180), np.float16),
    )
    rows = np.arange(COUNT)
    return teaching.SceneMaterial(photographs, texts, rows, wrong, rows, ("colour",) * COUNT, texts, rows)


def taught(seed: int) -> tuple[dict[str, float], float]:
    """Recall of a head taught for a moment, and a number of it."""
    sizes = scenes.SceneSizes(image_maps=2, map_dim=16, image_width=32, text_maps=1, text_width=32, dropout=0.0)
    recipe = teaching.SceneRecipe(epochs=40, batch=24, captions=1, learning_rate=3e-3, sizes=sizes)
    stuff = material()
    torch.set_num_threads(1)
    steps: list[int] = []
    image_head, text_head = teaching.teach_scene(recipe, stuff, seed, lambda step, *_: steps.append(step))
    assert steps == [40, 80]
    images = teaching.image_vectors(image_head, stuff.photographs, np.arange(COUNT))
    words = teaching.text_vectors(text_head, stuff.captions, np.arange(COUNT))
    return measures.recall_both_ways(images, words, stuff.photograph_of), float(images[0, 0])


def test_heads_learn_which_caption_tells_of_which_photograph_alike_every_time() -> None:
    recalls, number = taught(seed=5)
    assert recalls["t2i R@1"] > 80
    assert recalls["i2t R@1"] > 80
    assert taught(seed=5)[1] == number
    assert taught(seed=6)[1] != number


def test_recall_counts_the_best_placed_caption_of_a_photograph() -> None:
    images = np.eye(3, dtype=np.float32)
    captions = np.array([[1, 0, 0], [0, 1, 0.5], [0, 0.9, 1], [0, 1, 0]], np.float32)
    found = measures.recall_both_ways(images, captions, np.array([0, 1, 1, 2]))
    assert found["t2i R@1"] == 50.0
    assert found["i2t R@1"] == pytest.approx(200 / 3)
    assert found["i2t R@5"] == 100.0


def test_the_gate_tells_names_from_scenes() -> None:
    chance = np.random.default_rng(0)
    names, told = (chance.standard_normal((200, 384)).astype(np.float32) + shift for shift in (-0.3, 0.3))
    names, told = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (names, told))
    gate = gates.taught_gate(names, told[:150], told[150:], seed=1)
    with torch.no_grad():
        short, long = torch.zeros(200, 4, 384), torch.zeros(200, 14, 384)
        assert gate(torch.from_numpy(names), short).mean() < 0.2
        assert gate(torch.from_numpy(told), short).mean() > 0.8
        assert gate(torch.from_numpy(names), long).mean() > 0.4


def test_favoured_kinds_are_drawn_more_often() -> None:
    wanted = [(place, 6.0 if place < 100 else float(place < 900)) for place in range(1000)]
    recipe = teaching.SceneRecipe(changed_batch=200)
    drawn = teaching._drawn(wanted, recipe, np.random.default_rng(0))
    assert len(set(drawn.tolist())) == 200
    assert drawn.max() < 900
    assert 60 < (drawn < 100).sum() < 100


def test_without_captions_the_run_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stopped(Exception):
        pass

    def stop(cache: Path) -> None:
        raise Stopped

    monkeypatch.setattr(run, "fetch", stop)
    with pytest.raises(Stopped):
        run.prepare(tmp_path, tmp_path / "model", None)
    line = json.loads(capsys.readouterr().out)
    assert line["stage"] == "no scene part"
    assert "--captions" in line["missing"]
