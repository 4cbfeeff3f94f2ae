"""Names lead to embedders, and nothing heavy is imported on the way."""

from __future__ import annotations

import subprocess
import sys

import pytest

from photoseek.library.embedders.openclip.embedder import OpenClipEmbedder
from photoseek.library.embedders.registry import load_embedder
from photoseek.library.errors import UnknownModel


def test_mini_is_built_in() -> None:
    from photoseek.library.embedders.mini import MiniEmbedder

    assert isinstance(load_embedder("mini"), MiniEmbedder)


@pytest.mark.parametrize(
    "name",
    [
        "ViT-B-32/laion2b_s34b_b79k",
        "ViT-B-32//weights.pt",
        "ViT-B/32/openai",
        "hf-hub:timm/x",
        "local-dir:/x",
        "RN50/openai@int8",
    ],
)
def test_open_clip_names_lead_to_open_clip(name: str) -> None:
    assert isinstance(load_embedder(name), OpenClipEmbedder)


@pytest.mark.parametrize("name", ["", "minni", "ViT-B-32"])
def test_unknown_name_is_answered_with_the_forms(name: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        load_embedder(name)
    assert repr(name) in str(caught.value)
    assert all(form in str(caught.value) for form in ("mini", "NAME/PRETRAINED", "NAME//path", "hf-hub:"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["/", "ViT-B-32/", "/openai", "ViT-B-32//", "//x", "hf-hub:", "hf-hub:x", "local-dir:"]
)
def test_name_with_an_empty_part_is_unknown(name: str) -> None:
    with pytest.raises(UnknownModel):
        load_embedder(name)


def test_registry_imports_nothing_heavy() -> None:
    code = (
        "import sys; from photoseek.library.embedders.registry import load_embedder;"
        "load_embedder('ViT-B-32/openai');"
        "heavy = ('torch', 'open_clip', 'onnxruntime', 'transformers', 'huggingface_hub');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
