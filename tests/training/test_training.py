"""The pieces of mini's training that can be tested without downloading anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from photoseek.library.embedders.mini import read_manifest

if TYPE_CHECKING:
    from photoseek.training.joint import JointImage
    from photoseek.training.wordnet import WordNet

# The training's own packages are the extra [train]; without them these tests are skipped, saying so.
TRAIN = "training needs the extra [train]"
torch = pytest.importorskip("torch", reason=TRAIN)
classes, conse, heads, joint, pictures, texts, views, wordnets = (
    pytest.importorskip(f"photoseek.training.{name}", reason=TRAIN)
    for name in ("classes", "conse", "heads", "joint", "pictures", "texts", "views", "wordnet")
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


def joint_image(share: float) -> JointImage:
    torch.manual_seed(0)
    meaning = joint.ImageHead(torch.nn.Linear(1280, 1000), torch.randn(1000, 384), temperature=2.0, width=32)
    directions = torch.linalg.qr(torch.randn(1280, joint.APPEARANCE_DIM))[0]
    return joint.JointImage(meaning, joint.Appearance(torch.zeros(1280), directions), share).eval()


def test_appearance_changes_no_ranking_of_pictures_by_words() -> None:
    features = torch.rand(50, 1280, generator=torch.manual_seed(1))
    words = torch.nn.functional.normalize(torch.randn(5, 384, generator=torch.manual_seed(2)), dim=1)
    texts = joint.JointText(joint.TextHead(16)).eval()(words)
    with torch.no_grad():
        without, with_it = (texts @ joint_image(share)(features).T for share in (0.0, 0.4))
    assert torch.allclose(with_it, without * 0.6**0.5, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_exported_head_computes_what_the_module_does(tmp_path: Path) -> None:
    head = joint_image(0.3)
    heads.export_head(head, 1280, tmp_path / "head.onnx")
    features = np.random.default_rng(0).random((3, 1280), dtype=np.float32)
    session = onnxruntime.InferenceSession(str(tmp_path / "head.onnx"), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        wanted = head(torch.from_numpy(features)).numpy()
    assert session.run(None, {"features": features})[0] == pytest.approx(wanted, abs=2e-3)


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
    recall = views.view_recall({"same": same, "mirror": same, "crop": same[[0, 1, 3, 2]]}, lambda features: features)
    assert recall == {"mirror": 1.0, "crop": 0.5}


def test_shipped_model_has_the_dimensions_of_the_trained_heads() -> None:
    manifest = read_manifest()
    assert manifest.dim == 384 + joint.APPEARANCE_DIM
    assert manifest.background.mean < manifest.background.weak < manifest.background.strong < 1
