"""Make mini from public parts, from nothing to the files in the package: python -m photoseek.training.train_mini.

The scene part needs captioned photographs of your own, --captions FOLDER (see captioned.py for the layout); without
them a model is made that knows things and not what they do.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from ..library.embedders.mini import FILES, WEIGHTS, Background, MiniEmbedder, Seen, squeezed
from ..library.types import Vectors
from .conse import TEMPERATURE, ConseHead, class_vectors, write_conse
from .export_towers import export_towers
from .features import TextFeatures, picture_features
from .fetch import fetch
from .gate import taught_gate
from .heads import export_image_head, export_text_head, write_manifest
from .joint import (
    APPEARANCE_DIM,
    LOOK_DIM,
    Appearance,
    Gate,
    ImageHead,
    JointImage,
    JointText,
    TextHead,
    Usual,
    Weights,
    evened,
    meaning_directions,
    usual_of,
)
from .measure import Mapped, caption_recall, drawing_recall, sense_precision
from .pairs import Pair, all_pairs
from .pictures import on_background, sample_photographs
from .scene import SceneImages, SceneTexts
from .scene_run import ScenePart, prepare_scene, taught_scene, whole_photographs
from .scene_teach import SceneRecipe, image_vectors
from .teach import Material, Recipe, teach
from .texts import Lesson, lessons, validation_senses
from .towers import image_network
from .views import view_features, view_recall
from .wordnet import WordNet

SEED = 7
BORROWED_SENSES = 12_000
VALIDATION_SENSES_SHARE = 0.15
VIEWED_PICTURES = 150
VERSION = "2"
NAMES_FOR_GATE = 12_000
WEIGHTS_OF_PARTS = Weights(scene=0.12, appearance=0.18, scene_of_names=0.0, meaning_of_scenes=0.2)
"""Scenes are alike that show quite different things: a greater share of theirs would hurt search by example."""


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
    views: dict[str, Seen]
    model: MiniEmbedder
    scene: ScenePart | None
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path, help="folder of captioned photographs, for the scene part")
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"), help="for downloads and features")
    parser.add_argument("--into", type=Path, default=WEIGHTS, help="folder to write the model to")
    parser.add_argument(
        "--leave-out-senses", action="store_true", help="first teach without some of WordNet's senses, to measure those"
    )
    arguments = parser.parse_args()
    # On several threads, sums come out in another order on every machine, and the weights with them.
    torch.set_num_threads(1)
    folder = arguments.cache / "model"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    workshop = prepare(arguments.cache, folder, arguments.captions)
    recipe = Recipe(seed=SEED)
    workshop.log("recipe", **asdict(recipe))
    if arguments.leave_out_senses:
        untrained = ConseHead(workshop.classifier, torch.from_numpy(workshop.class_start), TEMPERATURE)
        measure_heads(workshop, "untrained", lambda texts: texts, mapped(untrained), workshop.class_start)
        kept = [lesson for lesson in workshop.material.lessons if lesson.synset not in workshop.senses_left_out]
        taught_heads(workshop, recipe, "without some senses", kept)
    text_head, image_head = taught_heads(workshop, recipe, "shipped", workshop.material.lessons)
    write_joint(workshop, folder, text_head, image_head)
    arguments.into.mkdir(parents=True, exist_ok=True)
    for name in (*FILES, "manifest.json"):
        shutil.copyfile(folder / name, arguments.into / name)


def write_joint(workshop: Workshop, folder: Path, text_head: TextHead, image_head: ImageHead) -> None:
    """Teach the scene part and the gate, write the heads and the manifest, and measure what was written."""
    scene_images: SceneImages | None = None
    scene_texts: SceneTexts | None = None
    gate = Gate()
    if workshop.scene is not None:
        recipe = SceneRecipe(seed=SEED)
        workshop.log("scene recipe", **{name: str(value) for name, value in asdict(recipe).items()})
        scene_images, scene_texts = taught_scene(
            workshop.scene, recipe, lambda stage, figures: workshop.log(stage, **figures)
        )
        gate = gate_of(workshop, workshop.scene)
    meanings = mapped(image_head)(pictured(workshop))
    directions = meaning_directions(meanings)
    parts = WEIGHTS_OF_PARTS if scene_images is not None else replace(WEIGHTS_OF_PARTS, scene=0.0)
    workshop.log("parts", **asdict(parts))
    joint_image = JointImage(image_head, scene_images, appearance_of(workshop), directions, parts)
    joint_text = JointText(text_head, scene_texts, gate, directions, parts, usual_in(workshop, joint_image))
    export_image_head(joint_image, folder / "image_head.onnx")
    export_text_head(joint_text, folder / "text_head.onnx")
    dim = directions.shape[1] + APPEARANCE_DIM + (0 if scene_images is None else scene_images.projection.shape[1])
    # The manifest names the files, so the model can be opened; then it is written again with what it measures.
    write_manifest(folder, VERSION, dim, Background(0.0, 1.0, 1.0, 1.0))
    model = MiniEmbedder(folder=folder)
    background = background_of(workshop.material, model)
    manifest = write_manifest(folder, VERSION, dim, background)
    workshop.log("written", key=manifest.key, **asdict(background))
    workshop.log("views, written", **view_recall(workshop.views, model.vectors_of))
    for split in ("validation", "held out"):
        workshop.log(f"written, {split}", **drawing_recall(model, workshop.material.pairs, split))


def prepare(cache: Path, folder: Path, captions: Path | None) -> Workshop:
    """Fetch the sources, export the towers with untrained heads, and run the towers over everything once."""
    cache.mkdir(parents=True, exist_ok=True)
    log = Log(cache / "log.jsonl")
    if captions is None:
        log("no scene part", missing="captioned photographs, --captions FOLDER: sentences will find little")
    sources = fetch(cache)
    log("fetched")
    export_towers(folder, sources.stamps)
    write_conse(folder)
    log("towers", **{name: (folder / name).stat().st_size for name in FILES})
    model = MiniEmbedder(folder=folder)
    scene = None if captions is None else prepare_scene(model, captions, cache, SEED)
    if scene is not None:
        log("captions", photographs=scene.material.photographs.count, captions=len(scene.material.captions.embedding))
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
        model=model,
        scene=scene,
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

    def by_features(seen: Seen) -> Vectors:
        return image_head(seen.features)

    figures |= {f"{name} R@1": value for name, value in view_recall(workshop.views, by_features).items()}
    workshop.log(stage, **figures)


def gate_of(workshop: Workshop, scene: ScenePart) -> Gate:
    """Tell the names of lessons and drawings from captions and phrases out of them."""
    chance = np.random.default_rng(SEED)
    names = [wording for lesson in workshop.material.lessons for wording in lesson.wordings]
    chosen = [names[row] for row in chance.permutation(len(names))[:NAMES_FOR_GATE]]
    drawn = [pair.captions[0] for pair in workshop.material.pairs if pair.split == "train"]
    words = workshop.material.text_features
    material = scene.material
    return taught_gate(words([*chosen, *drawn]), material.captions.embedding, material.fragments.embedding, SEED)


def usual_in(workshop: Workshop, joint_image: JointImage) -> Usual | None:
    """How the training photographs, whole, lie in the joint space; None without captions."""
    if workshop.scene is None:
        return None
    photographs = workshop.scene.material.photographs
    return usual_of(image_vectors(joint_image.eval(), photographs, np.arange(0, photographs.count, 4)))


def pictured(workshop: Workshop) -> Vectors:
    """Features of the training pictures of every kind, the kinds about as many: (n, 1280)."""
    drawn = [row for row, pair in enumerate(workshop.material.pairs) if pair.split == "train"]
    pictures = workshop.material.pictures
    groups = [pictures.plain[drawn], np.repeat(pictures.photographs, 10, axis=0)]
    return np.concatenate(groups if workshop.scene is None else [*groups, whole_photographs(workshop.scene)])


def appearance_of(workshop: Workshop) -> Appearance:
    """The principal directions of the training pictures' features, photographs counting as much as drawings."""
    drawn = [row for row, pair in enumerate(workshop.material.pairs) if pair.split == "train"]
    groups = [workshop.material.pictures.plain[drawn], workshop.material.pictures.photographs]
    if workshop.scene is not None:
        groups[1] = np.concatenate([groups[1], whole_photographs(workshop.scene)])
    units = [evened(torch.from_numpy(group)).numpy() for group in groups]
    centre = np.mean([unit.mean(axis=0) for unit in units], axis=0)
    spread = np.mean([(unit - centre).T @ (unit - centre) / len(unit) for unit in units], axis=0)
    _, directions = np.linalg.eigh(spread)
    leading = np.ascontiguousarray(directions[:, ::-1][:, :LOOK_DIM])
    return Appearance(torch.from_numpy(centre.astype(np.float32)), torch.from_numpy(leading.astype(np.float32)))


def background_of(material: Material, model: MiniEmbedder) -> Background:
    """Scores of words chosen at random from WordNet with pictures that they were not chosen for."""
    words = [lesson.wordings[0] for lesson in material.lessons if lesson.borrowed][:2000]
    drawn = [pair for pair in material.pairs if pair.split == "validation"][:400]
    pixels = [squeezed(picture) for picture in [*sample_photographs(), *map(_opened, drawn)]]
    scores = model.embed_texts(words) @ model.embed_images(np.stack(pixels)).T
    weak, strong = np.quantile(scores, [0.99, 0.9999])
    return Background(float(scores.mean()), float(scores.std()), float(weak), float(strong))


def _opened(pair: Pair) -> Image.Image:
    with Image.open(pair.path) as picture:
        picture.thumbnail((512, 512))
        return on_background(picture)


def _held_out_pictures(pairs: Sequence[Pair]) -> list[Image.Image]:
    chosen = [pair.path for pair in pairs if pair.split == "held out"][:: max(1, len(pairs) // VIEWED_PICTURES // 7)]
    pictures = []
    for path in chosen[:VIEWED_PICTURES]:
        with Image.open(path) as picture:
            pictures.append(on_background(picture))
    return pictures


if __name__ == "__main__":
    main()
