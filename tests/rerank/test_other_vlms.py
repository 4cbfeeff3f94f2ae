"""Families of models other than LLaVA-1.5: what differs between them must not differ in what is asked of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photoseek.tests.support.tiny_families import FAMILIES, save_family

import transformers  # isort: skip

from photoseek.rerank.answers import LONGEST_CAPTION
from photoseek.rerank.base import CaptionStyle
from photoseek.rerank.device import RunOptions
from photoseek.rerank.llava import LlavaModel


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_family(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def model(folder: Path) -> LlavaModel:
    return LlavaModel(str(folder), RunOptions(device="cpu", batch_size=3))


def pictures() -> list[Image.Image]:
    """Of shapes for which these families make different numbers of tokens, so that batches need padding."""
    random = np.random.default_rng(3)
    return [Image.fromarray(random.integers(0, 255, (height, 40, 3), dtype=np.uint8)) for height in (20, 40, 90)]


def test_a_batch_of_all_shapes_answers_as_its_images_do_one_by_one(model: LlavaModel) -> None:
    images = pictures()
    together = [answer.probability for answer in model.judge(images, "a dog")]
    assert together == pytest.approx([model.judge([image], "a dog")[0].probability for image in images], rel=1e-3)
    assert len({round(probability, 5) for probability in together}) == 3


def test_questions_of_different_lengths_are_padded_on_the_left(model: LlavaModel) -> None:
    images, prompts = pictures(), ["What?", "Who, or what, is in the two pictures?", "Is there a dog?"]
    together = model.first_logits(images, prompts)
    alone = [model.first_logits([image], [prompt])[0] for image, prompt in zip(images, prompts, strict=True)]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-3)


def test_another_question_about_the_same_images_is_answered_as_by_a_fresh_model(
    model: LlavaModel, folder: Path
) -> None:
    images = pictures()
    model.judge(images, "a dog")
    again = [answer.probability for answer in model.judge(images, "a cat")]
    fresh = LlavaModel(str(folder), RunOptions(device="cpu", batch_size=3)).judge(images, "a cat")
    assert again == pytest.approx([answer.probability for answer in fresh], rel=1e-4)


def test_captions_and_answers_are_bounded_words_without_marks(model: LlavaModel) -> None:
    captions = [*model.caption(pictures(), CaptionStyle()), model.ask(pictures()[0], "What is it?")]
    assert len(captions) == 4
    assert all(len(caption) <= LONGEST_CAPTION for caption in captions[:3])
    assert not any(mark in caption for caption in captions for mark in ("<image>", "<|image_pad|>", "USER:"))


def test_a_model_without_chat_is_asked_in_its_own_way(tmp_path: Path) -> None:
    folder = save_family("paligemma", tmp_path)
    processor = transformers.AutoProcessor.from_pretrained(folder)
    image = pictures()[0]
    inputs = processor(images=[image], text=["<image>answer en Is it red?"], return_tensors="pt")
    inputs.pop("labels", None)
    model = transformers.PaliGemmaForConditionalGeneration.from_pretrained(folder).eval()
    expected = model(**inputs).logits[0, -1].detach().float().numpy()
    ours = LlavaModel(str(folder), RunOptions(device="cpu")).first_logits([image], ["Is it red?"])[0]
    np.testing.assert_allclose(ours, expected, atol=1e-4)
