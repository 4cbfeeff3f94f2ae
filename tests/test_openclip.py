"""Our open_clip embedder against open_clip itself, on models with random weights saved to disk."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from photoseek.library.embedders.base import normalized
from photoseek.library.embedders.openclip import OpenClipEmbedder, OpenClipOptions, choose_device, choose_precision
from photoseek.library.errors import EmbedderError, ModelUnavailable, UnknownModel
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


def our_images(embedder: OpenClipEmbedder, pictures: Sequence[Image.Image]) -> Vectors:
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


class TestEqualToOpenClip:
    def test_images(self, saved: Saved, pictures: list[Image.Image]) -> None:
        ours = our_images(OpenClipEmbedder(saved.name, CPU), pictures)
        assert cosines(ours, their_images(saved, pictures)).min() >= 0.9999

    def test_texts(self, saved: Saved) -> None:
        ours = OpenClipEmbedder(saved.name, CPU).embed_texts(TEXTS)
        assert cosines(ours, their_texts(saved, TEXTS)).min() >= 0.9999

    def test_the_weights_are_those_of_the_file_and_tell_pictures_apart(
        self, saved: Saved, pictures: list[Image.Image]
    ) -> None:
        ours = our_images(OpenClipEmbedder(saved.name, CPU), pictures[:4])
        assert (ours @ ours.T - np.eye(4)).max() < 0.999

    def test_preprocessing_of_a_tag(self, saved: Saved, pictures: list[Image.Image], pretend_tag: str) -> None:
        ours = our_images(OpenClipEmbedder(pretend_tag, CPU), pictures)
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
        ours = OpenClipEmbedder(name, CPU)
        theirs = normalized(
            np.concatenate([saved.model.encode_image(preprocess(p).unsqueeze(0)).detach().numpy() for p in pictures])
        )
        assert cosines(our_images(ours, pictures), theirs).min() >= 0.9999

    def test_batch_equals_one_by_one(self, saved: Saved, pictures: list[Image.Image]) -> None:
        embedder = OpenClipEmbedder(saved.name, CPU)
        singly = np.concatenate([our_images(embedder, [picture]) for picture in pictures])
        np.testing.assert_allclose(our_images(embedder, pictures), singly, atol=1e-5)

    def test_activation_is_the_one_the_weights_were_trained_with(
        self, saved: Saved, pictures: list[Image.Image], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tag = {"file": str(saved.checkpoint), "quick_gelu": True}
        monkeypatch.setitem(saved.open_clip.pretrained._PRETRAINED, ARCHITECTURE, {"quick": tag})
        quick = OpenClipEmbedder(f"{ARCHITECTURE}/quick", CPU)
        theirs = their_images(saved, pictures, QUICK_ARCHITECTURE)
        assert cosines(our_images(quick, pictures), theirs).min() >= 0.9999
        assert quick.spec.key != OpenClipEmbedder(saved.name).spec.key

    @pytest.mark.parametrize("precision", ["bf16", "fp16"])
    def test_half_precision_stays_close(self, saved: Saved, pictures: list[Image.Image], precision: str) -> None:
        half = OpenClipEmbedder(saved.name, OpenClipOptions("cpu", precision))
        assert cosines(our_images(half, pictures), their_images(saved, pictures)).min() >= 0.999
        assert cosines(half.embed_texts(TEXTS), their_texts(saved, TEXTS)).min() >= 0.999


class TestPixels:
    def test_shape_and_type(self, saved: Saved, pictures: list[Image.Image]) -> None:
        pixels = OpenClipEmbedder(saved.name).preprocess(pictures[0])
        assert pixels.shape == (64, 64, 3)
        assert pixels.dtype == np.uint8

    def test_many_threads_agree_with_one(self, saved: Saved, pictures: list[Image.Image]) -> None:
        alone = [OpenClipEmbedder(saved.name).preprocess(picture) for picture in pictures]
        shared = OpenClipEmbedder(saved.name)
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(shared.preprocess, pictures * 8))
        for index, pixels in enumerate(together):
            np.testing.assert_array_equal(pixels, alone[index % len(pictures)])

    def test_weights_are_not_needed(self, saved: Saved, pictures: list[Image.Image], tmp_path: Path) -> None:
        without = OpenClipEmbedder(f"{ARCHITECTURE}//{tmp_path / 'absent.pt'}")
        with_weights = OpenClipEmbedder(saved.name)
        np.testing.assert_array_equal(without.preprocess(pictures[0]), with_weights.preprocess(pictures[0]))

    def test_read_only_pixels_are_fine(self, saved: Saved, pictures: list[Image.Image]) -> None:
        embedder = OpenClipEmbedder(saved.name, CPU)
        pixels = embedder.preprocess(pictures[0])[np.newaxis]
        expected = embedder.embed_images(pixels)
        pixels.setflags(write=False)
        np.testing.assert_array_equal(embedder.embed_images(pixels), expected)

    def test_nothing_in_nothing_out(self, saved: Saved) -> None:
        embedder = OpenClipEmbedder(saved.name, CPU)
        assert embedder.embed_images(np.empty((0, 64, 64, 3), np.uint8)).shape == (0, 48)
        assert embedder.embed_texts([]).shape == (0, 48)


class TestTexts:
    def test_long_text_is_split_not_cut(self, saved: Saved, caplog: pytest.LogCaptureFixture) -> None:
        embedder = OpenClipEmbedder(saved.name, CPU)
        with caplog.at_level(logging.WARNING, "photoseek"):
            (ours,) = embedder.embed_texts([LONG_TEXT])
        (cut,) = their_texts(saved, [LONG_TEXT])
        assert float(ours @ cut) < 0.9999
        assert "limit of 77 tokens" in caplog.text
        (other_end,) = embedder.embed_texts([LONG_TEXT.replace("A cat watches", "A bear hunts")])
        assert float(ours @ other_end) < 0.99999

    def test_text_of_exactly_the_limit_is_left_whole(self, saved: Saved, caplog: pytest.LogCaptureFixture) -> None:
        text = " ".join(["cat"] * 75)
        ours = OpenClipEmbedder(saved.name, CPU).embed_texts([text])
        assert cosines(ours, their_texts(saved, [text])).min() >= 0.9999
        assert not caplog.records

    def test_many_texts_equal_few(self, saved: Saved) -> None:
        embedder = OpenClipEmbedder(saved.name, CPU)
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

        embedder = OpenClipEmbedder(name, CPU)
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
        spec = OpenClipEmbedder(saved.name).spec
        assert (spec.dim, spec.image_size, spec.text_limit, spec.templates) == (48, 64, 77, "photo")
        assert spec.source == str(saved.checkpoint)
        assert spec.key.startswith(f"{ARCHITECTURE}-w")

    def test_a_moved_file_keeps_its_key(self, saved: Saved, tmp_path: Path) -> None:
        (tmp_path / "copy.pt").write_bytes(saved.checkpoint.read_bytes())
        copy = OpenClipEmbedder(f"{ARCHITECTURE}//{tmp_path / 'copy.pt'}")
        assert copy.spec.key == OpenClipEmbedder(saved.name).spec.key

    def test_other_weights_have_another_key(self, saved: Saved, tmp_path: Path) -> None:
        import torch

        weights = dict(saved.model.state_dict())
        weights["logit_scale"] = weights["logit_scale"] + 1e-3
        torch.save(weights, tmp_path / "changed.pt")
        changed = OpenClipEmbedder(f"{ARCHITECTURE}//{tmp_path / 'changed.pt'}")
        assert changed.spec.key != OpenClipEmbedder(saved.name).spec.key

    def test_other_preprocessing_has_another_key(self, saved: Saved, pretend_tag: str) -> None:
        assert OpenClipEmbedder(pretend_tag).spec.key != OpenClipEmbedder(saved.name).spec.key

    def test_source_of_known_weights_is_their_page(self, saved: Saved) -> None:
        from photoseek.library.embedders.openclip_files import source_of
        from photoseek.library.embedders.openclip_name import parse

        page = "https://huggingface.co/laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
        assert source_of(parse("ViT-B-32/laion2b_s34b_b79k"), saved.open_clip) == page


class TestHub:
    NAME = "ViT-B-32/laion2b_s34b_b79k"

    def test_offline_by_choice_says_so(
        self, empty_hub_cache: Path, hub_attempts: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(ModelUnavailable) as caught:
            _ = OpenClipEmbedder(self.NAME).spec
        assert "HF_HUB_OFFLINE forbids" in one_line_of(caught.value)
        assert "ARCHITECTURE//FILE" in str(caught.value)
        assert hub_attempts == []

    @pytest.mark.parametrize("name", [NAME, "hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K"])
    def test_unreachable_hub_is_tried_once_and_says_what_to_do(self, hub_attempts: list[str], name: str) -> None:
        from huggingface_hub import constants

        with pytest.raises(ModelUnavailable) as caught:
            _ = OpenClipEmbedder(name).spec
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
            _ = OpenClipEmbedder("hf-hub:nobody/nothing").spec
        assert "401 Client Error" in one_line_of(caught.value)

    def test_cached_repository_needs_no_network(
        self, saved: Saved, pictures: list[Image.Image], empty_hub_cache: Path, hub_attempts: list[str]
    ) -> None:
        repository, commit = empty_hub_cache / "models--some--model", "0123456789abcdef0123456789abcdef01234567"
        save_folder(saved, repository / "snapshots" / commit, CONFIG, {"resize_mode": "squash"})
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text(commit)
        embedder = OpenClipEmbedder("hf-hub:some/model", CPU)
        assert embedder.spec.source == "https://huggingface.co/some/model"
        assert our_images(embedder, pictures).shape == (6, 48)
        assert cosines(embedder.embed_texts(TEXTS), their_texts(saved, TEXTS)).min() >= 0.9999
        assert hub_attempts == []


class TestErrors:
    def test_misspelt_architecture_is_answered_with_close_ones(self, saved: Saved) -> None:
        with pytest.raises(UnknownModel) as caught:
            _ = OpenClipEmbedder("ViT-B32/laion2b_s34b_b79k").spec
        assert "did you mean ViT-B-32/laion2b_s34b_b79k" in one_line_of(caught.value)

    def test_unknown_tag_is_answered_with_the_tags_there_are(self, saved: Saved) -> None:
        with pytest.raises(UnknownModel) as caught:
            _ = OpenClipEmbedder("ViT-B-32/laion3b").spec
        assert "laion2b_s34b_b79k" in one_line_of(caught.value)

    def test_unlike_anything_is_answered_without_a_guess(self, saved: Saved) -> None:
        with pytest.raises(UnknownModel, match="no such architecture; open_clip"):
            _ = OpenClipEmbedder("\u1234\u1235/\u1236").spec

    def test_missing_checkpoint_is_named(self, saved: Saved, tmp_path: Path) -> None:
        with pytest.raises(ModelUnavailable) as caught:
            _ = OpenClipEmbedder(f"{ARCHITECTURE}//{tmp_path}/no.pt").spec
        assert f"there is no file {tmp_path}/no.pt" in one_line_of(caught.value)

    def test_checkpoint_of_another_architecture(self, saved: Saved) -> None:
        with pytest.raises(ModelUnavailable) as caught:
            OpenClipEmbedder(f"ViT-S-32-alt//{saved.checkpoint}", CPU).embed_texts(["a cat"])
        assert "name the architecture it was trained with" in one_line_of(caught.value)

    @pytest.mark.parametrize("content", [b"", b"\x80\x02]q\x00.", b"PK\x03\x04garbage", b"not a checkpoint"])
    @pytest.mark.parametrize("ending", [".pt", ".safetensors", ".npz"])
    def test_checkpoint_of_arbitrary_bytes(self, saved: Saved, tmp_path: Path, content: bytes, ending: str) -> None:
        path = tmp_path / f"broken{ending}"
        path.write_bytes(content)
        with pytest.raises(ModelUnavailable) as caught:
            OpenClipEmbedder(f"{ARCHITECTURE}//{path}", CPU).embed_texts(["a cat"])
        assert str(path) in one_line_of(caught.value)

    @pytest.mark.parametrize("config", ["", "[]", "{}", '{"model_cfg": {}}', '{"model_cfg": 3}'])
    def test_folder_without_a_sound_configuration(self, saved: Saved, tmp_path: Path, config: str) -> None:
        (tmp_path / "open_clip_config.json").write_text(config)
        with pytest.raises(ModelUnavailable) as caught:
            _ = OpenClipEmbedder(f"local-dir:{tmp_path}").spec
        assert "configuration" in one_line_of(caught.value)

    def test_folder_without_weights(self, saved: Saved, tmp_path: Path) -> None:
        (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG}))
        with pytest.raises(ModelUnavailable, match="holds no weights"):
            _ = OpenClipEmbedder(f"local-dir:{tmp_path}").spec

    def test_input_that_is_not_square(self, saved: Saved, tmp_path: Path) -> None:
        vision_cfg = VISION | {"image_size": [64, 32]}
        save_folder(saved, tmp_path / "model", CONFIG | {"vision_cfg": vision_cfg}, {})
        with pytest.raises(ModelUnavailable, match="not square"):
            _ = OpenClipEmbedder(f"local-dir:{tmp_path / 'model'}").spec

    def test_open_clip_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "open_clip", None)
        with pytest.raises(ModelUnavailable, match=r"pip install 'photoseek\[clip\]'"):
            _ = OpenClipEmbedder("ViT-B-32/openai").spec

    def test_cuda_asked_for_where_there_is_none(self, saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
        with pytest.raises(ModelUnavailable, match="finds no CUDA device; use device cpu"):
            OpenClipEmbedder(saved.name, OpenClipOptions("cuda")).embed_texts(["a cat"])

    @pytest.mark.parametrize("options", [OpenClipOptions("abacus"), OpenClipOptions("cpu", "fp7")])
    def test_option_that_makes_no_sense(self, saved: Saved, options: OpenClipOptions) -> None:
        with pytest.raises(ModelUnavailable, match=r"abacus|fp7"):
            OpenClipEmbedder(saved.name, options).embed_texts(["a cat"])

    def test_overflow_in_half_precision_is_no_vector(self, saved: Saved, tmp_path: Path) -> None:
        import torch

        weights = dict(saved.model.state_dict())
        weights["text_projection"] = weights["text_projection"] * 1e8
        torch.save(weights, tmp_path / "huge.pt")
        name = f"{ARCHITECTURE}//{tmp_path / 'huge.pt'}"
        with pytest.raises(ModelUnavailable, match="overflow in fp16; run it in fp32"):
            OpenClipEmbedder(name, OpenClipOptions("cpu", "fp16")).embed_texts(["a cat"])
        assert np.isfinite(OpenClipEmbedder(name, CPU).embed_texts(["a cat"])).all()


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
    OpenClipEmbedder(saved.name, CPU).embed_texts(["a cat"])
    assert logging.getLogger().handlers == []


def test_importing_the_module_imports_neither_torch_nor_open_clip() -> None:
    code = (
        "import sys; from photoseek.library.embedders.openclip import OpenClipEmbedder;"
        "OpenClipEmbedder('RN50/openai');"
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
    ours = our_images(OpenClipEmbedder(saved.name, OpenClipOptions("cpu", compile=True)), pictures)
    assert compiled == ["encode_image"]
    assert cosines(ours, their_images(saved, pictures)).min() >= 0.9999
