"""Vision-language models by their names on the Hugging Face hub: from its cache, and where it cannot be reached."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photoseek.tests.support.tiny_vlms import red_loving_vlm  # before the hub's client: it skips

import huggingface_hub  # isort: skip
from huggingface_hub import constants  # isort: skip

from photoseek.library.errors import ModelUnavailable
from photoseek.rerank.device import RunOptions
from photoseek.rerank.llava import LlavaModel

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # whatever the machine of the tests is set to
    return tmp_path / "hub"


@pytest.fixture
def attempts(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A hub that cannot be reached, and the addresses that were tried."""
    tried: list[str] = []

    class Unreachable:
        def head(self, url: str, timeout: float) -> None:
            tried.append(url)
            raise ConnectionError("Name or service not known")

    monkeypatch.setattr(huggingface_hub, "get_session", Unreachable)
    return tried


def test_a_cached_model_needs_no_network_and_is_known_by_its_commit(hub_cache: Path, attempts: list[str]) -> None:
    repository = hub_cache / "models--some--llava"
    red_loving_vlm(repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    model = LlavaModel("some/llava", RunOptions(device="cpu"))
    assert model.spec.key == f"some/llava@{COMMIT[:12]}:fp32"
    answers = model.judge([Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")], "a car")
    assert np.round([answer.probability for answer in answers]).tolist() == [1.0, 0.0]
    assert attempts == []


def test_an_unreachable_hub_is_tried_once_and_says_what_to_do(attempts: list[str]) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        LlavaModel("some/llava").spec  # noqa: B018
    said = str(caught.value)
    assert "cannot be reached (Name or service not known)" in said
    assert said.endswith("or set HF_HOME to a cache that holds it, or name a server's URL")
    assert "\n" not in said
    assert len(attempts) == 1


def test_offline_by_choice_says_so(attempts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        ModelUnavailable, match="HF_HUB_OFFLINE forbids downloading them; unset HF_HUB_OFFLINE, or down"
    ):
        LlavaModel("some/llava").spec  # noqa: B018
    assert attempts == []
