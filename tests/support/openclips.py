"""Small open_clip models with random weights saved to disk, open_clip's own way with them, and ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from photoseek.library.embedders.base import normalized
from photoseek.library.embedders.openclip.torch_model import OpenClipOptions, TorchOpenClip
from photoseek.library.errors import EmbedderError
from photoseek.library.types import Vectors

if TYPE_CHECKING:
    import torch


ARCHITECTURE = "photoseek-test-clip"
QUICK_ARCHITECTURE = "photoseek-test-clip-quick"
VISION: dict[str, object] = {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16}
TEXT: dict[str, object] = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
CONFIG: dict[str, object] = {"embed_dim": 48, "vision_cfg": VISION, "text_cfg": TEXT}
TEXTS = ["a cat", "an astronaut in front of a flag", "Кофе ☕ & cake", ""]
LONG_TEXT = "A dog runs along the beach. " * 12 + "A cat watches it from a wall, high above the sea."
CPU = OpenClipOptions(device="cpu")


@dataclass(frozen=True)
class Saved:
    """A model saved to disk, beside the live one that it was saved from."""

    open_clip: ModuleType
    model: torch.nn.Module
    checkpoint: Path

    @property
    def name(self) -> str:
        return f"{ARCHITECTURE}//{self.checkpoint}"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    open_clip = pytest.importorskip("open_clip", reason="open_clip is not installed: pip install 'photoseek[clip]'")
    import torch

    folder = tmp_path_factory.mktemp("openclip")
    (folder / f"{ARCHITECTURE}.json").write_text(json.dumps(CONFIG))
    (folder / f"{QUICK_ARCHITECTURE}.json").write_text(json.dumps(CONFIG | {"quick_gelu": True}))
    open_clip.add_model_config(folder)
    torch.manual_seed(7)
    model = open_clip.create_model(ARCHITECTURE).eval()
    torch.save(model.state_dict(), folder / "weights.pt")
    return Saved(open_clip, model, folder / "weights.pt")


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    """Photographs of several shapes, a tiny one and a very wide one among them."""
    from skimage import data

    names = ("astronaut", "coffee", "rocket", "chelsea")
    photographs = [Image.fromarray(getattr(data, name)()) for name in names]
    return [*photographs, photographs[0].resize((31, 17)), photographs[1].crop((0, 100, 600, 130))]


@pytest.fixture
def pretend_tag(saved: Saved, monkeypatch: pytest.MonkeyPatch) -> str:
    """A pretrained tag of the test's architecture, with SigLIP's kind of preprocessing."""
    tag = {
        "file": str(saved.checkpoint),
        "mean": (0.5, 0.4, 0.3),
        "std": (0.5, 0.6, 0.7),
        "interpolation": "bilinear",
        "resize_mode": "squash",
    }
    monkeypatch.setitem(saved.open_clip.pretrained._PRETRAINED, ARCHITECTURE, {"pretend_s1": tag})
    return f"{ARCHITECTURE}/pretend_s1"


@pytest.fixture
def empty_hub_cache(saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # whatever the machine of the tests is set to
    return tmp_path / "hub"


@pytest.fixture
def hub_attempts(empty_hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A hub that cannot be reached, and the addresses that were tried."""
    import huggingface_hub

    attempts: list[str] = []

    class Unreachable:
        def head(self, url: str, timeout: float) -> None:
            attempts.append(url)
            raise ConnectionError("Name or service not known\nand a second line")

    monkeypatch.setattr(huggingface_hub, "get_session", Unreachable)
    return attempts


def their_images(saved: Saved, pictures: Sequence[Image.Image], name: str = ARCHITECTURE, tag: str = "") -> Vectors:
    """open_clip's own way, one picture at a time."""
    import torch

    model, _, preprocess = saved.open_clip.create_model_and_transforms(name, pretrained=tag or str(saved.checkpoint))
    with torch.inference_mode():
        features: list[Vectors] = [model.eval().encode_image(preprocess(p).unsqueeze(0)).numpy() for p in pictures]
    return normalized(np.concatenate(features))


def their_texts(saved: Saved, texts: Sequence[str]) -> Vectors:
    import torch

    with torch.inference_mode():
        tokens = saved.open_clip.get_tokenizer(ARCHITECTURE)(list(texts))
        features: Vectors = saved.model.encode_text(tokens).numpy()
    return normalized(features)


def our_images(embedder: TorchOpenClip, pictures: Sequence[Image.Image]) -> Vectors:
    return embedder.embed_images(np.stack([embedder.preprocess(picture) for picture in pictures]))


def cosines(ours: Vectors, theirs: Vectors) -> Vectors:
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, rtol=1e-5)
    assert ours.dtype == np.float32
    products: Vectors = np.sum(ours * theirs, axis=1)
    return products


def one_line_of(error: EmbedderError) -> str:
    assert "\n" not in str(error)
    return str(error)


def save_folder(saved: Saved, folder: Path, config: dict[str, object], preprocess: dict[str, object]) -> None:
    """Lay out a model as open_clip keeps one in a folder or a repository."""
    import torch

    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    torch.save(saved.model.state_dict(), folder / "open_clip_pytorch_model.bin")
