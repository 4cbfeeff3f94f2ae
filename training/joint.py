"""The joint space, meaning, scene and appearance side by side: what the heads compute, not how they are taught."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize

from ..library.types import Vectors
from .scene import SCENE_DIM, SceneImages, SceneTexts
from .towers import FEATURE_DIM, TEXT_DIM

MEANING_DIM = TEXT_DIM
"""What classes and drawings teach: words and pictures share it."""

KEPT_MEANING_DIM = 224
"""Numbers that the meaning takes in a joint vector: pictures lie in fewer directions than MiniLM's words, and of 384,
352, 320, 288, 256 and 224 none finds more than another."""

LOOK_DIM = 128
"""The part that only pictures use; it is zero for texts, so it changes no ranking of pictures by words."""

REST_DIM = 31
"""The last numbers but one, where no picture has anything: what is left of a text's length is kept there, turned by
what the text says, so that texts alike stay alike."""

CONSTANT = 0.15
"""The last number of every picture, so that a text's last number is added to all its scores."""

MOST_OF_TEXT = 0.95
"""What is asked of pictures is at most so long, of 1."""

STEADY_DEVIATION = 0.04
"""Deviation of the scores of a usual text over the training photographs."""

USUAL_DEVIATION = 0.05
"""The same before it is made steady. A text's own counts half beside it: what is common among the training photographs
has a wide spread there, and should not be held back for it elsewhere."""

USUAL_DIRECTIONS = 96
"""Directions in which the training photographs' spread is kept, of 480."""

APPEARANCE_DIM = LOOK_DIM + REST_DIM + 1
"""What follows the meaning and the scene."""

LONG_TEXT_TOKENS = 8.5
"""About six words: a text of more is a sentence, whatever it is about."""

LONG_TEXT_LEAST = 0.4
"""What the gate gives a long text at the least."""

LIKELY_CLASSES = 10
"""As in the untrained head, see conse.py."""


DOUBT_POWER = 4
"""How sharply the addition fades as the classifier grows sure; of 2, 4 and 8, on the validation pictures 4 costs little
and halves what is added to photographs."""


class TextHead(nn.Module):
    """A correction of the text vector, learned, added to it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.correction = nn.Sequential(
            nn.Linear(TEXT_DIM, width), nn.GELU(), nn.Dropout(0.2), nn.Linear(width, TEXT_DIM)
        )
        nn.init.zeros_(self.correction[3].weight)
        nn.init.zeros_(self.correction[3].bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, 384) of length 1 to meanings, (n, 384) of length 1."""
        corrected: torch.Tensor = features + self.correction(features)
        return normalize(corrected, dim=1)


class ImageHead(nn.Module):
    """Class probabilities mixed into a meaning, plus what the features say beyond the classes.

    Args:
        classifier: the image tower's own, which stays as it is.
        classes: (1000, 384) where each class's embedding starts.
        temperature: of the class probabilities.
        width: of the hidden layer.
    """

    def __init__(self, classifier: nn.Linear, classes: torch.Tensor, temperature: float, width: int) -> None:
        super().__init__()
        self.classifier = classifier.requires_grad_(requires_grad=False)
        self.classes = nn.Parameter(classes.clone())
        self.temperature = temperature
        self.beyond = nn.Sequential(
            nn.Linear(FEATURE_DIM, width), nn.GELU(), nn.Dropout(0.3), nn.Linear(width, MEANING_DIM)
        )
        nn.init.zeros_(self.beyond[3].weight)
        nn.init.zeros_(self.beyond[3].bias)

    def by_class(self, features: torch.Tensor) -> torch.Tensor:
        """The mean of the likeliest classes' embeddings, weighted by probability: (n, 384), shorter the less sure."""
        # Without a limit, the hundreds of unlikely classes outweigh the likely ones of an unsure picture.
        likely, numbers = torch.topk(self._chances(features), LIKELY_CLASSES, dim=1)
        weights = likely / likely.sum(1, keepdim=True)
        return (weights.unsqueeze(2) * normalize(self.classes, dim=1)[numbers]).sum(1)

    def beyond_classes(self, features: torch.Tensor) -> torch.Tensor:
        """What is added to it, less the surer the classifier is: (n, 384)."""
        # A photograph of what a class names needs no correction, and no such photographs are here to learn that from.
        doubt = 1 - self._chances(features).amax(1, keepdim=True)
        # The features at a length of one per dimension, whatever the contrast of the picture.
        added: torch.Tensor = self.beyond(normalize(features, dim=1) * FEATURE_DIM**0.5)
        return doubt.pow(DOUBT_POWER) * added

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, 1280) features to meanings, (n, 384) of length 1."""
        return normalize(self.by_class(features) + self.beyond_classes(features), dim=1)

    def _chances(self, features: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.classifier(features) / self.temperature, dim=1)


def evened(features: torch.Tensor) -> torch.Tensor:
    """Features at length 1, their roots: the few large ones would else be all that counts."""
    return normalize(torch.sqrt(features.clamp(min=0)), dim=1)


class Appearance(nn.Module):
    """The features' principal directions, of length 1: how a picture looks rather than what it means."""

    def __init__(self, centre: torch.Tensor, directions: torch.Tensor) -> None:
        super().__init__()
        self.centre = nn.Parameter(centre, requires_grad=False)
        self.directions = nn.Parameter(directions, requires_grad=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, 1280) features to (n, 128) of length 1."""
        return normalize((evened(features) - self.centre) @ self.directions, dim=1)


@dataclass(frozen=True, slots=True)
class Weights:
    """How much the parts count; what a text asks does not depend on the pictures' shares, which it makes up for.

    `scene` and `appearance` are their shares of the cosine between two pictures; the meaning has the rest. Of a text
    that names a thing, the scene has weight `scene_of_names` beside a meaning of 1; of one that tells of a scene, the
    meaning has weight `meaning_of_scenes` beside a scene of 1; the gate goes from one to the other.
    """

    scene: float
    appearance: float
    scene_of_names: float
    meaning_of_scenes: float

    @property
    def meaning(self) -> float:
        """The meaning's share of the cosine between two pictures."""
        return 1 - self.scene - self.appearance - CONSTANT**2


class Gate(nn.Module):
    """How much a text tells of a scene rather than names a thing, 0 to 1.

    It goes by what the text is about; but a text as long as a sentence is never wholly a name, though it be about
    what nobody photographed for the training.
    """

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(TEXT_DIM, 1)

    def forward(self, embedding: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Map (n, 384) of length 1 and (n, tokens, 384) to (n, 1)."""
        told = torch.sigmoid(self.logit(embedding))
        tokens = torch.ones_like(states[:, :, 0]).sum(1, keepdim=True)
        least = LONG_TEXT_LEAST * torch.sigmoid(2 * (tokens - LONG_TEXT_TOKENS))
        return 1 - (1 - told) * (1 - least)

    def logit(self, embedding: torch.Tensor) -> torch.Tensor:
        """Map (n, 384) of length 1 to (n, 1), before the sigmoid."""
        score: torch.Tensor = self.score(embedding * _GATE_GAIN)
        return score


class JointImage(nn.Module):
    """A picture's vector: [meaning, scene, appearance, 0, a constant], each of length 1 times the root of its share."""

    def __init__(
        self,
        meaning: ImageHead,
        scene: SceneImages | None,
        appearance: Appearance,
        directions: torch.Tensor,
        weights: Weights,
    ) -> None:
        super().__init__()
        self.meaning = meaning
        self.scene = scene
        self.appearance = appearance
        self.directions = nn.Parameter(directions, requires_grad=False)
        self.lengths = (weights.meaning**0.5, weights.scene**0.5, weights.appearance**0.5)

    def forward(self, features: torch.Tensor, places: torch.Tensor, detail: torch.Tensor) -> torch.Tensor:
        """Map what the tower says of n pictures to (n, 640) of length 1."""
        meaning = normalize(self.meaning(features) @ self.directions, dim=1)
        of_meaning, of_scene, of_appearance = self.lengths
        parts = [meaning * of_meaning]
        if self.scene is not None:
            parts.append(self.scene(features, places, detail) * of_scene)
        parts.append(self.appearance(features) * of_appearance)
        # The last numbers are left to the texts, see JointText.
        return torch.cat([*parts, *(torch.full_like(meaning[:, :1], end) for end in _ENDS)], dim=1)


@dataclass(frozen=True, slots=True)
class Usual:
    """How photographs lie in the first 480 numbers: their `mean`, (480,), and a root of their spread, (480, 96)."""

    mean: torch.Tensor
    root: torch.Tensor


def usual_of(pictures: Vectors) -> Usual:
    """Measure (n, 640) vectors of photographs."""
    asked = pictures[:, : KEPT_MEANING_DIM + SCENE_DIM].astype(np.float64)
    values, directions = np.linalg.eigh(np.cov(asked.T))
    root = directions[:, ::-1] * np.sqrt(values[::-1].clip(min=0))
    return Usual(
        torch.from_numpy(asked.mean(axis=0).astype(np.float32)),
        torch.from_numpy(np.ascontiguousarray(root[:, :USUAL_DIRECTIONS]).astype(np.float32)),
    )


class JointText(nn.Module):
    """A text's vector: [meaning, scene, 0, rest, added], weighed by the gate; of length 1.

    Its cosine with a picture is, but for one factor, that of [m * meaning, s * scene] with a picture of equal shares,
    m = 1 - g + g * meaning_of_scenes and s = g + (1 - g) * scene_of_names. So that the captions of one picture can be
    compared too, each text's scores over the training photographs have a mean of 0 and deviations nearly alike: its
    length and its last number see to that. The numbers before that fill it up to length 1.
    """

    def __init__(
        self,
        meaning: TextHead,
        scene: SceneTexts | None,
        gate: Gate,
        directions: torch.Tensor,
        weights: Weights,
        usual: Usual | None,
    ) -> None:
        super().__init__()
        self.meaning = meaning
        self.scene = scene
        self.gate = gate
        drawn = np.random.default_rng(7).standard_normal((KEPT_MEANING_DIM + SCENE_DIM, REST_DIM))
        turned = torch.from_numpy(np.linalg.qr(drawn)[0].astype(np.float32))
        self.rest_directions = nn.Parameter(turned, requires_grad=False)
        self.directions = nn.Parameter(directions, requires_grad=False)
        self.weights = weights
        self.mean = None if usual is None else nn.Parameter(usual.mean, requires_grad=False)
        self.root = None if usual is None else nn.Parameter(usual.root, requires_grad=False)

    def forward(self, embedding: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Map what the tower says of n texts of one length to (n, 640) of length 1."""
        meaning = self.meaning(embedding) @ self.directions
        if self.scene is None or self.mean is None or self.root is None:
            return normalize(nn.functional.pad(meaning, (0, APPEARANCE_DIM)), dim=1)
        gate = self.gate(embedding, states)
        # Not brought to length 1: what lies beside the pictures' directions would have scored nothing.
        meaning = meaning * (1 - gate + gate * self.weights.meaning_of_scenes)
        scene = self.scene(embedding, states) * (gate + (1 - gate) * self.weights.scene_of_names)
        # As if the pictures' parts had equal shares.
        asked = normalize(torch.cat([meaning, scene], dim=1), dim=1)
        ratio = (self.weights.meaning / self.weights.scene) ** 0.5
        told = torch.cat([asked[:, :KEPT_MEANING_DIM] / ratio, asked[:, KEPT_MEANING_DIM:]], dim=1)
        # Else names, which ask the greater part, would outscore sentences, and common sentences rare ones.
        spread = ((told @ self.root).square().sum(1, keepdim=True) + USUAL_DEVIATION**2) / 2
        longest = MOST_OF_TEXT / told.norm(dim=1, keepdim=True)
        told = told * torch.minimum(STEADY_DEVIATION * spread.rsqrt(), longest)
        added = (-(told @ self.mean.unsqueeze(1)) / CONSTANT).clamp(-_MOST_ADDED, _MOST_ADDED)
        rest = torch.sqrt((1 - told.square().sum(1, keepdim=True) - added.square()).clamp(min=0))
        rest = rest * normalize(asked @ self.rest_directions, dim=1)
        return torch.cat([nn.functional.pad(told, (0, LOOK_DIM)), rest, added], dim=1)


def meaning_directions(meanings: Vectors) -> torch.Tensor:
    """The directions in which (n, 384) pictures' meanings lie: (384, 256), orthonormal."""
    _, directions = np.linalg.eigh(meanings.T.astype(np.float64) @ meanings)
    return torch.from_numpy(np.ascontiguousarray(directions[:, ::-1][:, :KEPT_MEANING_DIM]).astype(np.float32))


_GATE_GAIN = 20.0
"""Numbers of a vector of length 1 are small, and so would a plain step's changes to the gate be."""

_ENDS = (0.0,) * REST_DIM + (CONSTANT,)
"""Every picture's last numbers."""

_MOST_ADDED = 0.3
"""What the last number of a text is at most; 0.3 times the constant is more than a deviation."""
