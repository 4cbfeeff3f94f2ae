"""The pieces of mini's training that can be tested without downloading anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from photoseek.library.embedders.mini import read_manifest

if TYPE_CHECKING:
    from torch import Tensor

    from photoseek.training.joint import JointImage, JointText
    from photoseek.training.scene import SceneImages, SceneTexts
    from photoseek.training.wordnet import WordNet

# The training's own packages are the extra [train]; without them these tests are skipped, saying so.
TRAIN = "training needs the extra [train]"
torch = pytest.importorskip("torch", reason=TRAIN)
classes, conse, heads, joint, pictures, scene, texts, views, wordnets = (
    pytest.importorskip(f"photoseek.training.{name}", reason=TRAIN)
    for name in ("classes", "conse", "heads", "joint", "pictures", "scene", "texts", "views", "wordnet")
)

HERE = Path(__file__).parents[2]

# Three senses in WordNet's own format: a dog below an animal, and a tench (the classifier's first class) beside it.
NOUNS = """  1 A line of the licence.
00000001 03 n 01 animal 0 000 | a living thing that moves
02084071 05 n 02 dog 0 domestic_dog 0 001 @ 00000001 n 0000 | a member of the genus Canis; "the dog barked"
01440764 05 n 01 tench 0 001 @ 00000001 n 0000 | a freshwater fish; it has small scales; "he caught a tench"
"""


@pytest.fixture
def wordnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WordNet:
    monkeypatch.setattr("photoseek.training.wordnet.class_synsets", lambda: ("n01440764",))
    (tmp_path / "data.noun").write_text(NOUNS)
    return wordnets.WordNet(tmp_path)


def test_wordnet_gives_words_glosses_and_parents(wordnet: WordNet) -> None:
    dog = wordnet.synsets["n02084071"]
    assert dog.lemmas == ("dog", "domestic dog")
    assert dog.gloss == "a member of the genus Canis"
    assert dog.parents == ("n00000001",)
    assert wordnet.synsets["n01440764"].gloss == "a freshwater fish; it has small scales"


def test_classes_lie_below_their_own_sense_and_all_above_it(wordnet: WordNet) -> None:
    assert wordnet.classes_below == {"n01440764": (0,), "n00000001": (0,)}


def test_there_are_a_thousand_classes_with_names_of_their_own() -> None:
    names = classes.class_names()
    assert len(classes.class_synsets()) == len(classes.class_lemmas()) == len(names) == 1000
    assert len({name.lower() for name in names}) == 1000
    assert names[0] == "tench"


def test_shipped_vocabulary_is_the_class_names_in_class_order() -> None:
    lines = (HERE / "search" / "vocabularies" / "imagenet.txt").read_text(encoding="utf-8").splitlines()
    assert tuple(lines) == classes.class_names()


def test_scientific_names_are_left_out() -> None:
    assert classes.class_lemmas()[0] == ("tench",)
    assert classes.class_lemmas()[classes.class_synsets().index("n02124075")] == ("Egyptian cat",)


def test_targets_share_a_lesson_among_its_classes() -> None:
    shares = texts.targets(
        [texts.Lesson("n1", ("one",), (3,), borrowed=False), texts.Lesson("n2", ("two",), (0, 9), borrowed=True)]
    )
    assert shares.shape == (2, 1000)
    assert np.flatnonzero(shares[0]).tolist() == [3]
    assert shares[1, [0, 9]].tolist() == [0.5, 0.5]
    assert shares.sum(axis=1).tolist() == [1.0, 1.0]


def test_untrained_head_puts_a_sure_picture_on_its_class_name() -> None:
    classifier = torch.nn.Linear(1280, 1000)
    torch.nn.init.zeros_(classifier.weight)
    torch.nn.init.zeros_(classifier.bias)
    with torch.no_grad():
        classifier.weight[7, 0] = 100.0
    names = torch.nn.functional.normalize(torch.randn(1000, 384, generator=torch.manual_seed(0)), dim=1)
    features = torch.zeros(1, 1280)
    features[0, 0] = 1.0
    vector = conse.ConseHead(classifier, names, 4.0)(features)[0]
    assert vector @ names[7] > 0.999


WEIGHTS = joint.Weights(scene=0.14, appearance=0.3, scene_of_names=0.2, meaning_of_scenes=0.5)
SIZES = scene.SceneSizes(image_maps=2, map_dim=8, image_width=256, text_maps=2, text_width=256)


def scene_pair() -> tuple[SceneImages, SceneTexts]:
    spread = scene.Spread(torch.zeros(532), torch.ones(532))
    projection = torch.randn(2 * scene.HEAD_DIM, scene.SCENE_DIM)
    images = [scene.SceneImage(spread, SIZES) for _ in range(2)]
    return (
        scene.SceneImages(images, projection).eval(),
        scene.SceneTexts([scene.SceneText(SIZES) for _ in range(2)], projection).eval(),
    )


def joint_pair(appearance: float = 0.3) -> tuple[JointImage, JointText]:
    """Both sides of an untaught model with all three parts."""
    torch.manual_seed(0)
    weights = replace(WEIGHTS, appearance=appearance)
    meaning = joint.ImageHead(torch.nn.Linear(1280, 1000), torch.randn(1000, 384), temperature=2.0, width=32)
    directions = torch.linalg.qr(torch.randn(1280, joint.LOOK_DIM))[0]
    kept = torch.linalg.qr(torch.randn(384, joint.KEPT_MEANING_DIM))[0]
    look = joint.Appearance(torch.zeros(1280), directions)
    images, words = scene_pair()
    usual = joint.Usual(torch.randn(480) * 0.01, torch.randn(480, 96) * 0.02)
    return (
        joint.JointImage(meaning, images, look, kept, weights).eval(),
        joint.JointText(joint.TextHead(16), words, joint.Gate(), kept, weights, usual).eval(),
    )


def seen(count: int) -> tuple[Tensor, Tensor, Tensor]:
    chance = torch.manual_seed(1)
    return tuple(torch.rand(shape, generator=chance) for shape in ((count, 1280), (count, 81, 352), (count, 81, 180)))


def read(count: int) -> tuple[Tensor, Tensor]:
    states = torch.randn(count, 6, 384, generator=torch.manual_seed(2))
    return torch.nn.functional.normalize(states.mean(1), dim=1), states


def test_vectors_of_both_sides_have_length_one_and_640_numbers() -> None:
    image, text = joint_pair()
    with torch.no_grad():
        for vectors in (image(*seen(3)), text(*read(3))):
            assert vectors.shape == (3, 640)
            assert torch.allclose(vectors.norm(dim=1), torch.ones(3), atol=0.1)


def test_appearance_changes_no_ranking_of_pictures_by_words() -> None:
    with torch.no_grad():
        scores = [text(*read(5)) @ image(*seen(50)).T for image, text in (joint_pair(0.0), joint_pair(0.4))]
    ranks = [one.argsort(dim=1) for one in scores]
    assert (ranks[0] == ranks[1]).float().mean() > 0.99


@pytest.mark.parametrize(("bias", "meaning", "scene_weight"), [(-50.0, 1.0, 0.2), (50.0, 0.5, 1.0)])
def test_the_gate_weighs_meaning_and_scene(bias: float, meaning: float, scene_weight: float) -> None:
    _, text = joint_pair()
    torch.nn.init.zeros_(text.gate.score.weight)
    torch.nn.init.constant_(text.gate.score.bias, bias)
    embedding, states = read(4)
    states = states[:, :2]  # too short to be a sentence
    assert text.scene is not None
    with torch.no_grad():
        found = text(embedding, states)
        asked = torch.cat(
            [
                text.meaning(embedding) @ text.directions * meaning,
                text.scene(embedding, states) * scene_weight,
            ],
            dim=1,
        )
    asked = torch.nn.functional.normalize(asked, dim=1)
    kept, ends = joint.KEPT_MEANING_DIM, joint.KEPT_MEANING_DIM + scene.SCENE_DIM
    # A picture's meaning is longer than its scene, and the text makes up for it.
    wanted = torch.cat([asked[:, :kept] / (text.weights.meaning / 0.14) ** 0.5, asked[:, kept:]], dim=1)
    assert torch.allclose(
        (found[:, :ends] * wanted).sum(1) / found[:, :ends].norm(dim=1) / wanted.norm(dim=1), torch.ones(4)
    )
    assert torch.equal(found[:, ends : ends + joint.LOOK_DIM], torch.zeros(4, joint.LOOK_DIM))


def test_texts_score_alike_over_the_photographs_they_are_measured_by() -> None:
    image, text = joint_pair()
    with torch.no_grad():
        pictures = image(*seen(400))
        usual = joint.usual_of(pictures.numpy())
        assert text.mean is not None
        assert text.root is not None
        text.mean.copy_(usual.mean)
        text.root.copy_(usual.root)
        scores = text(*read(5)) @ pictures.T
    assert torch.allclose(scores.mean(1), torch.zeros(5), atol=1e-3)
    assert scores.std(1).max() <= joint.STEADY_DEVIATION * 2**0.5 + 1e-3


def test_no_picture_has_anything_where_texts_keep_the_rest_of_their_length() -> None:
    image, text = joint_pair()
    with torch.no_grad():
        assert image(*seen(3))[:, -joint.REST_DIM - 1 : -1].abs().max() == 0
        assert text(*read(3))[:, -joint.REST_DIM - 1 : -1].norm(dim=1).min() > 0.1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_exported_heads_compute_what_the_modules_do(tmp_path: Path) -> None:
    image, text = joint_pair()
    heads.export_image_head(image, tmp_path / "image.onnx")
    heads.export_text_head(text, tmp_path / "text.onnx")
    for name, module, names, inputs in (
        ("image", image, ("features", "places", "detail"), seen(3)),
        ("text", text, ("embedding", "states"), read(1)),
    ):
        session = onnxruntime.InferenceSession(str(tmp_path / f"{name}.onnx"), providers=["CPUExecutionProvider"])
        found = session.run(None, {key: value.numpy() for key, value in zip(names, inputs, strict=True)})[0]
        with torch.no_grad():
            wanted = module(*inputs).numpy()
        lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1)
        assert (found * wanted).sum(axis=1) / lengths == pytest.approx(1, abs=0.01)


def test_padding_and_neighbours_change_no_scene_of_a_text() -> None:
    torch.manual_seed(3)
    head = scene.SceneText(SIZES).eval()
    embedding, states = read(2)
    padded = torch.cat([states, torch.full((2, 3, 384), 9.0)], dim=1)
    present = torch.arange(9).expand(2, 9) < 6
    with torch.no_grad():
        assert torch.allclose(head(embedding, padded, present), head(embedding, states), atol=1e-5)


def test_joint_projections_keep_the_products_of_what_spans_no_more_directions() -> None:
    chance = np.random.default_rng(0)
    basis = chance.standard_normal((100, 512)).astype(np.float32)
    images, words = (chance.standard_normal((300, 100)).astype(np.float32) @ basis for _ in range(2))
    left, right = scene.joint_projections(images, words)
    wanted = images @ words.T
    found = (images @ left.numpy()) @ (words @ right.numpy()).T
    assert np.abs(found - wanted).max() < 0.01 * np.abs(wanted).max()


def test_transparent_pictures_are_laid_on_the_colour() -> None:
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert pictures.on_background(clear, (9, 8, 7)).getpixel((1, 1)) == (9, 8, 7)


def test_variations_are_square_and_repeat_with_their_seed() -> None:
    picture = Image.new("RGBA", (40, 20), (200, 0, 0, 255))
    first, second = (pictures.varied(picture, np.random.default_rng(3)) for _ in range(2))
    assert first.width == first.height >= 40
    assert first.tobytes() == second.tobytes()


def test_view_recall_counts_the_views_nearest_to_their_original() -> None:
    same = np.eye(4, dtype=np.float32)
    recall = views.view_recall({"same": same, "mirror": same, "crop": same[[0, 1, 3, 2]]}, lambda seen: seen)
    assert recall == {"mirror": 1.0, "crop": 0.5}


def test_shipped_model_has_the_dimensions_of_the_trained_heads() -> None:
    manifest = read_manifest()
    assert manifest.dim == joint.KEPT_MEANING_DIM + scene.SCENE_DIM + joint.APPEARANCE_DIM
    assert manifest.background.mean < manifest.background.weak < manifest.background.strong < 1
