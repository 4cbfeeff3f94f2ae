"""BLIP and BLIP-2: a small captioner, and an image-text-matching head as a small, fast judge. Neither answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Final

from PIL import Image

from ..library.errors import ModelUnavailable, QueryError
from .answers import tidy_caption
from .base import CaptionStyle, Judgement, JudgeSpec
from .device import DeviceConfig, FittingBatches, RunOptions, device_config_for, load_options, warn_of_slowness
from .image_input import resize_for_vlm
from .pretrained import fetched, parameter_count, read_config, revision_of, source_name, transformers_of

if TYPE_CHECKING:
    import torch
    from transformers import BatchFeature, PreTrainedModel, ProcessorMixin

DEFAULT_JUDGE: Final = "Salesforce/blip-itm-base-coco"
DEFAULT_CAPTIONER: Final = "Salesforce/blip-image-captioning-base"

JUDGES: Final = ("BlipForImageTextRetrieval", "Blip2ForImageTextRetrieval")
CAPTIONERS: Final = ("BlipForConditionalGeneration", "Blip2ForConditionalGeneration")

CAPTION_TOKENS: Final = 40
CUDA_BATCH: Final = 32
CPU_BATCH: Final = 4

_IMAGE_TOKENS: Final = 577  # of BLIP's tower at 384 pixels, for the estimate of a CPU's time


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: PreTrainedModel
    processor: ProcessorMixin
    is_second: bool  # BLIP-2


@dataclass(frozen=True, slots=True)
class _Seen:
    """The images of the last batch, held so that the same objects are known again, and the tower's (n, tokens, d)."""

    images: tuple[Image.Image, ...]
    states: torch.Tensor


class _Blip:
    """One model of the architectures that have an ability; each part loads when first needed."""

    def __init__(self, name: str, options: RunOptions | None, architectures: tuple[str, ...], prompts: str) -> None:
        self.name = name
        self.lock = RLock()
        self.batches = FittingBatches(name)
        self._options = options or RunOptions()
        self._architectures = architectures
        self._prompts = prompts
        self._known_device: DeviceConfig | None = None
        self._known_spec: JudgeSpec | None = None
        self._known_loaded: _Loaded | None = None

    def spec(self) -> JudgeSpec:
        with self.lock:
            if self._known_spec is None:
                place = self._place()
                run = self._options.quantisation or place.precision
                self._known_spec = JudgeSpec(
                    key=f"{self.name}@{revision_of(self.name)}:{run}",
                    name=f"{self.name} ({run})",
                    device=place.device,
                    batch_size=self._options.batch_size or (CUDA_BATCH if place.is_cuda else CPU_BATCH),
                    prompt_version=self._prompts,
                )
            return self._known_spec

    def loaded(self) -> _Loaded:
        with self.lock:
            if self._known_loaded is None:
                self._known_loaded = self._load()
            return self._known_loaded

    def pixels(self, images: Sequence[Image.Image]) -> BatchFeature:
        """Make (n, 3, side, side) of n images, on the model's device and of its type."""
        loaded = self.loaded()
        small = [resize_for_vlm(image).convert("RGB") for image in images]
        return loaded.processor.image_processor(images=small, return_tensors="pt").to(
            loaded.model.device, loaded.model.dtype
        )

    def _architecture(self) -> str:
        """Return the class that the files were saved from; one without the ability is refused before it is loaded."""
        transformers_of(self.name)
        named = str((getattr(read_config(self.name), "architectures", None) or ["nothing known"])[0])
        if named in self._architectures:
            return named
        does, example = ("judge", DEFAULT_JUDGE) if self._architectures == JUDGES else ("caption", DEFAULT_CAPTIONER)
        raise ModelUnavailable(
            self.name, f"it is {named}, which does not {does}", f"use one that does, such as blip:{example}"
        )

    def _place(self) -> DeviceConfig:
        if self._known_device is None:
            made = getattr(transformers_of(self.name), self._architecture())
            self._known_device = device_config_for(self.name, self._options, lambda: parameter_count(self.name, made))
        return self._known_device

    def _load(self) -> _Loaded:
        transformers = transformers_of(self.name)
        place, source, architecture = self._place(), source_name(self.name), self._architecture()
        made = getattr(transformers, architecture)
        how = load_options(place, self._options)
        processor = fetched(
            self.name, lambda: transformers.AutoProcessor.from_pretrained(source, trust_remote_code=False)
        )
        model = fetched(self.name, lambda: made.from_pretrained(source, **how)).eval()
        if not place.is_cuda:
            model = model.to(place.device)
            tower = sum(part.numel() for name, part in model.named_parameters() if "vision_model" in name)
            warn_of_slowness(self.name, tower, _IMAGE_TOKENS, model.dtype)
        return _Loaded(model, processor, architecture.startswith("Blip2"))


class BlipJudge:
    """A Judge by an image-text-matching head: how well the query, as it is, fits the picture.

    Calls from several threads wait for each other.
    """

    def __init__(self, name: str = DEFAULT_JUDGE, options: RunOptions | None = None) -> None:
        self._blip = _Blip(name, options, JUDGES, "itm-1")
        self._seen: _Seen | None = None

    @property
    def spec(self) -> JudgeSpec:
        """The model's identity; reads its configuration, not its weights, except a local folder's for their hash.

        Raises:
            ModelUnavailable: transformers or the model's files cannot be had, or it has no such head.
        """
        return self._blip.spec()

    def judge(self, images: Sequence[Image.Image], query: str) -> list[Judgement]:
        """Judge n RGB images, one forward pass a batch; n judgements in their order, of unknown mass.

        Raises:
            ModelUnavailable: the model cannot be loaded or run.
        """
        return self._blip.batches.run(images, self.spec.batch_size, lambda batch: self._matches(batch, query))

    def _matches(self, images: Sequence[Image.Image], query: str) -> list[Judgement]:
        import torch

        with self._blip.lock, torch.inference_mode():
            loaded = self._blip.loaded()
            logits = self._second(loaded, images, query) if loaded.is_second else self._first(loaded, images, query)
            return [Judgement(float(match)) for match in logits.float().softmax(-1)[:, 1].cpu()]

    def _first(self, loaded: _Loaded, images: Sequence[Image.Image], query: str) -> torch.Tensor:
        """Match with BLIP: (n, 2) logits. The tower's work is kept for another query about the same image objects."""
        import torch

        model = loaded.model
        states = self._states(loaded, images)
        tokens = loaded.processor.tokenizer(
            [query] * len(images),
            truncation=True,
            max_length=model.config.text_config.max_position_embeddings,
            return_tensors="pt",
        ).to(model.device)
        answered = model.text_encoder(
            input_ids=tokens.input_ids,
            attention_mask=tokens.attention_mask,
            encoder_hidden_states=states,
            encoder_attention_mask=torch.ones(states.shape[:-1], dtype=torch.long, device=model.device),
        )
        return model.itm_head(answered.last_hidden_state[:, 0, :])

    def _states(self, loaded: _Loaded, images: Sequence[Image.Image]) -> torch.Tensor:
        seen = self._seen
        if seen is None or [*map(id, seen.images)] != [*map(id, images)]:
            states = loaded.model.vision_model(pixel_values=self._blip.pixels(images).pixel_values).last_hidden_state
            self._seen = seen = _Seen(tuple(images), states)
        return seen.states

    def _second(self, loaded: _Loaded, images: Sequence[Image.Image], query: str) -> torch.Tensor:
        """Match with BLIP-2: (n, 2) logits."""
        model = loaded.model
        inputs = loaded.processor(
            images=[resize_for_vlm(image).convert("RGB") for image in images],
            text=[query] * len(images),
            return_tensors="pt",
        ).to(model.device, model.dtype)
        return model(**inputs, use_image_text_matching_head=True).logits_per_image


class BlipCaptioner:
    """A Captioner by BLIP or BLIP-2: one short English sentence, whatever the style.

    Calls from several threads wait for each other.
    """

    def __init__(self, name: str = DEFAULT_CAPTIONER, options: RunOptions | None = None) -> None:
        self._blip = _Blip(name, options, CAPTIONERS, "unprompted-1")

    @property
    def spec(self) -> JudgeSpec:
        """The model's identity; reads its configuration, not its weights, except a local folder's for their hash.

        Raises:
            ModelUnavailable: transformers or the model's files cannot be had, or it does not caption.
        """
        return self._blip.spec()

    def caption(self, images: Sequence[Image.Image], style: CaptionStyle) -> list[str]:
        """Caption n RGB images; n texts in their order.

        Raises:
            QueryError: the language is not English.
            ModelUnavailable: the model cannot be loaded or run.
        """
        if style.language.partition("-")[0].lower() != "en":
            raise QueryError(f"BLIP captions in English alone, not in {style.language!r}: use llava or a server")
        return self._blip.batches.run(images, self.spec.batch_size, self._written)

    def _written(self, images: Sequence[Image.Image]) -> list[str]:
        import torch

        with self._blip.lock, torch.inference_mode():
            loaded = self._blip.loaded()
            pixels = self._blip.pixels(images).pixel_values
            tokens = loaded.model.generate(pixel_values=pixels, max_new_tokens=CAPTION_TOKENS, do_sample=False)
            return [tidy_caption(text) for text in loaded.processor.batch_decode(tokens, skip_special_tokens=True)]
