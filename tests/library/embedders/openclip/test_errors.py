"""Our open_clip embedder without a hub, without weights, and with what makes no sense."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photoseek.library.embedders.openclip.torch_model import OpenClipOptions, TorchOpenClip
from photoseek.library.errors import ModelUnavailable, UnknownModel
from photoseek.tests.support.openclips import (
    ARCHITECTURE,
    CONFIG,
    CPU,
    TEXTS,
    VISION,
    Saved,
    cosines,
    empty_hub_cache,
    hub_attempts,
    one_line_of,
    our_images,
    pictures,
    save_folder,
    saved,
    their_texts,
)

__all__ = ["empty_hub_cache", "hub_attempts", "pictures", "saved"]  # fixtures


class TestHub:
    NAME = "ViT-B-32/laion2b_s34b_b79k"

    def test_offline_by_choice_says_so(
        self, empty_hub_cache: Path, hub_attempts: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(ModelUnavailable) as caught:
            _ = TorchOpenClip(self.NAME).spec
        assert "HF_HUB_OFFLINE forbids" in one_line_of(caught.value)
        assert "ARCHITECTURE//FILE" in str(caught.value)
        assert hub_attempts == []

    @pytest.mark.parametrize("name", [NAME, "hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K"])
    def test_unreachable_hub_is_tried_once_and_says_what_to_do(self, hub_attempts: list[str], name: str) -> None:
        from huggingface_hub import constants

        with pytest.raises(ModelUnavailable) as caught:
            _ = TorchOpenClip(name).spec
        assert "cannot be reached (Name or service not known)" in one_line_of(caught.value)
        assert "HF_HOME" in str(caught.value)
        assert len(hub_attempts) == 1
        assert constants.HF_HUB_OFFLINE is False

    def test_refusal_of_the_hub_is_one_line(
        self, saved: Saved, empty_hub_cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import huggingface_hub

        class Reachable:
            def head(self, url: str, timeout: float) -> None:
                return None

        def refuse(**_: object) -> str:
            raise PermissionError("401 Client Error.\nRepository Not Found")

        monkeypatch.setattr(huggingface_hub, "get_session", Reachable)
        monkeypatch.setattr(saved.open_clip.pretrained, "hf_hub_download", refuse)
        with pytest.raises(ModelUnavailable) as caught:
            _ = TorchOpenClip("hf-hub:nobody/nothing").spec
        assert "401 Client Error" in one_line_of(caught.value)

    def test_cached_repository_needs_no_network(
        self, saved: Saved, pictures: list[Image.Image], empty_hub_cache: Path, hub_attempts: list[str]
    ) -> None:
        repository, commit = empty_hub_cache / "models--some--model", "0123456789abcdef0123456789abcdef01234567"
        save_folder(saved, repository / "snapshots" / commit, CONFIG, {"resize_mode": "squash"})
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text(commit)
        embedder = TorchOpenClip("hf-hub:some/model", CPU)
        assert embedder.spec.source == "https://huggingface.co/some/model"
        assert our_images(embedder, pictures).shape == (6, 48)
        assert cosines(embedder.embed_texts(TEXTS), their_texts(saved, TEXTS)).min() >= 0.9999
        assert hub_attempts == []


class TestErrors:
    def test_misspelt_architecture_is_answered_with_close_ones(self, saved: Saved) -> None:
        with pytest.raises(UnknownModel) as caught:
            _ = TorchOpenClip("ViT-B32/laion2b_s34b_b79k").spec
        assert "did you mean ViT-B-32/laion2b_s34b_b79k" in one_line_of(caught.value)

    def test_unknown_tag_is_answered_with_the_tags_there_are(self, saved: Saved) -> None:
        with pytest.raises(UnknownModel) as caught:
            _ = TorchOpenClip("ViT-B-32/laion3b").spec
        assert "laion2b_s34b_b79k" in one_line_of(caught.value)

    def test_unlike_anything_is_answered_without_a_guess(self, saved: Saved) -> None:
        with pytest.raises(UnknownModel, match="no such architecture; open_clip"):
            _ = TorchOpenClip("\u1234\u1235/\u1236").spec

    def test_missing_checkpoint_is_named(self, saved: Saved, tmp_path: Path) -> None:
        with pytest.raises(ModelUnavailable) as caught:
            _ = TorchOpenClip(f"{ARCHITECTURE}//{tmp_path}/no.pt").spec
        assert f"there is no file {tmp_path}/no.pt" in one_line_of(caught.value)

    def test_checkpoint_of_another_architecture(self, saved: Saved) -> None:
        with pytest.raises(ModelUnavailable) as caught:
            TorchOpenClip(f"ViT-S-32-alt//{saved.checkpoint}", CPU).embed_texts(["a cat"])
        assert "name the architecture it was trained with" in one_line_of(caught.value)

    @pytest.mark.parametrize("content", [b"", b"\x80\x02]q\x00.", b"PK\x03\x04garbage", b"not a checkpoint"])
    @pytest.mark.parametrize("ending", [".pt", ".safetensors", ".npz"])
    def test_checkpoint_of_arbitrary_bytes(self, saved: Saved, tmp_path: Path, content: bytes, ending: str) -> None:
        path = tmp_path / f"broken{ending}"
        path.write_bytes(content)
        with pytest.raises(ModelUnavailable) as caught:
            TorchOpenClip(f"{ARCHITECTURE}//{path}", CPU).embed_texts(["a cat"])
        assert str(path) in one_line_of(caught.value)

    @pytest.mark.parametrize("config", ["", "[]", "{}", '{"model_cfg": {}}', '{"model_cfg": 3}'])
    def test_folder_without_a_sound_configuration(self, saved: Saved, tmp_path: Path, config: str) -> None:
        (tmp_path / "open_clip_config.json").write_text(config)
        with pytest.raises(ModelUnavailable) as caught:
            _ = TorchOpenClip(f"local-dir:{tmp_path}").spec
        assert "configuration" in one_line_of(caught.value)

    def test_folder_without_weights(self, saved: Saved, tmp_path: Path) -> None:
        (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG}))
        with pytest.raises(ModelUnavailable, match="holds no weights"):
            _ = TorchOpenClip(f"local-dir:{tmp_path}").spec

    def test_input_that_is_not_square(self, saved: Saved, tmp_path: Path) -> None:
        vision_cfg = VISION | {"image_size": [64, 32]}
        save_folder(saved, tmp_path / "model", CONFIG | {"vision_cfg": vision_cfg}, {})
        with pytest.raises(ModelUnavailable, match="not square"):
            _ = TorchOpenClip(f"local-dir:{tmp_path / 'model'}").spec

    def test_open_clip_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "open_clip", None)
        with pytest.raises(ModelUnavailable, match=r"pip install 'photoseek\[clip\]'"):
            _ = TorchOpenClip("ViT-B-32/openai").spec

    def test_cuda_asked_for_where_there_is_none(self, saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
        with pytest.raises(ModelUnavailable, match="finds no CUDA device; use device cpu"):
            TorchOpenClip(saved.name, OpenClipOptions("cuda")).embed_texts(["a cat"])

    @pytest.mark.parametrize("options", [OpenClipOptions("abacus"), OpenClipOptions("cpu", "fp7")])
    def test_option_that_makes_no_sense(self, saved: Saved, options: OpenClipOptions) -> None:
        with pytest.raises(ModelUnavailable, match=r"abacus|fp7"):
            TorchOpenClip(saved.name, options).embed_texts(["a cat"])

    def test_overflow_in_half_precision_is_no_vector(self, saved: Saved, tmp_path: Path) -> None:
        import torch

        weights = dict(saved.model.state_dict())
        weights["text_projection"] = weights["text_projection"] * 1e8
        torch.save(weights, tmp_path / "huge.pt")
        name = f"{ARCHITECTURE}//{tmp_path / 'huge.pt'}"
        with pytest.raises(ModelUnavailable, match="overflow in fp16; run it in fp32"):
            TorchOpenClip(name, OpenClipOptions("cpu", "fp16")).embed_texts(["a cat"])
        assert np.isfinite(TorchOpenClip(name, CPU).embed_texts(["a cat"])).all()
