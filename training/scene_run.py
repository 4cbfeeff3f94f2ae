"""The steps of the scene part in one run: read captioned photographs, run the towers, teach the heads, measure them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from ..library.embedders.mini import MiniEmbedder
from ..library.types import Vectors
from .captioned import Captioned, has_split, read_captioned
from .changed import KINDS, changed_captions
from .fragments import fragments
from .measure import lead_over_changed, recall_both_ways
from .scene import SceneImage, SceneImages, SceneText, SceneTexts, joint_projections
from .scene_features import VIEWS, PhotographFeatures, TextStates, photograph_features, text_states
from .scene_teach import Numbers, SceneMaterial, SceneRecipe, image_vectors, teach_scene, text_vectors


@dataclass(frozen=True, slots=True)
class Validation:
    """Captioned photographs to measure on: as in `SceneMaterial`, with the kind of every changed caption."""

    photographs: PhotographFeatures
    captions: TextStates
    photograph_of: Numbers
    changed: TextStates
    caption_of: Numbers
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScenePart:
    """What a run needs of the captions: material, and what to measure on where there is any."""

    material: SceneMaterial
    validation: Validation | None


def prepare_scene(model: MiniEmbedder, folder: Path, cache: Path, seed: int) -> ScenePart:
    """Read the captioned photographs and run the towers over them.

    Raises:
        ModelUnavailable: the folder holds no captioned photographs to train on.
    """
    captioned = read_captioned(folder, "train")
    owners, captions = captioned.flat()
    found = list(changed_captions(captions, seed))
    phrases = list(fragments(captions, seed))
    material = SceneMaterial(
        photographs=photograph_features(model, captioned, cache, VIEWS, seed),
        captions=text_states(model, captions, cache),
        photograph_of=np.array(owners),
        changed=text_states(model, [one.text for one in found], cache),
        caption_of=np.array([one.caption for one in found]),
        kinds=tuple(one.kind for one in found),
        fragments=text_states(model, [one.text for one in phrases], cache),
        fragment_of=np.array([owners[one.caption] for one in phrases]),
    )
    validation = _validation(model, read_captioned(folder, "val"), cache, seed) if has_split(folder, "val") else None
    return ScenePart(material, validation)


def taught_scene(
    part: ScenePart, recipe: SceneRecipe, log: Callable[[str, dict[str, float]], None]
) -> tuple[SceneImages, SceneTexts]:
    """Teach several heads, each from its own seed, and bring them down to one."""
    image_heads: list[SceneImage] = []
    text_heads: list[SceneText] = []
    for number in range(recipe.heads):

        def report(step: int, image_head: SceneImage, text_head: SceneText, number: int = number) -> None:
            if part.validation is not None:
                log(f"scene, head {number + 1}, step {step}", scene_figures(part.validation, image_head, text_head))

        image_head, text_head = teach_scene(recipe, part.material, recipe.seed + number, report)
        image_heads.append(image_head)
        text_heads.append(text_head)
    photographs, captions = part.material.photographs, part.material.captions
    rows = np.arange(photographs.count)
    images = [image_vectors(head, photographs, rows) for head in image_heads]
    texts = [text_vectors(head, captions, np.arange(len(captions.embedding))[::2]) for head in text_heads]
    image_side, text_side = joint_projections(np.concatenate(images, axis=1), np.concatenate(texts, axis=1))
    scene = SceneImages(image_heads, image_side).eval(), SceneTexts(text_heads, text_side).eval()
    if part.validation is not None:
        log("scene, all heads", scene_figures(part.validation, *scene))
    return scene


def scene_figures(validation: Validation, image_head: nn.Module, text_head: nn.Module) -> dict[str, float]:
    """Recall both ways, and how often a caption scores higher on its photograph than its changed form, in per cent."""
    photographs = validation.photographs
    images = image_vectors(image_head, photographs, np.arange(photographs.count))
    captions = text_vectors(text_head, validation.captions, np.arange(len(validation.captions.embedding)))
    changed = text_vectors(text_head, validation.changed, np.arange(len(validation.changed.embedding)))
    figures = recall_both_ways(images, captions, validation.photograph_of)
    ahead = lead_over_changed(images, captions, changed, validation.photograph_of, validation.caption_of)
    kinds = np.array(validation.kinds)
    figures |= {f"changed {kind}": 100 * float(ahead[kinds == kind].mean()) for kind in KINDS if kind in kinds}
    return figures | {"changed": 100 * float(ahead.mean())}


def whole_photographs(part: ScenePart) -> Vectors:
    """The pooled features of whole training photographs: (n, 1280) float32."""
    photographs = part.material.photographs
    return np.asarray(photographs.pooled[: photographs.count], np.float32)


def _validation(model: MiniEmbedder, captioned: Captioned, cache: Path, seed: int) -> Validation:
    owners, captions = captioned.flat()
    found = list(changed_captions(captions, seed))
    return Validation(
        photographs=photograph_features(model, captioned, cache, 1, seed),
        captions=text_states(model, captions, cache),
        photograph_of=np.array(owners),
        changed=text_states(model, [one.text for one in found], cache),
        caption_of=np.array([one.caption for one in found]),
        kinds=tuple(one.kind for one in found),
    )
