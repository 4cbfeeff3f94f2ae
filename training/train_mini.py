"""Make mini from public parts, from nothing to the files in the package: python -m photoseek.training.train_mini."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from ..library.embedders.mini import FILES, WEIGHTS, Background, MiniEmbedder
from ..library.types import Vectors
from .conse import TEMPERATURE, ConseHead, class_vectors, write_conse
from .export_towers import export_towers
from .features import TextFeatures, picture_features
from .fetch import fetch
from .heads import export_head, write_manifest
from .joint import APPEARANCE_DIM, MEANING_DIM, Appearance, ImageHead, JointImage, JointText, TextHead
from .measure import Mapped, caption_recall, sense_precision
from .pairs import Pair, all_pairs
from .pictures import on_background, sample_photographs
from .teach import Material, Recipe, teach
from .texts import Lesson, lessons, validation_senses
from .towers import FEATURE_DIM, TEXT_DIM, image_network
from .views import view_features, view_recall
from .wordnet import WordNet

SEED = 7
BORROWED_SENSES = 12_000
VALIDATION_SENSES_SHARE = 0.15
VIEWED_PICTURES = 150
VERSION = "1"


class Log:
    """Every figure of a run, a line each, on the screen and in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = time.monotonic()
        path.write_text("", encoding="utf-8")

    def __call__(self, stage: str, **figures: float | str) -> None:
        """Write one line."""
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}
        line = json.dumps({"seconds": round(time.monotonic() - self._start), "stage": stage, **rounded})
        print(line, flush=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the steps of one run share."""

    material: Material
    senses_left_out: frozenset[str]
    classifier: nn.Linear
    class_start: Vectors
    views: dict[str, Vectors]
    log: Log


def mapped(head: nn.Module) -> Mapped:
    """Make a head a function of NumPy arrays."""

    def run(features: Vectors) -> Vectors:
        with torch.no_grad():
            found: Vectors = head.eval()(torch.from_numpy(np.ascontiguousarray(features))).numpy()
        return found

    return run


def main() -> None:
    """Fetch, export, teach, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"), help="for downloads and features")
    parser.add_argument("--into", type=Path, default=WEIGHTS, help="folder to write the model to")
    arguments = parser.parse_args()
    # On several threads, sums come out in another order on every machine, and the weights with them.
    torch.set_num_threads(1)
    folder = arguments.cache / "model"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    workshop = prepare(arguments.cache, folder)
    untrained = ConseHead(workshop.classifier, torch.from_numpy(workshop.class_start), TEMPERATURE)
    measure_heads(workshop, "untrained", lambda texts: texts, mapped(untrained), workshop.class_start)
    recipe = Recipe(seed=SEED)
    workshop.log("recipe", **asdict(recipe))
    # Once without some of WordNet's senses, to measure what was never taught; then with all of it, to ship.
    taught_heads(
        workshop,
        recipe,
        "without some senses",
        [s for s in workshop.material.lessons if s.synset not in workshop.senses_left_out],
    )
    text_head, image_head = taught_heads(workshop, recipe, "shipped", workshop.material.lessons)
    appearance = appearance_of(workshop.material)
    joint = JointImage(image_head, appearance, recipe.appearance_share)
    workshop.log("views, shipped", **view_recall(workshop.views, mapped(joint)))
    export_head(joint, FEATURE_DIM, folder / "image_head.onnx")
    export_head(JointText(text_head), TEXT_DIM, folder / "text_head.onnx")
    background = background_of(workshop.material, mapped(JointText(text_head)), mapped(joint))
    manifest = write_manifest(folder, VERSION, MEANING_DIM + APPEARANCE_DIM, background)
    workshop.log("written", key=manifest.key, **asdict(background))
    arguments.into.mkdir(parents=True, exist_ok=True)
    for name in (*FILES, "manifest.json"):
        shutil.copyfile(folder / name, arguments.into / name)


def prepare(cache: Path, folder: Path) -> Workshop:
    """Fetch the sources, export the towers with untrained heads, and run the towers over everything once."""
    cache.mkdir(parents=True, exist_ok=True)
    log = Log(cache / "log.jsonl")
    sources = fetch(cache)
    log("fetched")
    export_towers(folder, sources.stamps)
    write_conse(folder)
    log("towers", **{name: (folder / name).stat().st_size for name in FILES})
    model = MiniEmbedder(folder=folder)
    wordnet = WordNet(sources.wordnet)
    pairs = all_pairs(sources)
    taught = lessons(wordnet, BORROWED_SENSES, SEED)
    words = TextFeatures(model, cache)
    words([wording for lesson in taught for wording in lesson.wordings])
    words([caption for pair in pairs for caption in pair.captions])
    words.save()
    log("texts", senses=len(taught), wordings=sum(len(lesson.wordings) for lesson in taught))
    pictures = picture_features(model, pairs, sources.wallpapers, cache, SEED)
    log("pictures", pairs=len(pairs), photographs=len(pictures.photographs))
    views = view_features(model, [*sample_photographs(), *_held_out_pictures(pairs)])
    classifier = image_network().get_submodule("classifier")
    if not isinstance(classifier, nn.Linear):
        raise TypeError(classifier)
    return Workshop(
        material=Material(taught, pairs, pictures, words),
        senses_left_out=frozenset(validation_senses(wordnet, VALIDATION_SENSES_SHARE, SEED)),
        classifier=classifier,
        class_start=class_vectors(model),
        views=views,
        log=log,
    )


def taught_heads(workshop: Workshop, recipe: Recipe, name: str, taught: Sequence[Lesson]) -> tuple[TextHead, ImageHead]:
    """Teach fresh heads and measure them now and then."""
    torch.manual_seed(recipe.seed)
    text_head = TextHead(recipe.text_width)
    start = torch.from_numpy(workshop.class_start)
    image_head = ImageHead(workshop.classifier, start, recipe.temperature, recipe.image_width)

    def report(step: int) -> None:
        classes = nn.functional.normalize(image_head.classes.detach(), dim=1).numpy()
        measure_heads(workshop, f"{name}, step {step}", mapped(text_head), mapped(image_head), classes)

    material = workshop.material
    teach(
        recipe,
        Material(taught, material.pairs, material.pictures, material.text_features),
        text_head,
        image_head,
        report,
    )
    return text_head, image_head


def measure_heads(workshop: Workshop, stage: str, text_head: Mapped, image_head: Mapped, classes: Vectors) -> None:
    """Log the figures of one pair of heads: senses left out, each source's two splits, changed views."""
    material = workshop.material
    senses = [lesson for lesson in material.lessons if lesson.synset in workshop.senses_left_out]
    figures = {"senses mAP": sense_precision(senses, material.text_features, text_head, classes)}
    for split in ("validation", "held out"):
        found = caption_recall(material.pairs, split, material.pictures, material.text_features, text_head, image_head)
        figures |= {f"{source} {split} R@10": value for source, value in found.items()}
    figures |= {f"{name} R@1": value for name, value in view_recall(workshop.views, image_head).items()}
    workshop.log(stage, **figures)


def appearance_of(material: Material) -> Appearance:
    """The principal directions of the training pictures' features, photographs counting as much as drawings."""
    drawn = [row for row, pair in enumerate(material.pairs) if pair.split == "train"]
    groups = [material.pictures.plain[drawn], material.pictures.photographs]
    units = [group / np.linalg.norm(group, axis=1, keepdims=True) for group in groups]
    centre = np.mean([unit.mean(axis=0) for unit in units], axis=0)
    spread = np.mean([(unit - centre).T @ (unit - centre) / len(unit) for unit in units], axis=0)
    _, directions = np.linalg.eigh(spread)
    leading = np.ascontiguousarray(directions[:, ::-1][:, :APPEARANCE_DIM])
    return Appearance(torch.from_numpy(centre.astype(np.float32)), torch.from_numpy(leading.astype(np.float32)))


def background_of(material: Material, text_head: Mapped, image_head: Mapped) -> Background:
    """Scores of words chosen at random from WordNet with pictures that they were not chosen for."""
    words = material.text_features([lesson.wordings[0] for lesson in material.lessons if lesson.borrowed][:2000])
    drawn = [row for row, pair in enumerate(material.pairs) if pair.split == "validation"][:400]
    pictures = np.concatenate([material.pictures.photographs, material.pictures.plain[drawn]])
    scores = text_head(words) @ image_head(pictures).T
    weak, strong = np.quantile(scores, [0.99, 0.9999])
    return Background(float(scores.mean()), float(scores.std()), float(weak), float(strong))


def _held_out_pictures(pairs: Sequence[Pair]) -> list[Image.Image]:
    chosen = [pair.path for pair in pairs if pair.split == "held out"][:: max(1, len(pairs) // VIEWED_PICTURES // 7)]
    pictures = []
    for path in chosen[:VIEWED_PICTURES]:
        with Image.open(path) as picture:
            pictures.append(on_background(picture))
    return pictures


if __name__ == "__main__":
    main()
