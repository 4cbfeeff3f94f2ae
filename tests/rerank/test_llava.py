"""LLaVA: real models of a few thousand parameters, judged by hand computations from their own forward pass."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photoseek.tests.support.tiny_vlms import (  # before torch: it skips
    OTHER_CAPTION,
    RED_CAPTION,
    red_loving_vlm,
    tiny_llava,
)

import torch  # isort: skip
import transformers  # isort: skip

from photoseek.library.errors import ModelUnavailable, QueryError
from photoseek.rerank import device, llava
from photoseek.rerank.answers import LONGEST_CAPTION, answer_tokens
from photoseek.rerank.base import CaptionStyle, VisionLanguageModel
from photoseek.rerank.device import RunOptions, estimated_seconds, warn_of_slowness
from photoseek.rerank.image_input import resize_for_vlm
from photoseek.rerank.llava import LlavaModel

PROMPTS = [
    "What?",
    "Does this figure show a very long thing, with people in it? Please answer yes or no.",
    "Who is in it?",
]


@pytest.fixture(scope="module")
def random_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llava(tmp_path_factory.mktemp("llava"))


@pytest.fixture(scope="module")
def random_model(random_folder: Path) -> LlavaModel:
    return LlavaModel(str(random_folder), RunOptions(device="cpu", batch_size=2))


@pytest.fixture(scope="module")
def red_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return red_loving_vlm(tmp_path_factory.mktemp("red"))


@pytest.fixture(scope="module")
def red_model(red_folder: Path) -> LlavaModel:
    return LlavaModel(str(red_folder), RunOptions(device="cpu", batch_size=3))


def noise(count: int, size: tuple[int, int] = (40, 30)) -> list[Image.Image]:
    random = np.random.default_rng(3)
    return [Image.fromarray(random.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)) for _ in range(count)]


def by_hand(folder: Path, image: Image.Image, text: str) -> torch.Tensor:
    """The logits after `text`, its picture resized here and its ids fed without a processor's help."""
    model = transformers.LlavaForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    pixels = torch.from_numpy(np.array(image.resize((32, 32), Image.Resampling.BICUBIC))).permute(2, 0, 1)[None] / 255
    ids = tokenizer(text.replace("<image>", "<image>" * 16), return_tensors="pt").input_ids
    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=ids, pixel_values=pixels).logits[0, -1]
    return logits


def test_it_judges_captions_and_answers(red_model: LlavaModel) -> None:
    assert isinstance(red_model, VisionLanguageModel)


def test_red_pictures_get_a_yes_and_others_a_no_in_the_order_given(red_model: LlavaModel) -> None:
    colours = ["white", "red", "blue", "darkred", "orange", "black", "red"]
    answers = red_model.judge([Image.new("RGB", (50 + 9 * n, 40), name) for n, name in enumerate(colours)], "anything")
    assert [round(answer.probability) for answer in answers] == [0, 1, 0, 1, 0, 0, 1]
    assert all(answer.mass is not None and answer.mass > 0.99 for answer in answers)


def test_the_probability_is_that_of_the_logits_computed_by_hand(random_folder: Path, random_model: LlavaModel) -> None:
    image = noise(1)[0]
    text = 'USER: <image>\nDoes this figure show "a red car"? Please answer yes or no. ASSISTANT:'
    shares = by_hand(random_folder, image, text).double().softmax(0)
    vocabulary = transformers.AutoTokenizer.from_pretrained(random_folder).get_vocab()
    yes, no = ({vocabulary[s] for s in vocabulary if s.lstrip("Ġ").lower() == word} for word in ("yes", "no"))
    assert len(yes) >= 3
    assert len(no) >= 3
    p_yes, p_no = float(shares[list(yes)].sum()), float(shares[list(no)].sum())
    answer = random_model.judge([image], "a red car")[0]
    assert answer.probability == pytest.approx(p_yes / (p_yes + p_no), rel=1e-4)
    assert answer.mass == pytest.approx(p_yes + p_no, rel=1e-4)


def test_a_batch_answers_as_its_images_do_one_by_one(random_model: LlavaModel) -> None:
    images = noise(5)
    together = [answer.probability for answer in random_model.judge(images, "a dog")]
    alone = [random_model.judge([image], "a dog")[0].probability for image in images]
    assert together == pytest.approx(alone, rel=1e-4)
    assert len(set(together)) == 5


def test_questions_of_different_lengths_are_padded_on_the_left(random_model: LlavaModel) -> None:
    images = noise(3)
    together = random_model.first_logits(images, PROMPTS)
    alone = [random_model.first_logits([image], [prompt])[0] for image, prompt in zip(images, PROMPTS, strict=True)]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-3


def test_a_processor_without_a_chat_template_gets_the_prompt_of_llava(tmp_path: Path, random_folder: Path) -> None:
    bare = LlavaModel(str(tiny_llava(tmp_path, chat_template=None)), RunOptions(device="cpu"))
    templated = LlavaModel(str(random_folder), RunOptions(device="cpu"))
    image = noise(1)
    np.testing.assert_allclose(
        bare.first_logits(image, ["Is it?"]), templated.first_logits(image, ["Is it?"]), atol=1e-6
    )


def test_what_a_picture_is_judged_by_does_not_hang_on_the_batch_before(random_model: LlavaModel) -> None:
    first, second = noise(4)[:2], noise(4)[2:]
    fresh = [[answer.probability for answer in random_model.judge(batch, "a cat")] for batch in (first, second)]
    again = [[answer.probability for answer in random_model.judge(batch, "a cat")] for batch in (second, first)]
    assert again == [fresh[1], fresh[0]]


def test_a_second_question_about_the_same_images_makes_no_image_tokens_anew(
    random_model: LlavaModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = noise(2)
    random_model.judge(images, "a cat")
    loaded = random_model._loaded()
    made: list[int] = []
    original = loaded.model.get_image_features

    def counted(pixel_values: torch.Tensor, **options: object) -> object:
        made.append(len(pixel_values))
        return original(pixel_values, **options)

    monkeypatch.setattr(loaded.model, "get_image_features", counted)
    remembered = random_model.judge(images, "a dog")
    assert made == []
    assert random_model.judge([image.copy() for image in images], "a dog") == remembered
    assert made == [2]


def test_a_mark_of_the_tokenizer_in_a_query_is_not_a_picture(red_model: LlavaModel) -> None:
    answer = red_model.judge([Image.new("RGB", (40, 30), "red")], 'an "<image>" </s> thing\nin two lines')[0]
    assert answer.probability > 0.99


def test_captions_are_written_by_the_model(red_model: LlavaModel) -> None:
    images = [Image.new("RGB", (40, 30), name) for name in ("red", "green", "red", "blue")]
    captions = red_model.caption(images, CaptionStyle())
    assert captions == [RED_CAPTION, OTHER_CAPTION, RED_CAPTION, OTHER_CAPTION]
    assert red_model.ask(images[0], "What is it?") == RED_CAPTION


def test_captions_are_bounded(random_model: LlavaModel) -> None:
    captions = random_model.caption(noise(2), CaptionStyle("alt-text", "de"))
    assert all(len(caption) <= LONGEST_CAPTION and "\n" not in caption for caption in captions)


def test_a_style_or_language_that_is_none_is_one_line(random_model: LlavaModel) -> None:
    with pytest.raises(QueryError, match="no caption style named 'poem': choose one of caption, alt-text"):
        random_model.caption(noise(1), CaptionStyle("poem"))
    with pytest.raises(QueryError, match="'en; DROP' is no language"):
        random_model.caption(noise(1), CaptionStyle(language="en; DROP"))


def test_the_key_tells_models_precisions_and_prompts_apart(tmp_path: Path, red_folder: Path) -> None:
    here = LlavaModel(str(red_folder), RunOptions(device="cpu")).spec
    assert here.key.startswith(f"{red_folder}@")
    assert here.key.endswith(":fp32")
    assert here == LlavaModel(str(red_folder), RunOptions(device="cpu")).spec
    assert LlavaModel(str(red_folder), RunOptions(device="cpu", precision="bf16")).spec.key != here.key
    other_words = LlavaModel(str(red_folder), RunOptions(device="cpu"), judging="inquire").spec
    assert (other_words.key, other_words.prompt_version) != (here.key, here.prompt_version)
    changed = tmp_path / "changed"
    shutil.copytree(red_folder, changed)
    before = LlavaModel(str(changed)).spec.key
    config = (changed / "config.json").read_text(encoding="utf-8")
    (changed / "config.json").write_text(config.replace('"use_cache": true', '"use_cache": false') + " ", "utf-8")
    assert LlavaModel(str(changed)).spec.key != before


def test_its_identity_is_told_without_loading_weights(red_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LlavaModel, "_load", lambda self: pytest.fail("the weights were loaded"))
    spec = LlavaModel(str(red_folder), RunOptions(device="cpu")).spec
    assert (spec.device, spec.batch_size) == ("cpu", llava.CPU_BATCH)


@pytest.mark.parametrize("quantisation", ["4bit", "8bit"])
def test_few_bits_without_cuda_are_refused_in_one_line(red_folder: Path, quantisation: device.Quantisation) -> None:
    options = RunOptions(device="cpu", quantisation=quantisation)
    with pytest.raises(ModelUnavailable, match=f"{quantisation} weights need a CUDA device, .* leave @{quantisation}"):
        LlavaModel(str(red_folder), options).judge(noise(1), "a dog")


def test_few_bits_without_bitsandbytes_name_what_to_install(red_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("transformers.utils.is_bitsandbytes_available", lambda: False)
    with pytest.raises(ModelUnavailable, match=r"pip install 'photoseek\[quantised\]'"):
        LlavaModel(str(red_folder), RunOptions(quantisation="4bit")).spec  # noqa: B018


def test_what_bitsandbytes_is_told_computes_in_the_places_precision() -> None:
    four = device._quantised("4bit", "fp16")
    assert (four.load_in_4bit, four.bnb_4bit_quant_type, four.bnb_4bit_compute_dtype) == (True, "nf4", torch.float16)
    eight = device._quantised("8bit", "fp16")
    assert eight.load_in_8bit


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/nowhere/at/all", "there is no such folder; name a folder saved by transformers, or a model of the hub"),
        ("./here", "there is no such folder"),
        ("llava", "there is no such folder"),
    ],
)
def test_a_model_that_is_not_there_is_one_line(name: str, reason: str) -> None:
    with pytest.raises(ModelUnavailable, match=reason) as caught:
        LlavaModel(name).judge(noise(1), "a dog")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_damaged_file_is_one_line(tmp_path: Path, red_folder: Path, file: str) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(red_folder, broken)
    (broken / file).write_bytes(b"\x00 nonsense")
    with pytest.raises(ModelUnavailable, match="its files cannot be read") as caught:
        LlavaModel(str(broken)).judge(noise(1), "a dog")
    assert "\n" not in str(caught.value)


def test_a_model_of_texts_alone_is_refused(tmp_path: Path) -> None:
    config = transformers.LlamaConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=9)
    config.save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailable, match="name an image-text-to-text model"):
        LlavaModel(str(tmp_path)).judge(noise(1), "a dog")


def test_code_that_comes_with_a_model_is_neither_run_nor_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wild = tmp_path / "wild"
    wild.mkdir()
    config = {"model_type": "wild", "auto_map": {"AutoConfig": "wild.WildConfig"}, "architectures": ["Wild"]}
    (wild / "config.json").write_text(json.dumps(config))
    (wild / "wild.py").write_text("raise SystemExit('the code was run')")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("the terminal was asked"))
    with pytest.raises(ModelUnavailable, match="its files cannot be read") as caught:
        LlavaModel(str(wild)).judge(noise(1), "a dog")
    assert "\n" not in str(caught.value)


def full_above(model: LlavaModel, fitting: int, patched: pytest.MonkeyPatch) -> list[int]:
    """Let the device be full above so many images at once; return the list of how many were tried at once."""
    tried: list[int] = []
    original = model._loaded().model.forward

    def forward(input_ids: torch.Tensor, **inputs: object) -> object:
        tried.append(len(input_ids))
        if len(input_ids) > fitting:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB")
        return original(input_ids=input_ids, **inputs)

    patched.setattr(model._loaded().model, "forward", forward)
    return tried


def test_a_batch_that_does_not_fit_is_halved_and_so_are_those_after_it(
    random_folder: Path, random_model: LlavaModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = noise(9)
    model = LlavaModel(str(random_folder), RunOptions(device="cpu", batch_size=8))
    tried = full_above(model, 3, monkeypatch)
    answers = [answer.probability for answer in model.judge(images, "a dog")]
    assert answers == pytest.approx([a.probability for a in random_model.judge(images, "a dog")], rel=1e-4)
    assert tried == [8, 4, 2, 2, 2, 2, 1]


def test_a_picture_that_does_not_fit_alone_says_what_to_do(
    random_model: LlavaModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        full_above(random_model, 0, patched)
        with pytest.raises(ModelUnavailable, match=r"does not fit in the device's memory \(CUDA .*; append @4bit"):
            random_model.judge(noise(1), "a dog")
    random_model._batches._fitting = None


def test_a_large_picture_is_shown_reduced_and_a_small_one_as_it_is() -> None:
    large, small = Image.new("RGB", (3000, 1500)), Image.new("RGB", (700, 20))
    assert resize_for_vlm(large).size == (720, 360)
    assert large.size == (3000, 1500)
    assert resize_for_vlm(small) is small


def test_the_expected_time_is_two_operations_per_parameter_and_token() -> None:
    assert estimated_seconds(7_000_000_000, 636, 1e12) == pytest.approx(8.904)


@pytest.mark.parametrize(("parameters", "level"), [(10**6, logging.INFO), (10**12, logging.WARNING)])
def test_a_user_is_warned_of_a_processor_that_takes_seconds(
    caplog: pytest.LogCaptureFixture, parameters: int, level: int
) -> None:
    with caplog.at_level(logging.INFO, "photoseek"):
        warn_of_slowness("some/model", parameters, 600, torch.float32)
    assert [record.levelno for record in caplog.records] == [level]
    assert "some/model runs on the CPU: expect about" in caplog.text
    assert "(estimated: " in caplog.text


def test_a_large_model_runs_in_half_precision_on_a_cpu() -> None:
    sizes: Sequence[tuple[int, str]] = [(3 * 10**9, "fp32"), (7 * 10**9, "bf16")]
    for count, precision in sizes:
        place = device.device_config_for("m", RunOptions(device="cpu"), lambda count=count: count)  # type: ignore[misc]
        assert place.precision == precision


def test_a_vocabulary_without_yes_cannot_judge() -> None:
    with pytest.raises(
        ModelUnavailable, match="model some/model cannot be loaded: its vocabulary has no token for yes"
    ):
        answer_tokens({"no": 1, "maybe": 2}, "some/model")
