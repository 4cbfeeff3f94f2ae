"""Real vision-language models of a few thousand parameters, made in the test and saved as transformers saves them.

`tiny_llava` has random weights. `red_loving_vlm` has weights set by hand: it says "yes" to red pictures and "no" to all
others, through the whole forward pass of a LLaVA.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install 'photoseek[llava]'")
pytest.importorskip("transformers", reason="transformers is not installed: pip install 'photoseek[llava]'")

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SIDE_PX = 32
PATCH_PX = 8
WIDTH = 64
VISION_WIDTH = 16
SPECIAL = ["<unk>", "<s>", "</s>", "<pad>", "<image>"]

RED_CAPTION = "Yes, a red picture."
OTHER_CAPTION = "No red picture."
"""What `red_loving_vlm` captions pictures with, and answers any question with."""

CHAT_TEMPLATE = (
    "{% for message in messages %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %} ASSISTANT:{% endif %}"
)

_CORPUS = [
    'USER: <image>\nDoes this figure show "a red car"? Please answer yes or no. ASSISTANT: Yes',
    'Does this picture show people? Answer the question with either "Yes" or "No" and nothing else.',
    "yes no Yes No YES NO yes no Yes No YES NO",
    "Describe this picture in one or two short, factual sentences: who or what is in it, what happens, and where.",
    RED_CAPTION,
    OTHER_CAPTION,
]


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer in which every word of the corpus is a token."""
    tokenizer = Tokenizer(BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=2000, special_tokens=SPECIAL, initial_alphabet=ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(_CORPUS * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def tiny_llava(folder: Path, *, seed: int = 7, chat_template: str | None = CHAT_TEMPLATE) -> Path:
    """Save a LLaVA of random weights; with `seed` another one each time."""
    processor = _processor(chat_template)
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(_config(processor))
    return _save(folder, model, processor)


def red_loving_vlm(folder: Path) -> Path:
    """Save a LLaVA that says "yes" to red pictures and "no" to others, whatever the question, and return `folder`.

    Its captions and answers are `RED_CAPTION` and `OTHER_CAPTION`. Red is what has a red channel far above the other
    two: pure and dark red, but neither orange nor pink.
    """
    processor = _processor(CHAT_TEMPLATE)
    model = LlavaForConditionalGeneration(_config(processor))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        for name, parameter in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                parameter.fill_(1.0)
        _see_red(model)
        _vote(model)
        _speak(model, processor.tokenizer)
    return _save(folder, model, processor)


def _see_red(model: PreTrainedModel) -> None:
    """Make image tokens of (redness, 1, 0, ...): negative where a patch is not red."""
    tower, projector = model.model.vision_tower, model.model.multi_modal_projector
    patches = getattr(tower, "vision_model", tower).embeddings.patch_embedding.weight
    for channel in range(3):
        patches[channel, channel] = 1.0 / PATCH_PX**2  # the mean of one channel over the patch
    # The layer norm that follows takes a patch's brightness away: pure red, bright or dark, lies at (3.9, -0.3, -0.3).
    # Redness is red - max(green, blue) - 2.5, with max(g, b) = g + relu(b - g). The shift keeps the units positive.
    shift = 4.0
    projector.linear_1.weight[0, 0] = 1.0
    projector.linear_1.weight[1, 1] = 1.0
    projector.linear_1.weight[2, 2], projector.linear_1.weight[2, 1] = 1.0, -1.0
    projector.linear_1.bias[0] = projector.linear_1.bias[1] = shift
    projector.linear_2.weight[0, 0], projector.linear_2.weight[0, 1], projector.linear_2.weight[0, 2] = 1.0, -1.0, -1.0
    projector.linear_2.bias[0], projector.linear_2.bias[1] = -2.5, 1.0


def _vote(model: PreTrainedModel) -> None:
    """Let every token look at all before it alike (queries and keys are 0), and take over their mean redness."""
    attention = model.model.language_model.layers[0].self_attn
    attention.v_proj.weight[0, 0] = 1.0
    attention.o_proj.weight[0, 0] = 1.0


def _speak(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Turn redness into a first word, and each word into the next."""
    embeddings, head = model.model.language_model.embed_tokens.weight, model.lm_head.weight
    embeddings[:, 1] = 1.0  # what every token has, so that there is something to say
    embeddings[tokenizer.convert_tokens_to_ids("<pad>")] = 0.0
    chains = [tokenizer(" " + text, add_special_tokens=False).input_ids for text in (RED_CAPTION, OTHER_CAPTION)]
    # Of the normalised state, about 4 lie in dimension 1 and up to 4, by its sign, in redness.
    for chain, sign in zip(chains, (1.0, -1.0), strict=True):
        head[chain[0], 1], head[chain[0], 0] = 3.0, sign * 0.5
    links: dict[int, int] = {}
    for chain in chains:
        for here, then in zip(chain, [*chain[1:], tokenizer.eos_token_id], strict=True):
            assert links.setdefault(here, then) == then, "a word that both captions have is followed by different ones"
    for place, (here, then) in enumerate(links.items(), start=2):
        embeddings[here, place] = 1.0
        head[then, place] = 40.0


def _processor(chat_template: str | None) -> LlavaProcessor:
    images = CLIPImageProcessorPil(
        size={"height": SIDE_PX, "width": SIDE_PX},
        do_center_crop=False,
        image_mean=[0.0, 0.0, 0.0],
        image_std=[1.0, 1.0, 1.0],
    )
    return LlavaProcessor(
        image_processor=images,
        tokenizer=tiny_tokenizer(),
        patch_size=PATCH_PX,
        vision_feature_select_strategy="default",
        chat_template=chat_template,
        num_additional_image_tokens=1,
    )


def _config(processor: LlavaProcessor) -> LlavaConfig:
    tokenizer = processor.tokenizer
    vision = CLIPVisionConfig(
        hidden_size=VISION_WIDTH,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIDE_PX,
        patch_size=PATCH_PX,
        projection_dim=16,
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        projector_hidden_act="relu",
        vision_feature_layer=-1,
        image_seq_length=(SIDE_PX // PATCH_PX) ** 2,
    )


def _save(folder: Path, model: PreTrainedModel, processor: LlavaProcessor) -> Path:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
