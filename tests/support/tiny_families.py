"""Real models of other families than LLaVA-1.5, small and of random weights, each with its own way with pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from photoseek.tests.support.tiny_vlms import CHAT_TEMPLATE, WIDTH, tiny_tokenizer  # before torch: it skips

import torch  # isort: skip
from transformers import (  # isort: skip
    CLIPVisionConfig,
    GemmaConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    Idefics3VisionConfig,
    LlamaConfig,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessorPil,
    LlavaNextProcessor,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    PaliGemmaProcessor,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    ProcessorMixin,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    SiglipImageProcessorPil,
    SiglipVisionConfig,
)


def llava_next() -> tuple[PreTrainedModel, ProcessorMixin]:
    """Tiles of a picture beside the whole: the number of tokens goes by its shape."""
    tokenizer = tiny_tokenizer()
    grid = [[32, 64], [64, 32], [64, 64]]
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=16,
    )
    config = LlavaNextConfig(
        vision_config=vision,
        text_config=_llama(tokenizer),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=grid,
        vision_feature_layer=-1,
    )
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_grid_pinpoints=grid
    )
    processor = LlavaNextProcessor(
        images,
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=CHAT_TEMPLATE,
        num_additional_image_tokens=1,
    )
    return LlavaNextForConditionalGeneration(config), processor


def idefics3() -> tuple[PreTrainedModel, ProcessorMixin]:
    """The family of SmolVLM: rows and columns of tiles, each marked with its place."""
    tokenizer = tiny_tokenizer()
    places = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    marks = ["<fake_token_around_image>", "<global-img>", "<end_of_utterance>", *places]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    vision = Idefics3VisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )
    config = Idefics3Config(
        vision_config=vision,
        text_config=_llama(tokenizer),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    images = Idefics3ImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    processor = Idefics3Processor(images, tokenizer, image_seq_len=4, chat_template=CHAT_TEMPLATE)
    return Idefics3ForConditionalGeneration(config), processor


def qwen2_vl() -> tuple[PreTrainedModel, ProcessorMixin]:
    """A picture at its own size, places told in height and width."""
    tokenizer = tiny_tokenizer()
    marks = ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    image, video, start, end = tokenizer.convert_tokens_to_ids(marks)
    text = {
        **_sizes(tokenizer),
        "rope_parameters": {
            "type": "mrope",
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [2, 3, 3],
        },
    }
    vision = {
        "depth": 2,
        "embed_dim": 32,
        "hidden_size": WIDTH,
        "num_heads": 2,
        "mlp_ratio": 2,
        "patch_size": 8,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    }
    config = Qwen2VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    images = Qwen2VLImageProcessorPil(patch_size=8, merge_size=2, min_pixels=32 * 32, max_pixels=64 * 64)
    template = CHAT_TEMPLATE.replace("<image>", "<|vision_start|><|image_pad|><|vision_end|>")
    processor = Qwen2VLProcessor(
        images, tokenizer, Qwen2VLVideoProcessor(patch_size=8, merge_size=2), chat_template=template
    )
    return Qwen2VLForConditionalGeneration(config), processor


def paligemma() -> tuple[PreTrainedModel, ProcessorMixin]:
    """No chat: the picture and a task's words are a prefix in which every token sees every other."""
    tokenizer = tiny_tokenizer()
    images = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    images.image_seq_length = 16
    processor = PaliGemmaProcessor(images, tokenizer)
    tokenizer = processor.tokenizer
    vision = SiglipVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )
    config = PaliGemmaConfig(
        vision_config=vision,
        text_config=GemmaConfig(**_sizes(tokenizer), head_dim=16),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        projection_dim=WIDTH,
    )
    return PaliGemmaForConditionalGeneration(config), processor


FAMILIES: Mapping[str, Callable[[], tuple[PreTrainedModel, ProcessorMixin]]] = {
    "llava_next": llava_next,
    "idefics3": idefics3,
    "qwen2_vl": qwen2_vl,
    "paligemma": paligemma,
}


def save_family(name: str, folder: Path) -> Path:
    """Save a model of a family."""
    torch.manual_seed(17)
    model, processor = FAMILIES[name]()
    for weights in model.parameters():
        if weights.ndim >= 2:  # large enough that pictures are told from one another
            torch.nn.init.normal_(weights, std=0.2)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _llama(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(**_sizes(tokenizer))


def _sizes(tokenizer: PreTrainedTokenizerFast) -> dict[str, object]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
