"""Real BLIP and BLIP-2 models of a few thousand parameters with random weights, saved as transformers saves them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install 'photoseek[llava]'")
pytest.importorskip("transformers", reason="transformers is not installed: pip install 'photoseek[llava]'")

import torch
from transformers import (
    BertTokenizer,
    Blip2Config,
    Blip2ForImageTextRetrieval,
    Blip2Processor,
    Blip2QFormerConfig,
    Blip2VisionConfig,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipImageProcessorPil,
    BlipProcessor,
    BlipTextConfig,
    BlipVisionConfig,
    OPTConfig,
    PreTrainedModel,
)

SIDE_PX = 32
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"]
WORDS = [*MARKS, "a", "red", "blue", "dog", "cat", "on", "the", "beach", "car", "two", "of"]


def tiny_blip_judge(folder: Path) -> Path:
    """Save a BLIP with an image-text-matching head."""
    torch.manual_seed(11)
    return _save(folder, _telling(BlipForImageTextRetrieval(_config())))


def tiny_blip_captioner(folder: Path) -> Path:
    """Save a BLIP that writes captions of its few words."""
    torch.manual_seed(12)
    return _save(folder, _telling(BlipForConditionalGeneration(_config())))


def tiny_blip2_judge(folder: Path) -> Path:
    """Save a BLIP-2 with an image-text-matching head."""
    torch.manual_seed(13)
    vision = Blip2VisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIDE_PX,
        patch_size=16,
    )
    qformer = Blip2QFormerConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        encoder_hidden_size=16,
        max_position_embeddings=32,
        use_qformer_text_input=True,
        pad_token_id=0,
    )
    text = OPTConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        ffn_dim=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        word_embed_proj_dim=16,
    )
    config = Blip2Config(
        vision_config=vision, qformer_config=qformer, text_config=text, num_query_tokens=4, image_text_hidden_size=16
    )
    _telling(Blip2ForImageTextRetrieval(config)).save_pretrained(folder)
    Blip2Processor(_images(), _tokenizer(folder)).save_pretrained(folder)
    return folder


def _telling(model: PreTrainedModel) -> PreTrainedModel:
    """Make weights large enough that pictures are told from one another."""
    for weights in model.parameters():
        if weights.ndim >= 2:
            torch.nn.init.normal_(weights, std=0.3)
    return model


def _config() -> BlipConfig:
    vision = BlipVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIDE_PX,
        patch_size=16,
    )
    text = BlipTextConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        encoder_hidden_size=16,
        intermediate_size=32,
        projection_dim=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        bos_token_id=WORDS.index("[DEC]"),
        eos_token_id=WORDS.index("[SEP]"),
        sep_token_id=WORDS.index("[SEP]"),
        pad_token_id=WORDS.index("[PAD]"),
    )
    return BlipConfig(
        vision_config=vision.to_dict(), text_config=text.to_dict(), projection_dim=16, image_text_hidden_size=16
    )


def _images() -> BlipImageProcessorPil:
    return BlipImageProcessorPil(size={"height": SIDE_PX, "width": SIDE_PX})


def _tokenizer(folder: Path) -> BertTokenizer:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return BertTokenizer(str(folder / "vocab.txt"))


def _save(folder: Path, model: PreTrainedModel) -> Path:
    model.save_pretrained(folder)
    BlipProcessor(_images(), _tokenizer(folder)).save_pretrained(folder)
    return folder
