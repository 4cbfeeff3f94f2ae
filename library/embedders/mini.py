"""The built-in model: two small towers and their heads on ONNX Runtime, shipped with the package."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from ..types import Pixels, Vectors
from .base import ModelSpec, Preprocess, normalized
from .long_text import embed_long
from .mini_places import PlaceKeeper
from .multilingual import MULTILINGUAL, MultilingualText, embed_by_language
from .onnx_files import SessionSettings, load_session, load_tokenizer, reading

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from onnxruntime import InferenceSession
    from PIL import Image
    from tokenizers import Tokenizer

WEIGHTS = Path(__file__).parent / "weights" / "mini"
"""Where the package keeps the model's files."""

IMAGE_SIZE = 260
"""EfficientNet-Lite2's resolution (timm, tf_efficientnet_lite2)."""

LONGEST_ASPECT = 2.0
"""A picture longer than twice its breadth loses its ends: squeezed whole, nothing in it would be recognised."""

PREPROCESSING = f"whole, at most {LONGEST_ASPECT:g}:1, bicubic to {IMAGE_SIZE} x {IMAGE_SIZE}"

FILES = ("image_tower.onnx", "image_head.onnx", "text_tower.onnx", "text_head.onnx", "tokenizer.json")

LOGIT_SCALE = 60.0
"""Where zero-shot chances are truest by benchmarks/classify.py: among 500 labels of 500 photographs, the first is right
as often as it claims to be."""

_IMAGES_PER_RUN = 2
"""Pictures that go through the tower at once, per thread: with 8 it is no faster, and takes 290 MB more on 2 cores."""

_WORTH_SHARING = 8
"""So many texts are shared out among the cores; for fewer, threads cost more than they save."""

_Part = TypeVar("_Part")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Background:
    """How this model's scores are spread when picture and text have nothing to do with each other.

    `mean` and `deviation` are of the cosine between unrelated pairs. `weak` and `strong` are the scores that one
    unrelated pair in 100, and one in 10,000, exceeds.
    """

    mean: float
    deviation: float
    weak: float
    strong: float


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """What `manifest.json` says: the model's identity and the SHA-256 of each file beside it."""

    version: str
    dim: int
    image_size: int
    text_limit: int
    preprocessing: str
    source: str
    licence: str
    files: dict[str, str]
    background: Background

    @property
    def key(self) -> str:
        """Pins all that a vector depends on: every file, the preprocessing, the sizes."""
        pinned = [self.dim, self.image_size, self.text_limit, self.preprocessing, sorted(self.files.items())]
        return f"mini@{hashlib.sha256(json.dumps(pinned).encode()).hexdigest()[:12]}"


class Seen(NamedTuple):
    """What the image tower says of n pictures, float32; the names are those of the graphs' outputs and inputs.

    `features` is (n, 1280), pooled; `places` (n, 81, 352), the 9 x 9 grid after the last block, row by row; `detail`
    (n, 81, 180), earlier blocks and colours at the same places.
    """

    features: Vectors
    places: Vectors
    detail: Vectors


class Read(NamedTuple):
    """What the text tower says of a text, float32: `embedding`, (1, 384) of length 1, and its tokens' `states`.

    `states` is (1, tokens, 384), the start and end marks included.
    """

    embedding: Vectors
    states: Vectors


def read_manifest(folder: Path = WEIGHTS) -> ModelManifest:
    """Read a model folder's manifest; the files themselves are not hashed, so this costs a millisecond.

    Raises:
        ModelUnavailable: the manifest is missing or broken.
    """
    path = folder / "manifest.json"
    with reading(path):
        fields = json.loads(path.read_text(encoding="utf-8"))
        return ModelManifest(**{**fields, "background": Background(**fields["background"])})


def squeezed(image: Image.Image) -> Pixels:
    """Resize a whole RGB image to a square, whatever its shape: (260, 260, 3) uint8."""
    from PIL.Image import Resampling  # not needed by a search for words

    # People stand at the edges, which a crop would cut off; the towers know squeezed pictures well enough.
    longest = min(image.size) * LONGEST_ASPECT
    width, height = (min(side, longest) for side in image.size)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    box = (left, top, left + width, top + height)
    return np.asarray(image.resize((IMAGE_SIZE, IMAGE_SIZE), Resampling.BICUBIC, box=box))


class MiniEmbedder:
    """The built-in dual encoder. Weights load with the first picture and, apart from them, with the first text.

    `manifest` tells all about the files, and how unrelated pictures and texts score. Every thread runs pictures of its
    own: threads that share one wait for each other, busily, which on cores that also decode costs up to half the speed.

    Args:
        threads: processor threads for pictures; None takes every core. A text is too short to share out.
        folder: the model's files.
    """

    def __init__(self, threads: int | None = None, folder: Path = WEIGHTS) -> None:
        self._threads = threads or os.cpu_count() or 1
        self._folder = folder
        self.manifest = read_manifest(folder)
        self._sessions: dict[str, InferenceSession] = {}
        self._tokenizer: Tokenizer | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._lock = Lock()
        others = folder / MULTILINGUAL
        self._multilingual = MultilingualText(others, self.manifest.key) if others.is_dir() else None

    @property
    def spec(self) -> ModelSpec:
        """The model's identity, from its manifest."""
        manifest = self.manifest
        return ModelSpec(
            key=manifest.key,
            name="mini",
            dim=manifest.dim,
            image_size=manifest.image_size,
            text_limit=manifest.text_limit,
            source=manifest.source,
            licence=manifest.licence,
            logit_scale=LOGIT_SCALE,
        )

    @property
    def preprocessing(self) -> Preprocess:
        """What `preprocess` does, as a value that other processes can use."""
        return squeezed

    def preprocess(self, image: Image.Image) -> Pixels:
        """Resize one RGB image to (260, 260, 3) uint8; thread-safe."""
        return squeezed(image)

    def prepare_images(self) -> None:
        """Load the image tower and its head now."""
        self._session("image_tower")
        self._session("image_head")

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Embed (n, 260, 260, 3) uint8 pixels into (n, dim) L2-normalised float32."""
        if not len(pixels):
            return np.empty((0, self.manifest.dim), np.float32)
        return np.concatenate(self._shared_out(lambda run: self.vectors_of(self._look(run)), self._runs(pixels)))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed n texts into (n, dim) L2-normalised float32; a text over the limit is the mean of its parts."""
        if not texts:
            return np.empty((0, self.manifest.dim), np.float32)
        if self._multilingual is None:
            return self._embed_english(texts)
        return embed_by_language(texts, self._embed_english, self._multilingual)

    def look(self, pixels: Pixels) -> Seen:
        """Return what the image tower says of n >= 1 pictures; `vectors_of` makes their vectors of it."""
        seen = self._shared_out(self._look, self._runs(pixels))
        return Seen(*(np.concatenate(parts) for parts in zip(*seen, strict=True)))

    def vectors_of(self, seen: Seen) -> Vectors:
        """Return (n, dim) L2-normalised float32: the vectors of pictures that the tower has looked at."""
        return normalized(self._run("image_head", seen._asdict())[0])

    @cached_property
    def keeper(self) -> PlaceKeeper:
        """What reduces the places that were seen to the bytes that are kept."""
        return PlaceKeeper(self._folder)

    @property
    def places_version(self) -> str:
        """Pins how what was seen is reduced to bytes."""
        return self.keeper.version

    def embed_keeping_places(self, pixels: Pixels) -> tuple[Vectors, list[bytes]]:
        """Embed n >= 1 pictures, and return what is kept of the places of each."""

        def work(run: Pixels) -> tuple[Vectors, list[bytes]]:
            seen = self._look(run)
            return self.vectors_of(seen), self.keeper.keep(seen).rows()

        done = self._shared_out(work, self._runs(pixels))
        return np.concatenate([vectors for vectors, _ in done]), [row for _, rows in done for row in rows]

    def places(self, pixels: Pixels) -> Vectors:
        """Return the image tower's 9 x 9 places, row by row: (n, 81, 352) float32."""
        return self.look(pixels).places

    def image_features(self, pixels: Pixels) -> Vectors:
        """Return the image tower's own (n, 1280) float32 features, not normalised."""
        return self.look(pixels).features

    def read(self, text: str) -> Read:
        """Return what the text tower says of one text within the limit.

        Texts go one by one: int8 activations share one range per call, so that a text's vector would otherwise
        depend on its neighbours.
        """
        ids = np.array([self._load_tokenizer().encode(text).ids], dtype=np.int64)
        return Read(*self._run("text_tower", {"ids": ids}))

    def text_features(self, text: str) -> Vectors:
        """Return the text tower's own (1, 384) L2-normalised float32 features of one text within the limit."""
        return self.read(text).embedding

    def _look(self, run: Pixels) -> Seen:
        return Seen(*self._run("image_tower", {"pixels": run}))

    def _runs(self, pixels: Pixels) -> list[Pixels]:
        size = max(min(_IMAGES_PER_RUN, -(-len(pixels) // self._threads)), 1)
        return [pixels[start : start + size] for start in range(0, len(pixels), size)]

    def _embed_english(self, texts: Sequence[str]) -> Vectors:
        return embed_long(texts, self.manifest.text_limit, self._count_tokens, self._embed_short)

    def _embed_short(self, texts: Sequence[str]) -> Vectors:
        if len(texts) < _WORTH_SHARING:
            vectors = [self._embed_one(text) for text in texts]
        else:
            vectors = self._shared_out(self._embed_one, texts)
        return normalized(np.concatenate(vectors))

    def _embed_one(self, text: str) -> Vectors:
        return self._run("text_head", self.read(text)._asdict())[0]

    def _shared_out(self, work: Callable[[_Part], _Made], parts: Sequence[_Part]) -> list[_Made]:
        """Return what becomes of every part, shared out among the threads."""
        if len(parts) == 1:
            return [work(parts[0])]
        with self._lock:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="photoseek-embed")
        return list(self._pool.map(work, parts))

    def _count_tokens(self, text: str) -> int:
        return len(self._load_tokenizer().encode(text).ids)

    def _run(
        self, part: str, inputs: Mapping[str, Vectors | Pixels | np.ndarray[tuple[int, ...], np.dtype[np.int64]]]
    ) -> list[Vectors]:
        session = self._session(part)
        # A head without a scene part takes fewer of a tower's outputs.
        wanted = {one.name for one in session.get_inputs()}
        outputs: list[Vectors] = session.run(None, {name: values for name, values in inputs.items() if name in wanted})
        return outputs

    def _session(self, part: str) -> InferenceSession:
        with self._lock:
            if part not in self._sessions:
                self._sessions[part] = self._load_session(part)
            return self._sessions[part]

    def _load_session(self, part: str) -> InferenceSession:
        # The texts' files are already optimised; doing it again would cost a cold query 50 ms.
        settings = SessionSettings(optimized="none" if part.startswith("text") else "all")
        return load_session(self._folder / f"{part}.onnx", settings)

    def _load_tokenizer(self) -> Tokenizer:
        with self._lock:
            if self._tokenizer is None:
                # The published file pads and cuts to 128 tokens, which this undoes.
                self._tokenizer = load_tokenizer(self._folder / "tokenizer.json")
            return self._tokenizer
