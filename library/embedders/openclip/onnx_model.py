"""An exported open_clip model: whether it lies whole on disk, and how ONNX Runtime runs it, without torch."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np

from ...errors import ModelUnavailable
from ...types import Pixels, Vectors
from ..base import ModelSpec, normalized
from ..hub import one_line
from ..long_text import embed_long
from ..onnx_files import SessionSettings, load_session
from ..preprocessing import Preprocessing
from .tokens import TextTokens, TokenIds, TokenRules, WordTable, read_tokenizer
from .verified_files import VerifiedFiles

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from PIL import Image
    from tokenizers import Tokenizer

FORMAT = 1
"""Counts up when the exported files change their meaning, so that older ones are made again."""

MANIFEST = "manifest.json"
TOKENIZER, WORDS = "tokenizer.json", "words.txt"
IMAGE_TOWER, TEXT_TOWER = "image.onnx", "text.onnx"


_VERSION = re.compile(r"""__version__ = ['"]([^'"]+)['"]""")


@dataclass(frozen=True, slots=True)
class Watched:
    """A file that the export was made from; one of another size or time means another model."""

    path: str
    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Watched:
        """Note a file as it is now."""
        status = path.stat()
        return cls(str(path), status.st_size, status.st_mtime_ns)

    def has_changed(self) -> bool:
        """Say whether the file is another now; one that has gone is not."""
        try:
            return Watched.of(Path(self.path)) != self
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class ExportManifest:
    """What an exported model is, enough to use it without torch and open_clip.

    `refused` says why there are no towers, and is empty where there are: an export that fails its check is not tried
    again for the same files. `files` holds each file's size in bytes and SHA-256.
    """

    open_clip: str
    precision: str
    spec: ModelSpec
    preprocessing: Preprocessing
    watched: tuple[Watched, ...]
    refused: str = ""
    tokens: TokenRules | None = None
    files: tuple[tuple[str, int, str], ...] = ()
    format: int = FORMAT

    def is_current(self, folder: Path, open_clip: str | None) -> bool:
        """Say whether the export still stands for its model and every file of it has its size.

        Args:
            folder: where the files are.
            open_clip: the version that is installed; None for none, which cannot disagree.
        """
        if self.format != FORMAT or open_clip not in {None, self.open_clip}:
            return False
        if any(watched.has_changed() for watched in self.watched):
            return False
        return all(_size_bytes(folder / name) == size_bytes for name, size_bytes, _ in self.files)


def installed_open_clip() -> str | None:
    """Return open_clip's version without importing it; None where it is not installed."""
    found = find_spec("open_clip")
    if found is None or found.origin is None:
        return None
    try:
        told = _VERSION.search(Path(found.origin).with_name("version.py").read_text(encoding="utf-8"))
    except OSError:
        told = None
    if told is not None:
        return told[1]
    from importlib import metadata  # asked second: its import takes a cold query longer than all of the above

    try:
        return metadata.version("open_clip_torch")
    except metadata.PackageNotFoundError:
        return None


def read_manifest(folder: Path) -> ExportManifest | None:
    """Read what was exported into a folder; None where nothing usable was."""
    try:
        fields = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        preprocessing = fields["preprocessing"]
        for colours in ("mean", "std"):
            preprocessing[colours] = tuple(preprocessing[colours])
        return ExportManifest(
            **{
                **fields,
                "spec": ModelSpec(**fields["spec"]),
                "preprocessing": Preprocessing(**preprocessing),
                "watched": tuple(Watched(**file) for file in fields["watched"]),
                "tokens": TokenRules(**fields["tokens"]) if fields["tokens"] else None,
                "files": tuple((str(name), int(size), str(digest)) for name, size, digest in fields["files"]),
            }
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # an unreadable export is made again


@contextmanager
def unpublished(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; gone again unless `publish` moved it."""
    draft = folder.with_name(f"{folder.name}.{os.getpid()}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def publish(draft: Path, folder: Path, manifest: ExportManifest) -> None:
    """Write the manifest, force all to disk, and let the draft take the place of what `folder` held."""
    text = json.dumps(asdict(manifest), indent=1)
    (draft / MANIFEST).write_text(text, encoding="utf-8")
    VerifiedFiles(draft).note([name for name, _, _ in manifest.files])  # summed a moment ago
    for file in draft.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
    outdated = folder.with_name(f"{folder.name}.{os.getpid()}.outdated")
    shutil.rmtree(outdated, ignore_errors=True)
    if folder.exists():
        folder.rename(outdated)
    draft.rename(folder)
    shutil.rmtree(outdated, ignore_errors=True)


def inventory(folder: Path, names: Iterable[str]) -> tuple[tuple[str, int, str], ...]:
    """Return name, size in bytes and SHA-256 of files in a folder."""
    found: list[tuple[str, int, str]] = []
    for name in names:
        with (folder / name).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        found.append((name, (folder / name).stat().st_size, digest))
    return tuple(found)


def _size_bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1


IMAGES_PER_RUN = 8
"""Images that go through the tower at once, per thread: more gain nothing, and hold more memory."""

TEXTS_PER_RUN = 32


class BrokenExport(ModelUnavailable):
    """An exported file is not what it should be; making it again helps."""


class OnnxEmbedder:
    """The Embedder of an exported model. Each tower loads when first used.

    Every thread runs pictures of its own: on two cores, threads that share one picture wait for each other.

    Args:
        folder: where the model was exported to.
        manifest: what it says.
        threads: processor threads for pictures; None takes every core.
    """

    def __init__(self, folder: Path, manifest: ExportManifest, threads: int | None = None) -> None:
        self._folder = folder
        self._manifest = manifest
        self._threads = threads or os.cpu_count() or 1
        self._verified = VerifiedFiles(folder)
        self._lock = RLock()
        self._sessions: dict[str, InferenceSession] = {}
        self._known_tokens: TextTokens | None = None
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="photoseek-embed")

    @property
    def spec(self) -> ModelSpec:
        """The model's identity, from its manifest."""
        return self._manifest.spec

    @property
    def preprocessing(self) -> Preprocessing:
        """How a picture becomes pixels, as a value that other processes can use."""
        return self._manifest.preprocessing

    def preprocess(self, image: Image.Image) -> Pixels:
        """Resize and crop one RGB image to (image_size, image_size, 3) uint8 as open_clip does; thread-safe."""
        return self._manifest.preprocessing(image)

    def prepare_images(self) -> None:
        """Load the image tower now."""
        self._session(IMAGE_TOWER)

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Embed (n, image_size, image_size, 3) uint8 pixels into (n, dim) L2-normalised float32."""
        if len(pixels) == 0:
            return np.empty((0, self.spec.dim), np.float32)
        session = self._session(IMAGE_TOWER)
        runs = [pixels[start:end] for start, end in self._image_runs(len(pixels))]

        def features(run: Pixels) -> Vectors:
            outputs: list[Vectors] = session.run(None, {"pixels": run.astype(np.float32)})
            return outputs[0]

        return self._unit_vectors(list(self._pool.map(features, runs)))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed n texts of any length into (n, dim) L2-normalised float32; a long one is the mean of its parts."""
        if len(texts) == 0:
            return np.empty((0, self.spec.dim), np.float32)
        return embed_long(texts, self.spec.text_limit, self._tokens().count, self._embed_short)

    def load(self) -> None:
        """Load all of it now.

        Raises:
            ModelUnavailable: a file cannot be read as what it should be.
        """
        self._session(IMAGE_TOWER)
        self._session(TEXT_TOWER)
        self._tokens().load()

    def _embed_short(self, texts: Sequence[str]) -> Vectors:
        session, tokens = self._session(TEXT_TOWER), self._tokens()
        # Neighbours of one length, so that little of a run is padding.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        size = self._per_run(TEXTS_PER_RUN)
        features: list[Vectors] = []
        for start in range(0, len(order), size):
            ids: TokenIds = tokens.encode([texts[index] for index in order[start : start + size]])
            outputs: list[Vectors] = session.run(None, {"ids": ids})
            features.append(outputs[0])
        vectors = self._unit_vectors(features)
        restored = np.empty_like(vectors)
        restored[order] = vectors
        return restored

    def _image_runs(self, count: int) -> list[tuple[int, int]]:
        size = min(self._per_run(IMAGES_PER_RUN), -(-count // self._threads))
        return [(start, min(start + size, count)) for start in range(0, count, size)]

    def _per_run(self, most: int) -> int:
        """In int8, a run's activations share one range: alone, nothing depends on what happens to be beside it."""
        return 1 if self._manifest.precision == "int8" else most

    def _unit_vectors(self, features: Sequence[Vectors]) -> Vectors:
        vectors = np.concatenate(features).astype(np.float32, copy=False)
        if not np.isfinite(vectors).all():
            reason = f"its vectors overflow in {self._manifest.precision}"
            raise ModelUnavailable(self.spec.name, reason, "choose another model, or get its files again")
        return normalized(vectors)

    def _tokens(self) -> TextTokens:
        with self._lock:
            if self._known_tokens is None:
                rules = self._manifest.tokens or TokenRules("lower", 0, self.spec.text_limit, any_length=False)
                self._known_tokens = TextTokens(self._tokenizer, rules, self.spec.name, self._words())
            return self._known_tokens

    def _tokenizer(self) -> Tokenizer:
        self._check(TOKENIZER)
        try:
            return read_tokenizer(self._folder / TOKENIZER)
        except Exception as error:  # tokenizers raises bare Exception
            raise self._broken(TOKENIZER, error) from error

    def _words(self) -> WordTable | None:
        if not any(name == WORDS for name, _, _ in self._manifest.files):
            return None
        self._check(WORDS)
        try:
            return WordTable((self._folder / WORDS).read_bytes())
        except (OSError, ValueError) as error:
            raise self._broken(WORDS, error) from error

    def _session(self, tower: str) -> InferenceSession:
        with self._lock:
            if tower not in self._sessions:
                self._sessions[tower] = self._load_session(tower)
            return self._sessions[tower]

    def _load_session(self, tower: str) -> InferenceSession:
        self._check(tower)
        # One query uses each weight once: optimising again and packing the weights would take longer than that.
        quick = SessionSettings(optimized="none", prepacked=False)
        return load_session(self._folder / tower, quick if tower == TEXT_TOWER else None, self._refusal)

    def _check(self, file: str) -> None:
        """Refuse a file, or the weights beside it, that is not as it was exported."""
        stem = Path(file).stem
        damaged = self._verified.damaged(one for one in self._manifest.files if Path(one[0]).stem == stem)
        if damaged is not None:
            raise self._broken(damaged, ValueError("its checksum is wrong"))

    def _broken(self, file: str, error: Exception) -> BrokenExport:
        return self._refusal(f"{self._folder / file} cannot be loaded ({one_line(error)})")

    def _refusal(self, reason: str) -> BrokenExport:
        return BrokenExport(self.spec.name, reason, "remove that folder, and it is made again")
