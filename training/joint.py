"""The trained heads: what they compute, and nothing of how they are taught."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import normalize

from .towers import FEATURE_DIM, TEXT_DIM

MEANING_DIM = TEXT_DIM
"""The part of a joint vector that words and pictures share."""

APPEARANCE_DIM = 128
"""The part that only pictures use; it is zero for texts, so it changes no ranking of pictures by words."""


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


class Appearance(nn.Module):
    """The features' principal directions, of length 1: how a picture looks rather than what it means."""

    def __init__(self, centre: torch.Tensor, directions: torch.Tensor) -> None:
        super().__init__()
        self.centre = nn.Parameter(centre, requires_grad=False)
        self.directions = nn.Parameter(directions, requires_grad=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, 1280) features to (n, 128) of length 1."""
        return normalize((normalize(features, dim=1) - self.centre) @ self.directions, dim=1)


class JointImage(nn.Module):
    """Meaning and appearance side by side; `share` is appearance's part of the cosine between two pictures."""

    def __init__(self, meaning: ImageHead, appearance: Appearance, share: float) -> None:
        super().__init__()
        self.meaning = meaning
        self.appearance = appearance
        self.share = share

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, 1280) features to (n, 512) of length 1."""
        parts = [self.meaning(features) * (1 - self.share) ** 0.5, self.appearance(features) * self.share**0.5]
        return torch.cat(parts, dim=1)


class JointText(nn.Module):
    """A meaning without an appearance."""

    def __init__(self, meaning: TextHead) -> None:
        super().__init__()
        self.meaning = meaning

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, 384) features to (n, 512) of length 1."""
        return nn.functional.pad(self.meaning(features), (0, APPEARANCE_DIM))
