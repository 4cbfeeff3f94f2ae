"""Our open_clip embedder against open_clip itself, on models with random weights saved to disk."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photoseek.library.embedders.base import normalized
from photoseek.library.embedders.openclip.torch_model import (
    OpenClipOptions,
    TorchOpenClip,
    choose_device,
    choose_precision,
)
from photoseek.tests.support.openclips import (
    ARCHITECTURE,
    CONFIG,
    CPU,
    LONG_TEXT,
    QUICK_ARCHITECTURE,
    TEXT,
    TEXTS,
    Saved,
    cosines,
    our_images,
    pictures,
    pretend_tag,
    save_folder,
    saved,
    their_images,
    their_texts,
)

__all__ = ["pictures", "pretend_tag", "saved"]  # fixtures


class TestEqualToOpenClip:
    def test_images(self, saved: Saved, pictures: list[Image.Image]) -> None:
        ours = our_images(TorchOpenClip(saved.name, CPU), pictures)
        assert cosines(ours, their_images(saved, pictures)).min() >= 0.9999

    def test_texts(self, saved: Saved) -> None:
        ours = TorchOpenClip(saved.name, CPU).embed_texts(TEXTS)
        assert cosines(ours, their_texts(saved, TEXTS)).min() >= 0.9999

    def test_the_weights_are_those_of_the_file_and_tell_pictures_apart(
        self, saved: Saved, pictures: list[Image.Image]
    ) -> None:
        ours = our_images(TorchOpenClip(saved.name, CPU), pictures[:4])
        assert (ours @ ours.T - np.eye(4)).max() < 0.999

    def test_preprocessing_of_a_tag(self, saved: Saved, pictures: list[Image.Image], pretend_tag: str) -> None:
        ours = our_images(TorchOpenClip(pretend_tag, CPU), pictures)
        theirs = their_images(saved, pictures, *pretend_tag.split("/"))
        assert cosines(ours, theirs).min() >= 0.9999
        assert cosines(ours, their_images(saved, pictures)).min() < 0.9999

    @pytest.mark.parametrize("resize_mode", ["shortest", "squash", "longest"])
    def test_preprocessing_of_a_folder(
        self, saved: Saved, pictures: list[Image.Image], tmp_path: Path, resize_mode: str
    ) -> None:
        save_folder(saved, tmp_path / "model", CONFIG, {"resize_mode": resize_mode, "fill_color": 40})
        name = f"local-dir:{tmp_path / 'model'}"
        _, preprocess = saved.open_clip.create_model_from_pretrained(name)
        ours = TorchOpenClip(name, CPU)
        theirs = normalized(
            np.concatenate([saved.model.encode_image(preprocess(p).unsqueeze(0)).detach().numpy() for p in pictures])
        )
        assert cosines(our_images(ours, pictures), theirs).min() >= 0.9999

    def test_batch_equals_one_by_one(self, saved: Saved, pictures: list[Image.Image]) -> None:
        embedder = TorchOpenClip(saved.name, CPU)
        singly = np.concatenate([our_images(embedder, [picture]) for picture in pictures])
        np.testing.assert_allclose(our_images(embedder, pictures), singly, atol=1e-5)

    def test_activation_is_the_one_the_weights_were_trained_with(
        self, saved: Saved, pictures: list[Image.Image], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tag = {"file": str(saved.checkpoint), "quick_gelu": True}
        monkeypatch.setitem(saved.open_clip.pretrained._PRETRAINED, ARCHITECTURE, {"quick": tag})
        quick = TorchOpenClip(f"{ARCHITECTURE}/quick", CPU)
        theirs = their_images(saved, pictures, QUICK_ARCHITECTURE)
        assert cosines(our_images(quick, pictures), theirs).min() >= 0.9999
        assert quick.spec.key != TorchOpenClip(saved.name).spec.key

    @pytest.mark.parametrize("precision", ["bf16", "fp16"])
    def test_half_precision_stays_close(self, saved: Saved, pictures: list[Image.Image], precision: str) -> None:
        half = TorchOpenClip(saved.name, OpenClipOptions("cpu", precision))
        assert cosines(our_images(half, pictures), their_images(saved, pictures)).min() >= 0.999
        assert cosines(half.embed_texts(TEXTS), their_texts(saved, TEXTS)).min() >= 0.999


class TestPixels:
    def test_shape_and_type(self, saved: Saved, pictures: list[Image.Image]) -> None:
        pixels = TorchOpenClip(saved.name).preprocess(pictures[0])
        assert pixels.shape == (64, 64, 3)
        assert pixels.dtype == np.uint8

    def test_many_threads_agree_with_one(self, saved: Saved, pictures: list[Image.Image]) -> None:
        alone = [TorchOpenClip(saved.name).preprocess(picture) for picture in pictures]
        shared = TorchOpenClip(saved.name)
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(shared.preprocess, pictures * 8))
        for index, pixels in enumerate(together):
            np.testing.assert_array_equal(pixels, alone[index % len(pictures)])

    def test_weights_are_not_needed(self, saved: Saved, pictures: list[Image.Image], tmp_path: Path) -> None:
        without = TorchOpenClip(f"{ARCHITECTURE}//{tmp_path / 'absent.pt'}")
        with_weights = TorchOpenClip(saved.name)
        np.testing.assert_array_equal(without.preprocess(pictures[0]), with_weights.preprocess(pictures[0]))

    def test_read_only_pixels_are_fine(self, saved: Saved, pictures: list[Image.Image]) -> None:
        embedder = TorchOpenClip(saved.name, CPU)
        pixels = embedder.preprocess(pictures[0])[np.newaxis]
        expected = embedder.embed_images(pixels)
        pixels.setflags(write=False)
        np.testing.assert_array_equal(embedder.embed_images(pixels), expected)

    def test_nothing_in_nothing_out(self, saved: Saved) -> None:
        embedder = TorchOpenClip(saved.name, CPU)
        assert embedder.embed_images(np.empty((0, 64, 64, 3), np.uint8)).shape == (0, 48)
        assert embedder.embed_texts([]).shape == (0, 48)


class TestTexts:
    def test_long_text_is_split_not_cut(self, saved: Saved, caplog: pytest.LogCaptureFixture) -> None:
        embedder = TorchOpenClip(saved.name, CPU)
        with caplog.at_level(logging.WARNING, "photoseek"):
            (ours,) = embedder.embed_texts([LONG_TEXT])
        (cut,) = their_texts(saved, [LONG_TEXT])
        assert float(ours @ cut) < 0.9999
        assert "limit of 77 tokens" in caplog.text
        (other_end,) = embedder.embed_texts([LONG_TEXT.replace("A cat watches", "A bear hunts")])
        assert float(ours @ other_end) < 0.99999

    def test_text_of_exactly_the_limit_is_left_whole(self, saved: Saved, caplog: pytest.LogCaptureFixture) -> None:
        text = " ".join(["cat"] * 75)
        ours = TorchOpenClip(saved.name, CPU).embed_texts([text])
        assert cosines(ours, their_texts(saved, [text])).min() >= 0.9999
        assert not caplog.records

    def test_many_texts_equal_few(self, saved: Saved) -> None:
        embedder = TorchOpenClip(saved.name, CPU)
        many = embedder.embed_texts(TEXTS * 100)
        np.testing.assert_allclose(many, np.tile(embedder.embed_texts(TEXTS), (100, 1)), atol=1e-5)

    def test_tokenizer_of_the_transformers_kind(
        self, saved: Saved, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        transformers = pytest.importorskip("transformers", reason="transformers is not installed")
        import torch
        from tokenizers import Tokenizer, models, pre_tokenizers, processors

        words = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "<unk>": 2, "cat": 3, "dog": 4}, unk_token="<unk>"))
        words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
        fast = transformers.PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>")
        text_cfg = TEXT | {"context_length": 8, "hf_tokenizer_name": "any/name", "vocab_size": 5}
        config = CONFIG | {"text_cfg": text_cfg}
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
        fast.save_pretrained(folder)
        name = f"local-dir:{folder}"
        model = saved.open_clip.create_model(name).eval()
        torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")

        caplog.clear()

        embedder = TorchOpenClip(name, CPU)
        fits, over = "cat dog cat dog cat dog cat", "cat dog cat dog. dog dog dog cat"
        with torch.inference_mode():
            theirs = normalized(model.encode_text(saved.open_clip.get_tokenizer(name)([fits])).numpy())
        assert cosines(embedder.embed_texts([fits]), theirs).min() >= 0.9999
        assert not caplog.records
        first, second = embedder.embed_texts(["cat dog cat dog.", "dog dog dog cat"])
        np.testing.assert_allclose(embedder.embed_texts([over]), normalized((first + second)[np.newaxis]), atol=1e-5)
        assert embedder.spec.text_limit == 8


class TestSpec:
    def test_says_what_a_caller_must_know(self, saved: Saved) -> None:
        spec = TorchOpenClip(saved.name).spec
        assert (spec.dim, spec.image_size, spec.text_limit, spec.templates) == (48, 64, 77, "photo")
        assert spec.source == str(saved.checkpoint)
        assert spec.key.startswith(f"{ARCHITECTURE}-w")

    def test_a_moved_file_keeps_its_key(self, saved: Saved, tmp_path: Path) -> None:
        (tmp_path / "copy.pt").write_bytes(saved.checkpoint.read_bytes())
        copy = TorchOpenClip(f"{ARCHITECTURE}//{tmp_path / 'copy.pt'}")
        assert copy.spec.key == TorchOpenClip(saved.name).spec.key

    def test_other_weights_have_another_key(self, saved: Saved, tmp_path: Path) -> None:
        import torch

        weights = dict(saved.model.state_dict())
        weights["logit_scale"] = weights["logit_scale"] + 1e-3
        torch.save(weights, tmp_path / "changed.pt")
        changed = TorchOpenClip(f"{ARCHITECTURE}//{tmp_path / 'changed.pt'}")
        assert changed.spec.key != TorchOpenClip(saved.name).spec.key

    def test_other_preprocessing_has_another_key(self, saved: Saved, pretend_tag: str) -> None:
        assert TorchOpenClip(pretend_tag).spec.key != TorchOpenClip(saved.name).spec.key

    def test_source_of_known_weights_is_their_page(self, saved: Saved) -> None:
        from photoseek.library.embedders.openclip.model_source import parse, source_of

        page = "https://huggingface.co/laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
        assert source_of(parse("ViT-B-32/laion2b_s34b_b79k"), saved.open_clip) == page


class TestChoices:
    @pytest.mark.parametrize(
        ("wanted", "has_cuda", "chosen"),
        [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda:1", True, "cuda:1")],
    )
    def test_device(self, wanted: str, has_cuda: bool, chosen: str) -> None:
        assert choose_device(wanted, has_cuda=has_cuda) == chosen

    @pytest.mark.parametrize(
        ("wanted", "device", "capability_major", "chosen"),
        [
            ("auto", "cuda", 9, "bf16"),
            ("auto", "cuda:1", 8, "bf16"),
            ("auto", "cuda", 7, "fp16"),
            ("auto", "cpu", 0, "fp32"),
            ("auto", "mps", 0, "fp32"),
            ("fp32", "cuda", 9, "fp32"),
            ("fp16", "cuda", 9, "fp16"),
        ],
    )
    def test_precision(self, wanted: str, device: str, capability_major: int, chosen: str) -> None:
        assert choose_precision(wanted, device, capability_major) == chosen


def test_loading_leaves_the_root_logger_alone(saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    TorchOpenClip(saved.name, CPU).embed_texts(["a cat"])
    assert logging.getLogger().handlers == []


def test_importing_the_module_imports_neither_torch_nor_open_clip() -> None:
    code = (
        "import sys; from photoseek.library.embedders.openclip.torch_model import TorchOpenClip;"
        "TorchOpenClip('RN50/openai');"
        "print([m for m in ('torch', 'open_clip', 'huggingface_hub') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_compiling_is_asked_of_torch_for_the_image_tower(
    saved: Saved, pictures: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []

    def remember(function: object) -> object:
        compiled.append(getattr(function, "__name__", ""))
        return function

    monkeypatch.setattr("torch.compile", remember)
    ours = our_images(TorchOpenClip(saved.name, OpenClipOptions("cpu", compile=True)), pictures)
    assert compiled == ["encode_image"]
    assert cosines(ours, their_images(saved, pictures)).min() >= 0.9999
