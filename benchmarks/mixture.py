"""A million vectors with the structure of real ones: a mixture fitted to embeddings of augmented photographs.

Real embeddings are neither uniform nor round: they crowd around what pictures show, and around each such place they
spread along few directions, unequally. The mixture keeps both as measured: its components are groups of real vectors,
each with its own mean and its own directions and variances; the part of its variance that so few vectors cannot show
is that of all groups together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps
from sklearn.cluster import KMeans

from photoseek.library.embedders.mini import MiniEmbedder
from photoseek.library.types import Vectors

BATCH = 16
ROTATED_SHARE = 0.3


def augmented_features(folder: Path, rounds: int, seed: int = 0) -> Vectors:
    """Return (pictures * rounds, 1280) features of the built-in image tower: pictures, and crops of them."""
    chance = np.random.default_rng(seed)
    model = MiniEmbedder(threads=1)
    pictures = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in {".jpg", ".jpeg", ".png"}:
            with Image.open(path) as image:
                image.thumbnail((900, 900))
                pictures.append(image.convert("RGB"))
    features = []
    for turn in range(rounds):
        for start in range(0, len(pictures), BATCH):
            some = pictures[start : start + BATCH]
            pixels = [model.preprocess(_varied(picture, chance) if turn else picture) for picture in some]
            features.append(model.image_features(np.stack(pixels)))
    return np.concatenate(features)


def _varied(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Cut out a random part, mirror, recolour and turn it."""
    scale, stretch = chance.uniform(0.25, 1), np.exp(chance.uniform(-0.35, 0.35))
    width, height = (
        min(side, max(32, int(side * scale * factor)))
        for side, factor in zip(picture.size, (stretch, 1 / stretch), strict=True)
    )
    left = int(chance.integers(0, picture.width - width + 1))
    top = int(chance.integers(0, picture.height - height + 1))
    part = picture.crop((left, top, left + width, top + height))
    if chance.random() < 0.5:
        part = ImageOps.mirror(part)
    for enhance in (ImageEnhance.Color, ImageEnhance.Brightness, ImageEnhance.Contrast):
        part = enhance(part).enhance(chance.uniform(0.6, 1.4))
    return part.rotate(chance.uniform(-20, 20), Image.Resampling.BICUBIC) if chance.random() < ROTATED_SHARE else part


def reduced(features: Vectors, dim: int) -> Vectors:
    """Return features centred, on their `dim` leading principal axes, L2-normalised."""
    centred = features - features.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    projected = centred @ axes[:dim].T
    return np.asarray(projected / np.linalg.norm(projected, axis=1, keepdims=True), dtype=np.float32)


@dataclass(frozen=True)
class Mixture:
    """Components with weights (c,), means (c, dim) and square roots of covariances (c, dim, dim)."""

    weights: NDArray[np.float64]
    means: Vectors
    roots: Vectors

    @staticmethod
    def fit(vectors: Vectors, components: int, shrinkage: float = 0.3) -> Mixture:
        """Group (n, dim) vectors by k-means and take each group's mean and covariance.

        A share `shrinkage` of a group's covariance is the mean of all groups', scaled to the group's own trace.
        """
        groups = KMeans(components, n_init=1, random_state=0).fit_predict(vectors)
        means = np.stack([vectors[groups == group].mean(axis=0) for group in range(components)])
        inside = vectors - means[groups]
        pooled = inside.T @ inside / len(vectors)
        roots = []
        for group in range(components):
            own = inside[groups == group]
            covariance = own.T @ own / max(1, len(own) - 1)
            shared = pooled * (np.trace(covariance) / np.trace(pooled))
            values, axes = np.linalg.eigh((1 - shrinkage) * covariance + shrinkage * shared)
            roots.append((np.sqrt(np.maximum(values, 0))[:, np.newaxis] * axes.T).astype(np.float32))
        return Mixture(np.bincount(groups) / len(vectors), means.astype(np.float32), np.stack(roots))

    @staticmethod
    def invented(components: int, dim: int, seed: int = 0) -> Mixture:
        """Make one up, where there are no photographs: variances fall as a power, unlike in each component."""
        chance = np.random.default_rng(seed)
        spread = np.arange(1, dim + 1) ** -0.6
        turned, _ = np.linalg.qr(chance.standard_normal((dim, dim)))
        means = 1.2 * chance.standard_normal((components, dim)) * spread @ turned
        spreads = spread * np.exp(0.5 * chance.standard_normal((components, dim)))
        roots = (spreads[:, :, np.newaxis] * turned).astype(np.float32)
        return Mixture(np.full(components, 1 / components), means.astype(np.float32), roots)

    def sample(self, count: int, seed: int) -> Vectors:
        """Draw (count, dim) float32, L2-normalised, in random order."""
        chance = np.random.default_rng(seed)
        group_of = chance.choice(len(self.weights), size=count, p=self.weights)
        drawn = np.empty((count, self.means.shape[1]), dtype=np.float32)
        for group in range(len(self.weights)):
            rows = np.flatnonzero(group_of == group)
            for start in range(0, len(rows), 8192):
                part = rows[start : start + 8192]
                noise = chance.standard_normal((len(part), self.means.shape[1]), dtype=np.float32)
                values = noise @ self.roots[group] + self.means[group]
                drawn[part] = values / np.linalg.norm(values, axis=1, keepdims=True)
        return drawn


def intrinsic_dimension(vectors: Vectors, neighbours: int = 10) -> float:
    """Estimate it from the distances to the nearest `neighbours` (Levina and Bickel 2004, as averaged by MacKay)."""
    some = vectors[:: max(1, len(vectors) // 5000)]
    squared = np.maximum(2 - 2 * some @ some.T, 1e-12)
    np.fill_diagonal(squared, np.inf)
    near = np.sqrt(np.sort(np.partition(squared, neighbours, axis=1)[:, :neighbours], axis=1))
    inverse = np.log(near[:, -1:] / near[:, :-1]).mean(axis=1)
    return float(1 / inverse.mean())
