"""LLaVA, and any other model that transformers loads as image-text-to-text: it judges, captions and answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from threading import RLock
from typing import TYPE_CHECKING, Final

from PIL import Image

from ..library.errors import ModelUnavailable
from ..library.telemetry import disable_telemetry
from .answers import AnswerTokens, Logits, MassWatch, answer_tokens, judgements, tidy_caption
from .base import CaptionStyle, Judgement, JudgeSpec
from .device import DeviceConfig, FittingBatches, RunOptions, device_config_for, load_options, warn_of_slowness
from .image_input import resize_for_vlm
from .pretrained import fetched, parameter_count, revision_of, source_name, transformers_of
from .prompts import DEFAULT_JUDGING, caption_prompt, judging_prompt, judging_template, prompts_key

if TYPE_CHECKING:
    from transformers import BatchFeature, PretrainedConfig, PreTrainedModel, ProcessorMixin

DEFAULT_MODEL: Final = "llava-hf/llava-1.5-7b-hf"

CUDA_BATCH: Final = 8
CPU_BATCH: Final = 1
"""Images at once. A CPU is busy with one, and a budget is kept within one batch."""

CAPTION_TOKENS: Final = 80
ANSWER_TOKENS: Final = 200
"""What a caption of two sentences, and an answer of a paragraph, have room in."""

_PROMPT_TOKENS: Final = 60  # of a question with its chat marks
_IMAGE_TOKENS: Final = 576  # of LLaVA-1.5; for models that do not say

# The models whose image tokens, made for one question, may be handed to the next: tested, and not true of all, since
# some make them part of more than their embeddings.
_REUSES_FEATURES: Final = frozenset({"llava", "llava_next"})


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A model on its device with all that asking it needs. `takes` names what its forward pass may be given."""

    model: PreTrainedModel
    processor: ProcessorMixin
    tokens: AnswerTokens
    takes: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Seen:
    """The images of the last batch, held so that the same objects are known again, and their tokens."""

    images: tuple[Image.Image, ...]
    features: object


class LlavaModel:
    """A VisionLanguageModel run by transformers; construction is cheap, the model loads when first needed.

    One question at a time: calls from several threads wait for each other.
    """

    def __init__(
        self, name: str = DEFAULT_MODEL, options: RunOptions | None = None, judging: str = DEFAULT_JUDGING
    ) -> None:
        self._name = name
        self._options = options or RunOptions()
        self._judging = judging_template(judging)
        self._masses = MassWatch(name)
        self._batches = FittingBatches(name)
        self._lock = RLock()
        self._known_spec: JudgeSpec | None = None
        self._known_device: DeviceConfig | None = None
        self._known_loaded: _Loaded | None = None
        self._seen: _Seen | None = None

    @property
    def spec(self) -> JudgeSpec:
        """The model's identity; reads its configuration, not its weights, except a local folder's for their hash.

        Raises:
            ModelUnavailable: transformers or the model's files cannot be had.
        """
        with self._lock:
            if self._known_spec is None:
                transformers_of(self._name)
                place = self._place()
                run = self._options.quantisation or place.precision
                self._known_spec = JudgeSpec(
                    key=f"{self._name}@{revision_of(self._name)}:{run}",
                    name=f"{self._name} ({run})",
                    device=place.device,
                    batch_size=self._options.batch_size or (CUDA_BATCH if place.is_cuda else CPU_BATCH),
                    prompt_version=prompts_key(self._judging),
                )
            return self._known_spec

    def judge(self, images: Sequence[Image.Image], query: str) -> list[Judgement]:
        """Judge n RGB images by the first token of the answer, one forward pass a batch; n judgements in their order.

        Raises:
            ModelUnavailable: the model cannot be loaded or run.
        """
        prompt = judging_prompt(self._judging, query)

        def judged(batch: Sequence[Image.Image]) -> list[Judgement]:
            return judgements(self.first_logits(batch, [prompt] * len(batch)), self._loaded().tokens)

        answers = self._batches.run(images, self.spec.batch_size, judged)
        self._masses.note(answers)
        return answers

    def caption(self, images: Sequence[Image.Image], style: CaptionStyle) -> list[str]:
        """Caption n RGB images; n texts in their order, each of one or two sentences.

        Raises:
            QueryError: there is no such style or language.
            ModelUnavailable: the model cannot be loaded or run.
        """
        prompt = caption_prompt(style)

        def written(batch: Sequence[Image.Image]) -> list[str]:
            return [tidy_caption(text) for text in self._written(batch, prompt, CAPTION_TOKENS)]

        return self._batches.run(images, self.spec.batch_size, written)

    def ask(self, image: Image.Image, question: str) -> str:
        """Answer a question about one RGB image.

        Raises:
            ModelUnavailable: the model cannot be loaded or run.
        """
        answers = self._batches.run([image], 1, lambda batch: self._written(batch, question, ANSWER_TOKENS))
        return " ".join(answers[0].split())

    def first_logits(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> Logits:
        """Return what the model would say first of n images to their n prompts: (n, vocabulary) logits, float32."""
        if not images:
            raise ValueError("no images to look at")
        with self._lock:
            loaded = self._loaded()
            inputs = self._inputs(loaded, images, prompts)
            import torch

            with torch.inference_mode():
                given: dict[str, object] = dict(inputs)
                if "mm_encoder_outputs" in loaded.takes and loaded.model.config.model_type in _REUSES_FEATURES:
                    given["mm_encoder_outputs"] = {"image": self._features(loaded.model, images, inputs)}
                    del given["pixel_values"]
                if "logits_to_keep" in loaded.takes:
                    given["logits_to_keep"] = 1  # of hundreds of tokens, each a vocabulary wide
                logits: Logits = loaded.model(**given, use_cache=False).logits[:, -1].float().cpu().numpy()
                return logits

    def _features(self, model: PreTrainedModel, images: Sequence[Image.Image], inputs: BatchFeature) -> object:
        """Return a batch's image tokens, made anew unless these very images were the last ones looked at."""
        seen = self._seen
        if seen is not None and [*map(id, seen.images)] == [*map(id, images)]:
            return seen.features
        disable_telemetry()
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        wanted = {"pixel_values", "image_sizes"} & inputs.keys()
        made = model.get_image_features(**{name: inputs[name] for name in wanted}, return_dict=True)
        # The tower's hidden states of every layer are let go.
        features: object = BaseModelOutputWithPooling(pooler_output=made.pooler_output)
        self._seen = _Seen(tuple(images), features)
        return features

    def _written(self, images: Sequence[Image.Image], prompt: str, token_count: int) -> list[str]:
        """Let the model write freely, likeliest token by likeliest token."""
        with self._lock:
            loaded = self._loaded()
            inputs = self._inputs(loaded, images, [prompt] * len(images))
            import torch

            with torch.inference_mode():
                tokens = loaded.model.generate(**inputs, max_new_tokens=token_count, do_sample=False)
            new = tokens[:, inputs["input_ids"].shape[1] :]
            texts: list[str] = loaded.processor.tokenizer.batch_decode(new, skip_special_tokens=True)
            return texts

    def _inputs(self, loaded: _Loaded, images: Sequence[Image.Image], prompts: Sequence[str]) -> BatchFeature:
        """Make a batch: texts padded on the left, so that the last token of every row is its last."""
        processor = loaded.processor
        texts = [_dialogue(processor, loaded.model.config, prompt) for prompt in prompts]
        starts = processor.tokenizer.bos_token
        has_start = bool(starts) and texts[0].startswith(starts)
        batch: BatchFeature = processor(
            text=texts,
            images=[[resize_for_vlm(image)] for image in images],
            padding=True,
            add_special_tokens=not has_start,
            return_tensors="pt",
        )
        batch.pop("labels", None)  # PaliGemma's processor prepares for training too
        # Pixels take the model's type, token ids keep theirs.
        return batch.to(loaded.model.device, loaded.model.dtype)

    def _place(self) -> DeviceConfig:
        if self._known_device is None:
            self._known_device = device_config_for(
                self._name, self._options, lambda: parameter_count(self._name, _built)
            )
        return self._known_device

    def _loaded(self) -> _Loaded:
        with self._lock:
            if self._known_loaded is None:
                self._known_loaded = self._load()
            return self._known_loaded

    def _load(self) -> _Loaded:
        transformers = transformers_of(self._name)
        place, name = self._place(), source_name(self._name)
        how = load_options(place, self._options)
        processor = fetched(
            self._name, lambda: transformers.AutoProcessor.from_pretrained(name, trust_remote_code=False)
        )
        if getattr(processor, "tokenizer", None) is None or getattr(processor, "image_processor", None) is None:
            reason = "its files hold no processor of both pictures and words"
            raise ModelUnavailable(self._name, reason, "name an image-text-to-text model")
        model = fetched(
            self._name,
            lambda: transformers.AutoModelForImageTextToText.from_pretrained(name, trust_remote_code=False, **how),
        )
        model = model.eval() if place.is_cuda else model.eval().to(place.device)
        tokenizer = processor.tokenizer
        tokenizer.padding_side = "left"
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        _make_deterministic(model, tokenizer.pad_token_id)
        if not place.is_cuda:
            tokens = getattr(model.config, "image_seq_length", None) or _IMAGE_TOKENS
            warn_of_slowness(self._name, model.num_parameters(), int(tokens) + _PROMPT_TOKENS, model.dtype)
        return _Loaded(
            model,
            processor,
            answer_tokens(tokenizer.get_vocab(), self._name),
            frozenset(signature(model.forward).parameters),
        )


def _built(config: PretrainedConfig) -> PreTrainedModel:
    disable_telemetry()
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_config(config)


def _make_deterministic(model: PreTrainedModel, pad_token_id: int | None) -> None:
    """Clear a checkpoint's settings of sampling, which transformers warns about where nothing is sampled."""
    settings = model.generation_config
    settings.do_sample = False
    settings.temperature = settings.top_p = settings.top_k = None
    if settings.pad_token_id is None:
        settings.pad_token_id = pad_token_id


def _dialogue(processor: ProcessorMixin, config: PretrainedConfig, prompt: str) -> str:
    """Word a question about one picture the way the model was trained: its own chat template where it has one."""
    plain = _without_marks(processor, prompt)
    if getattr(processor, "chat_template", None):
        content = [{"type": "image"}, {"type": "text", "text": plain}]
        text: str = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        return text
    if config.model_type == "paligemma":  # no chat: a task, its language and its words
        return f"<image>answer en {plain}"
    mark = getattr(processor, "image_token", "<image>")
    return f"USER: {mark}\n{plain} ASSISTANT:"


def _without_marks(processor: ProcessorMixin, prompt: str) -> str:
    """Take the tokenizer's special marks out of what a user wrote: an "<image>" in it would count as a picture."""
    image_token = getattr(processor, "image_token", None)
    marks = [*processor.tokenizer.all_special_tokens, *([image_token] if isinstance(image_token, str) else [])]
    for mark in marks:
        prompt = prompt.replace(mark, " ")
    return prompt
