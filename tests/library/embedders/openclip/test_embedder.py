"""open_clip models exported to ONNX: against the same model in torch, on random weights saved to disk."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import metadata
from io import BufferedReader
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photoseek.library.embedders.openclip import export
from photoseek.library.embedders.openclip.embedder import OpenClipEmbedder
from photoseek.library.embedders.openclip.model_source import OpenClipName
from photoseek.library.embedders.openclip.onnx_model import FORMAT, OnnxEmbedder, installed_open_clip, read_manifest
from photoseek.library.embedders.openclip.torch_model import OpenClipOptions, TorchOpenClip
from photoseek.library.errors import ModelUnavailable, UnknownModel
from photoseek.library.types import Pixels, Vectors

VISION: dict[str, object] = {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16}
TEXT: dict[str, object] = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
CONFIG: dict[str, object] = {"embed_dim": 48, "vision_cfg": VISION, "text_cfg": TEXT}
VARIANTS: dict[str, dict[str, object]] = {
    "plain": CONFIG,
    "quick": CONFIG | {"quick_gelu": True},
    "average": CONFIG | {"vision_cfg": VISION | {"pool_type": "avg"}},
    "custom-text": CONFIG | {"custom_text": True},
    "whole-context": CONFIG | {"custom_text": True, "text_cfg": TEXT | {"no_causal_mask": True, "pool_type": "last"}},
    "convolutions": CONFIG | {"vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 32}},
}
TEXTS = ["a cat", "an astronaut in front of a flag", "Кофе ☕ & cake", "", "a dog " * 60]
CPU = OpenClipOptions("cpu", "fp32")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models as open_clip saves them, one for each variant."""
    open_clip = pytest.importorskip("open_clip", reason="open_clip is not installed: pip install 'photoseek[clip]'")
    pytest.importorskip("onnx", reason="onnx is not installed: pip install 'photoseek[clip]'")
    import torch

    root = tmp_path_factory.mktemp("models")
    for name, config in VARIANTS.items():
        folder = root / name
        folder.mkdir()
        (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
        torch.manual_seed(7)
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
        torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    return root


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbid what only an export needs."""

    def refuse(*_: object) -> None:
        raise AssertionError("torch was asked for")

    monkeypatch.setattr(TorchOpenClip, "load", refuse)
    monkeypatch.setattr(TorchOpenClip, "recipe", refuse)


def name_of(models: Path, variant: str = "plain") -> str:
    return f"local-dir:{models / variant}"


def pixels() -> Pixels:
    generator = np.random.default_rng(3)
    smooth = np.asarray(Image.fromarray(generator.integers(0, 256, (4, 4, 3), np.uint8)).resize((64, 64)))
    return np.stack([smooth, *generator.integers(0, 256, (18, 64, 64, 3), np.uint8)])


def cosines(ours: Vectors, theirs: Vectors) -> Vectors:
    assert ours.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, rtol=1e-5)
    products: Vectors = np.sum(ours * theirs, axis=1)
    return products


def backend(embedder: OpenClipEmbedder) -> object:
    return embedder._chosen()


class TestEqualToTorch:
    @pytest.mark.parametrize("variant", VARIANTS)
    def test_every_kind_of_model(self, models: Path, shared_cache: Path, variant: str) -> None:
        ours, theirs = (
            OpenClipEmbedder(name_of(models, variant), shared_cache),
            TorchOpenClip(name_of(models, variant), CPU),
        )
        assert isinstance(backend(ours), OnnxEmbedder)
        assert cosines(ours.embed_images(pixels()), theirs.embed_images(pixels())).min() >= 0.9999
        assert cosines(ours.embed_texts(TEXTS), theirs.embed_texts(TEXTS)).min() >= 0.9999

    def test_identity_is_that_of_the_model_in_torch(self, models: Path, shared_cache: Path) -> None:
        ours = OpenClipEmbedder(name_of(models), shared_cache)
        assert ours.spec == TorchOpenClip(name_of(models), CPU).spec

    def test_preprocessing(self, models: Path, shared_cache: Path) -> None:
        ours, theirs = OpenClipEmbedder(name_of(models), shared_cache), TorchOpenClip(name_of(models), CPU)
        picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 130, 3), np.uint8))
        np.testing.assert_array_equal(ours.preprocess(picture), theirs.preprocess(picture))
        np.testing.assert_array_equal(ours.preprocessing(picture), theirs.preprocess(picture))

    def test_order_and_batch_do_not_matter(self, models: Path, shared_cache: Path) -> None:
        ours = OpenClipEmbedder(name_of(models), shared_cache)
        texts = [f"{'word ' * (number % 7)}{number}" for number in range(70)]
        singly = np.concatenate([ours.embed_texts([text]) for text in texts])
        np.testing.assert_allclose(ours.embed_texts(texts), singly, atol=1e-5)
        one_by_one = np.concatenate([ours.embed_images(each[np.newaxis]) for each in pixels()])
        np.testing.assert_allclose(ours.embed_images(pixels()), one_by_one, atol=1e-5)

    def test_nothing_in_nothing_out(self, models: Path, shared_cache: Path) -> None:
        ours = OpenClipEmbedder(name_of(models), shared_cache)
        assert ours.embed_images(np.empty((0, 64, 64, 3), np.uint8)).shape == (0, 48)
        assert ours.embed_texts([]).shape == (0, 48)

    def test_the_model_in_torch_is_left_as_it_was(self, models: Path, cache: Path) -> None:
        theirs = TorchOpenClip(name_of(models), CPU)
        before = theirs.embed_images(pixels())
        export.export(OpenClipName("x"), theirs, "fp32", cache / "x")
        np.testing.assert_array_equal(theirs.embed_images(pixels()), before)


class TestInt8:
    def test_stays_close_in_a_space_of_its_own(self, models: Path, shared_cache: Path) -> None:
        ours, theirs = (
            OpenClipEmbedder(f"{name_of(models)}@int8", shared_cache),
            TorchOpenClip(name_of(models), CPU),
        )
        assert isinstance(backend(ours), OnnxEmbedder)
        assert ours.spec == replace(theirs.spec, key=f"{theirs.spec.key}-int8", name=f"{theirs.spec.name}@int8")
        assert 0.99 <= cosines(ours.embed_images(pixels()), theirs.embed_images(pixels())).mean() < 1
        assert 0.99 <= cosines(ours.embed_texts(TEXTS), theirs.embed_texts(TEXTS)).mean() < 1

    def test_neighbours_do_not_matter(self, models: Path, shared_cache: Path) -> None:
        ours = OpenClipEmbedder(f"{name_of(models)}@int8", shared_cache)
        together = ours.embed_images(pixels())
        np.testing.assert_allclose(ours.embed_images(pixels()[5:6])[0], together[5], atol=1e-6)
        np.testing.assert_allclose(ours.embed_texts(TEXTS)[1], ours.embed_texts(TEXTS[1:2])[0], atol=1e-6)


class TestCache:
    def test_second_use_needs_no_torch(self, models: Path, shared_cache: Path, no_torch: None) -> None:
        ours = OpenClipEmbedder(name_of(models), shared_cache)
        assert ours.embed_texts(TEXTS).shape == (5, 48)
        assert ours.embed_images(pixels()).shape == (19, 48)

    # Weights of the right size are believed: hashing them would slow every query down.
    @pytest.mark.parametrize(
        ("file", "harm"),
        [
            *product(("manifest.json", "text.onnx", "tokenizer.json"), ("truncated", "removed", "scrambled")),
            *product(("image.weights",), ("truncated", "removed")),
        ],
    )
    def test_damaged_export_is_made_again(
        self, models: Path, tmp_path_factory: pytest.TempPathFactory, file: str, harm: str
    ) -> None:
        cache = tmp_path_factory.mktemp("damaged")
        first = OpenClipEmbedder(name_of(models), cache)
        expected = first.embed_texts(TEXTS), first.embed_images(pixels())
        (path,) = cache.glob(f"*/{file}")
        content = path.read_bytes()
        if harm == "removed":
            path.unlink()
        else:
            path.write_bytes(content[:-9] if harm == "truncated" else b"#" * len(content))
        again = OpenClipEmbedder(name_of(models), cache)
        np.testing.assert_array_equal(again.embed_texts(TEXTS), expected[0])
        np.testing.assert_array_equal(again.embed_images(pixels()), expected[1])
        assert isinstance(backend(again), OnnxEmbedder)
        assert not [left for left in cache.iterdir() if left.suffix not in {"", ".lock"}]

    def test_weights_that_were_touched_are_summed_again_and_others_are_not(
        self, models: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache = tmp_path_factory.mktemp("summed")
        OpenClipEmbedder(name_of(models), cache).embed_images(pixels())
        summed: list[str] = []
        digest = hashlib.file_digest

        def counted(stream: BufferedReader, name: str) -> object:
            summed.append(Path(stream.name).name)
            return digest(stream, name)

        monkeypatch.setattr(hashlib, "file_digest", counted)
        OpenClipEmbedder(name_of(models), cache).embed_images(pixels())
        assert summed == []
        (path,) = cache.glob("*/image.weights")
        os.utime(path)
        OpenClipEmbedder(name_of(models), cache).embed_images(pixels())
        assert summed == ["image.weights"]

    def test_other_weights_under_the_same_name_are_exported_again(self, models: Path, tmp_path: Path) -> None:
        import shutil

        import torch

        folder = shutil.copytree(models / "plain", tmp_path / "model")
        before = OpenClipEmbedder(f"local-dir:{folder}", tmp_path / "cache")
        old_key, old = before.spec.key, before.embed_texts(TEXTS)
        weights = torch.load(folder / "open_clip_pytorch_model.bin")
        weights["text_projection"] = weights["text_projection"].flip(0)
        torch.save(weights, folder / "open_clip_pytorch_model.bin")
        os.utime(folder / "open_clip_pytorch_model.bin", ns=(1, 1))
        after = OpenClipEmbedder(f"local-dir:{folder}", tmp_path / "cache")
        assert after.spec.key != old_key
        assert cosines(after.embed_texts(TEXTS), old).min() < 0.9

    def test_another_open_clip_is_exported_again(
        self, models: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _ = OpenClipEmbedder(name_of(models), shared_cache).spec
        (folder,) = [
            path.parent for path in shared_cache.glob("*/manifest.json") if name_of(models) in path.read_text()
        ][:1]
        manifest = read_manifest(folder)
        assert manifest is not None
        assert manifest.is_current(folder, manifest.open_clip)
        assert manifest.is_current(folder, None)
        assert not manifest.is_current(folder, "99.0")
        assert not replace(manifest, format=FORMAT + 1).is_current(folder, None)

    def test_exporters_at_the_same_time_make_one_export(
        self, models: Path, cache: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        embedders = [OpenClipEmbedder(name_of(models), cache) for _ in range(4)]
        with caplog.at_level(logging.WARNING, "photoseek"), ThreadPoolExecutor(4) as pool:
            vectors = list(pool.map(lambda embedder: embedder.embed_texts(TEXTS), embedders))
        for each in vectors:
            np.testing.assert_array_equal(each, vectors[0])
        assert caplog.text.count("preparing") == 1

    def test_checkpoint_that_has_gone_is_named(self, models: Path, cache: Path) -> None:
        with pytest.raises(ModelUnavailable, match="there is no file"):
            _ = OpenClipEmbedder(f"ViT-B-32//{models}/gone.pt", cache).spec
        assert not cache.exists()

    def test_wrong_name_leaves_no_trace(self, models: Path, cache: Path) -> None:
        with pytest.raises(UnknownModel, match="did you mean"):
            _ = OpenClipEmbedder("ViT-B32/laion2b_s34b_b79k@int8", cache).spec
        assert not cache.exists()


class TestFallback:
    def test_failed_check_falls_back_to_torch_with_a_note_once(
        self, models: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setitem(export.LEAST_COSINE, "int8", 1.1)
        ours = OpenClipEmbedder(f"{name_of(models)}@int8", cache)
        with caplog.at_level(logging.WARNING, "photoseek"):
            vectors = ours.embed_texts(TEXTS)
        assert "runs in torch, more slowly: its images' vectors in int8 differ from torch's (cosine" in caplog.text
        in_torch = TorchOpenClip(name_of(models), CPU)
        np.testing.assert_array_equal(vectors, in_torch.embed_texts(TEXTS))
        assert ours.spec.key == in_torch.spec.key
        caplog.clear()
        assert isinstance(backend(OpenClipEmbedder(f"{name_of(models)}@int8", cache)), TorchOpenClip)
        assert not caplog.records
        assert sorted(path.name for path in cache.glob("*/*")) == ["manifest.json", "verified.json"]  # and no graph

    def test_tokenizer_of_an_unknown_kind(
        self, models: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(export, "tokenizer_of", lambda _: None)
        assert isinstance(backend(OpenClipEmbedder(name_of(models), cache)), TorchOpenClip)
        assert "its tokenizer is of a kind that only open_clip can run" in caplog.text

    def test_cache_that_cannot_be_written(self, models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        (tmp_path / "file").touch()
        ours = OpenClipEmbedder(name_of(models), tmp_path / "file" / "cache")
        assert ours.embed_texts(["a cat"]).shape == (1, 48)
        assert "it cannot be kept in" in caplog.text


def test_cold_search_imports_neither_torch_nor_open_clip(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import photoseek

    monkeypatch.setenv("PHOTOSEEK_CACHE", str(tmp_path / "cache"))
    (tmp_path / "photos").mkdir()
    for number, colour in enumerate(("red", "green", "blue")):
        Image.new("RGB", (90, 70), colour).save(tmp_path / "photos" / f"{number}.png")
    with photoseek.open(tmp_path / "library", model=name_of(models)) as library:
        assert library.index(tmp_path / "photos").new == 3
        expected = [hit.image.path.name for hit in library.search("a red thing")]
    hits, imported = cold_search(["a red thing", "--library", str(tmp_path / "library")])
    assert [Path(str(hit["path"])).name for hit in hits] == expected
    assert imported == []


def cold_search(arguments: Sequence[str]) -> tuple[list[dict[str, object]], list[str]]:
    """Run the command line in a fresh process; return its answer and which heavy packages it imported."""
    code = (
        "import atexit, sys; heavy = ('torch', 'torchvision', 'open_clip', 'transformers', 'onnx');"
        "atexit.register(lambda: print(*(name for name in heavy if name in sys.modules), file=sys.stderr));"
        f"sys.argv = ['photoseek', 'search', '--json', *{list(arguments)!r}];"
        "from photoseek.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    answer: list[dict[str, object]] = json.loads(done.stdout)
    return answer, done.stderr.split()


def test_open_clips_version_is_told_without_importing_it() -> None:
    assert installed_open_clip() == next(
        (found.version for found in metadata.distributions(name="open_clip_torch")), None
    )
