"""BLIP and BLIP-2: real models of a few thousand parameters, judged by transformers' own forward passes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photoseek.tests.support.tiny_blips import WORDS, tiny_blip2_judge, tiny_blip_captioner, tiny_blip_judge  # it skips

import torch  # isort: skip
import transformers  # isort: skip

from photoseek.library.errors import ModelUnavailable, QueryError, UnknownModel
from photoseek.rerank.base import Captioner, CaptionStyle, VisionLanguageModel
from photoseek.rerank.blip import BlipCaptioner, BlipJudge
from photoseek.rerank.device import RunOptions
from photoseek.rerank.registry import load_captioner, load_judge, load_vlm

CPU = RunOptions(device="cpu", batch_size=2)


@pytest.fixture(scope="module")
def judge_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_blip_judge(tmp_path_factory.mktemp("judge"))


@pytest.fixture(scope="module")
def second_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_blip2_judge(tmp_path_factory.mktemp("second"))


@pytest.fixture(scope="module")
def captioner_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_blip_captioner(tmp_path_factory.mktemp("captioner"))


def noise(count: int) -> list[Image.Image]:
    random = np.random.default_rng(5)
    return [Image.fromarray(random.integers(0, 255, (30, 40, 3), dtype=np.uint8)) for _ in range(count)]


def test_the_probability_is_that_of_the_matching_head(judge_folder: Path) -> None:
    images, query = noise(3), "a red car on the beach"
    model = transformers.BlipForImageTextRetrieval.from_pretrained(judge_folder).eval()
    processor = transformers.AutoProcessor.from_pretrained(judge_folder)
    with torch.no_grad():
        inputs = processor(images=images, text=[query] * 3, return_tensors="pt")
        expected = model(**inputs).itm_score.softmax(-1)[:, 1].tolist()
    answers = BlipJudge(str(judge_folder), CPU).judge(images, query)
    assert [answer.probability for answer in answers] == pytest.approx(expected, rel=1e-4)
    assert len(set(expected)) == 3
    assert {answer.mass for answer in answers} == {None}


def test_the_probability_of_blip_2_is_that_of_its_matching_head(second_folder: Path) -> None:
    images, query = noise(3), "two dog of cat"
    model = transformers.Blip2ForImageTextRetrieval.from_pretrained(second_folder).eval()
    processor = transformers.AutoProcessor.from_pretrained(second_folder)
    with torch.no_grad():
        inputs = processor(images=images, text=[query] * 3, return_tensors="pt")
        expected = model(**inputs, use_image_text_matching_head=True).logits_per_image.softmax(-1)[:, 1].tolist()
    answers = BlipJudge(str(second_folder), CPU).judge(images, query)
    assert [answer.probability for answer in answers] == pytest.approx(expected, rel=1e-4)
    assert len(set(expected)) == 3


@pytest.mark.parametrize("which", ["judge_folder", "second_folder"])
def test_a_batch_answers_as_its_images_do_one_by_one(which: str, request: pytest.FixtureRequest) -> None:
    judge, images = BlipJudge(str(request.getfixturevalue(which)), CPU), noise(5)
    together = [answer.probability for answer in judge.judge(images, "a dog")]
    assert together == pytest.approx([judge.judge([image], "a dog")[0].probability for image in images], rel=1e-4)


def test_another_query_about_the_same_images_does_not_run_the_tower_again(
    judge_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, images = BlipJudge(str(judge_folder), CPU), noise(2)
    judge.judge(images, "a dog")
    fresh = BlipJudge(str(judge_folder), CPU).judge(images, "a cat")
    tower = judge._blip.loaded().model.vision_model
    with monkeypatch.context() as patched:
        patched.setattr(tower, "forward", lambda **_pixels: pytest.fail("the tower ran again"))
        assert judge.judge(images, "a cat") == fresh
    assert judge.judge(noise(4)[2:], "a cat") != fresh


def test_a_query_longer_than_the_model_reads_is_cut(judge_folder: Path) -> None:
    assert len(BlipJudge(str(judge_folder), CPU).judge(noise(1), "a dog on the beach " * 200)) == 1


def test_captions_are_those_that_the_model_generates(captioner_folder: Path) -> None:
    images = noise(3)
    model = transformers.BlipForConditionalGeneration.from_pretrained(captioner_folder).eval()
    processor = transformers.AutoProcessor.from_pretrained(captioner_folder)
    pixels = processor(images=images, return_tensors="pt").pixel_values
    with torch.no_grad():
        tokens = model.generate(pixel_values=pixels, max_new_tokens=40, do_sample=False)
    expected = [" ".join(text.split()) for text in processor.batch_decode(tokens, skip_special_tokens=True)]
    captions = BlipCaptioner(str(captioner_folder), CPU).caption(images, CaptionStyle())
    assert captions == expected
    assert all(set(caption.split()) <= set(WORDS) for caption in captions)


def test_a_captioner_writes_english_alone(captioner_folder: Path) -> None:
    captioner = BlipCaptioner(str(captioner_folder), CPU)
    assert len(captioner.caption(noise(1), CaptionStyle(language="en-GB"))) == 1
    with pytest.raises(QueryError, match="BLIP captions in English alone, not in 'de': use llava or a server"):
        captioner.caption(noise(1), CaptionStyle(language="de"))


def test_what_a_model_cannot_do_is_one_line(judge_folder: Path, captioner_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ModelUnavailable, match="it is BlipForConditionalGeneration, which does not judge; use one that"
    ):
        BlipJudge(str(captioner_folder)).judge(noise(1), "a dog")
    with pytest.raises(ModelUnavailable, match="it is BlipForImageTextRetrieval, which does not caption; use one that"):
        BlipCaptioner(str(judge_folder)).caption(noise(1), CaptionStyle())
    with pytest.raises(UnknownModel, match="BLIP judges and captions, and answers no questions; use llava or"):
        load_vlm("blip")
    with pytest.raises(ModelUnavailable, match="there is no such folder"):
        BlipJudge(str(tmp_path / "nothing")).spec  # noqa: B018


def test_the_key_names_model_revision_and_precision(judge_folder: Path) -> None:
    spec = BlipJudge(str(judge_folder), CPU).spec
    assert spec.key.startswith(f"{judge_folder}@")
    assert spec.key.endswith(":fp32")
    assert (spec.device, spec.batch_size, spec.prompt_version) == ("cpu", 2, "itm-1")


def test_abilities_are_told_apart(judge_folder: Path, captioner_folder: Path) -> None:
    judge, captioner = load_judge(f"blip:{judge_folder}"), load_captioner(f"blip:{captioner_folder}")
    assert not isinstance(judge, Captioner)
    assert isinstance(captioner, Captioner)
    assert not isinstance(captioner, VisionLanguageModel)
    assert len(judge.judge(noise(1), "a dog")) == 1
    assert len(captioner.caption(noise(1), CaptionStyle())) == 1
