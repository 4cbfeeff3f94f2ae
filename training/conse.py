"""The joint space without training: an image is the mean of its likely classes' names, weighted (ConSE).

Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", 2014. It is the baseline that the
trained heads are measured against.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..library.embedders.base import normalized
from ..library.embedders.mini import WEIGHTS, Background, MiniEmbedder, read_manifest
from ..library.types import Vectors
from .classes import class_lemmas
from .heads import export_head, write_manifest
from .towers import FEATURE_DIM, TEXT_DIM, image_network

TEMPERATURE = 4.0
"""Softens the classifier, which is sure of itself: at 1 the first class often takes all the weight, so that a picture
of a thing without a class of its own would sit on one wrong name and not between the right neighbours."""

LIKELY_CLASSES = 10
"""As in the paper, whose results are best at 10."""

UNMEASURED = Background(mean=0.0, deviation=1.0, weak=1.0, strong=1.0)
"""Until the scores of unrelated pairs are measured, none is told from noise."""


class ConseHead(nn.Module):
    """Features to class probabilities to the mean of the likely classes' name vectors."""

    def __init__(self, classifier: nn.Linear, names: torch.Tensor, temperature: float) -> None:
        super().__init__()
        self.classifier = classifier
        self.names = nn.Parameter(names, requires_grad=False)
        self.temperature = temperature

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, 1280) features to (n, 384) vectors of length 1."""
        chances = torch.softmax(self.classifier(features) / self.temperature, dim=1)
        weights, classes = torch.topk(chances, LIKELY_CLASSES, dim=1)
        mixed = (weights.unsqueeze(2) * self.names[classes]).sum(1)
        return nn.functional.normalize(mixed, dim=1)


class TextIdentity(nn.Module):
    """Text vectors as they are, of length 1."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Scale (n, 384) to length 1."""
        return nn.functional.normalize(features, dim=1)


def class_vectors(model: MiniEmbedder) -> Vectors:
    """Embed each class as the mean of its words: (1000, 384) float32 L2-normalised."""
    vectors = []
    for lemmas in class_lemmas():
        words = np.concatenate([model.text_features(lemma) for lemma in lemmas])
        vectors.append(words.mean(0))
    return normalized(np.stack(vectors))


def write_conse(folder: Path, temperature: float = TEMPERATURE) -> None:
    """Write image_head.onnx, text_head.onnx and a manifest beside the towers in a folder."""
    export_head(TextIdentity(), {"embedding": torch.rand(2, TEXT_DIM)}, folder / "text_head.onnx")
    (folder / "image_head.onnx").touch()
    write_manifest(folder, "untrained", TEXT_DIM, UNMEASURED)
    network = image_network()
    classifier = network.get_submodule("classifier")
    names = torch.from_numpy(class_vectors(MiniEmbedder(folder=folder)))
    head = ConseHead(classifier, names, temperature)
    export_head(head, {"features": torch.rand(2, FEATURE_DIM)}, folder / "image_head.onnx")
    write_manifest(folder, "untrained", TEXT_DIM, UNMEASURED)


def main() -> None:
    """Write the untrained heads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=WEIGHTS, help="folder that holds the towers")
    arguments = parser.parse_args()
    write_conse(arguments.into)
    print(read_manifest(arguments.into).key)


if __name__ == "__main__":
    main()
