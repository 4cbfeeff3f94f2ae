"""The one seam between photoseek and any model that puts images and texts into a shared space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import numpy as np

from ..types import Pixels, Vectors

if TYPE_CHECKING:
    from PIL import Image

Preprocess: TypeAlias = "Callable[[Image.Image], Pixels]"
"""From one RGB image to the (side, side, 3) uint8 pixels of a model's input."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What identifies a model and what a caller must know to feed it.

    `key` pins name, weights' hash, preprocessing and dim: two models share a key exactly when their
    vectors may be compared. `image_size` is the input's side in pixels. `text_limit` is in tokens.
    `source` says where the weights come from, `licence` under which terms. `templates` names the set of
    prompts that suits how the model was trained (see prompts.py). `logit_scale` multiplies cosines before a softmax
    makes probabilities of them: 100 is what CLIP models reach in training (Radford et al. 2021, section 2.5).
    """

    key: str
    name: str
    dim: int
    image_size: int
    text_limit: int
    source: str
    licence: str
    templates: str = "none"
    logit_scale: float = 100.0


class Embedder(Protocol):
    """A dual encoder. Batching, threads, progress and storage live outside."""

    @property
    def spec(self) -> ModelSpec:
        """The model's identity; cheap, loads no weights."""
        ...

    def preprocess(self, image: Image.Image) -> Pixels:
        """Resize and crop one RGB image to (image_size, image_size, 3) uint8; thread-safe."""
        ...

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Embed (n, image_size, image_size, 3) uint8 pixels into (n, dim) L2-normalised float32."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed n texts into (n, dim) L2-normalised float32."""
        ...


@runtime_checkable
class PortablePreprocessing(Protocol):
    """What an embedder may have besides, so that files can be decoded in processes of their own."""

    @property
    def preprocessing(self) -> Preprocess:
        """What `preprocess` does, as a value to pickle: it brings neither weights nor heavy modules along."""
        ...


def preprocessing_of(embedder: Embedder) -> Preprocess:
    """Return what to pickle and send to another process: `embedder.preprocessing`, else its method `preprocess`."""
    return embedder.preprocessing if isinstance(embedder, PortablePreprocessing) else embedder.preprocess


@runtime_checkable
class Preparable(Protocol):
    """What an embedder may have besides, so that it loads while the first files are still being decoded."""

    def prepare_images(self) -> None:
        """Load what `embed_images` needs; thread-safe."""
        ...


@runtime_checkable
class PlaceKeeping(Protocol):
    """What an embedder may have besides, so that what it saw in a picture is kept beside the vector."""

    @property
    def places_version(self) -> str:
        """Pins how what was seen is reduced to bytes."""
        ...

    def embed_keeping_places(self, pixels: Pixels) -> tuple[Vectors, list[bytes]]:
        """Embed as `embed_images` does, and return what to keep of each picture."""
        ...


def prepare_images(embedder: Embedder) -> None:
    """Have the embedder load what `embed_images` needs, where it can do that by itself."""
    if isinstance(embedder, Preparable):
        embedder.prepare_images()


def normalized(vectors: Vectors) -> Vectors:
    """Scale the rows of (n, dim) float32 to length 1; a zero row stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)


def first_line(error: Exception) -> str:
    """Return what an error of another package says, less what follows its first line."""
    return str(error).strip().partition("\n")[0]
