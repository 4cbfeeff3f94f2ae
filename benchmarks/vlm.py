"""Judging with LLaVA-1.5-7B's architecture and random weights: images/s by batch size, memory, and share of the peak.

The weights are made here, saved (14 GB at full size) and loaded the way any model is, so that no download is needed;
the time of a forward pass does not hang on their values. The baseline is a large matrix product of the same type on
the same device, timed in the same run: what is reached of it is the share of the peak. `--layers 1` makes a model that
runs on a CPU.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from photoseek.rerank.device import Quantisation, RunOptions, dtype_of
from photoseek.rerank.llava import LlavaModel

# The sizes of llava-hf/llava-1.5-7b-hf's configuration.
WIDTH, FEED_FORWARD, HEADS, VOCABULARY = 4096, 11008, 32, 32064
VISION_WIDTH, VISION_FEED_FORWARD, VISION_HEADS, SIDE_PX, PATCH_PX = 1024, 4096, 16, 336, 14
IMAGE_TOKENS = (SIDE_PX // PATCH_PX) ** 2
QUERY = "a dog running on a beach at sunset"


def save_model(folder: Path, layers: int, vision_layers: int, dtype: torch.dtype) -> None:
    words = f'USER: <image> Does this figure show "{QUERY}"? Please answer yes or no. ASSISTANT: Yes No'.split()
    names = ["<unk>", "<s>", "</s>", "<pad>", "<image>", *sorted({*words, "yes", "no"} - {"<image>"})]
    core = Tokenizer(WordLevel({name: number for number, name in enumerate(names)}, unk_token="<unk>"))
    core.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    images = CLIPImageProcessorPil(size={"shortest_edge": SIDE_PX}, crop_size={"height": SIDE_PX, "width": SIDE_PX})
    processor = LlavaProcessor(
        images, tokenizer, patch_size=PATCH_PX, vision_feature_select_strategy="default", num_additional_image_tokens=1
    )
    vision = CLIPVisionConfig(
        hidden_size=VISION_WIDTH,
        intermediate_size=VISION_FEED_FORWARD,
        num_hidden_layers=vision_layers,
        num_attention_heads=VISION_HEADS,
        image_size=SIDE_PX,
        patch_size=PATCH_PX,
        projection_dim=768,
    )
    text = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=FEED_FORWARD,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        max_position_embeddings=4096,
        pad_token_id=tokenizer.pad_token_id,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=IMAGE_TOKENS,
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            model = LlavaForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def operations_per_image(layers: int, vision_layers: int, token_count: int) -> float:
    """Count two operations per weight that a token meets, and the products of attention, both towers together."""
    block = 4 * WIDTH**2 + 3 * WIDTH * FEED_FORWARD
    text = layers * (2 * block * token_count + 2 * token_count**2 * WIDTH)  # causal: half of the square
    vision_tokens = IMAGE_TOKENS + 1
    vision_block = 4 * VISION_WIDTH**2 + 2 * VISION_WIDTH * VISION_FEED_FORWARD
    vision = vision_layers * (2 * vision_block * vision_tokens + 4 * vision_tokens**2 * VISION_WIDTH)
    projector = 2 * (VISION_WIDTH * WIDTH + WIDTH**2) * IMAGE_TOKENS
    return float(text + vision + projector + 2 * WIDTH * VOCABULARY)


def seconds_of(work: object, rounds: int) -> float:
    """Return the least time of a call, the device's work ended, after one that does not count."""
    assert callable(work)
    fastest_s = float("inf")
    for number in range(rounds + 1):
        started = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        if number:
            fastest_s = min(fastest_s, time.perf_counter() - started)
    return fastest_s


def peak_operations_per_s(dtype: torch.dtype) -> float:
    device, side = ("cuda", 8192) if torch.cuda.is_available() else ("cpu", 2048)
    matrix = torch.randn(side, side, dtype=dtype, device=device)
    return 2.0 * side**3 / seconds_of(lambda: matrix @ matrix, rounds=5)


def memory_gb() -> float:
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated()) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def pictures(count: int) -> list[Image.Image]:
    random = np.random.default_rng(1)
    return [Image.fromarray(random.integers(0, 255, (480, 640, 3), dtype=np.uint8)) for _ in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=32, help="of the language model; 32 in the real one")
    parser.add_argument("--vision-layers", type=int, default=24)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 8, 16, 32])
    parser.add_argument("--bits", nargs="+", choices=["half", "4bit", "8bit"], default=["half", "4bit"])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    has_cuda = torch.cuda.is_available()
    name = torch.cuda.get_device_name() if has_cuda else "the CPU: these figures say nothing of a GPU"
    precision = "fp16" if has_cuda else "fp32"
    peak = peak_operations_per_s(dtype_of(precision))
    print(f"device: {name}; matrix product in {precision}: {peak / 1e12:.2f} TFLOP/s")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save_model(folder, arguments.layers, arguments.vision_layers, dtype_of("fp16" if has_cuda else "bf16"))
        for bits in arguments.bits:
            if bits != "half" and not has_cuda:
                print(f"{bits}: needs CUDA, not measured")
                continue
            measure(folder, bits, precision, peak, arguments)


def measure(folder: Path, bits: str, precision: str, peak: float, arguments: argparse.Namespace) -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    quantisation: Quantisation | None = "4bit" if bits == "4bit" else "8bit" if bits == "8bit" else None
    label = bits if quantisation else precision
    for batch in arguments.batches:
        model = LlavaModel(str(folder), RunOptions(precision=precision, quantisation=quantisation, batch_size=batch))
        images = pictures(batch)
        tokens = IMAGE_TOKENS + len(QUERY.split()) + 12
        operations = operations_per_image(arguments.layers, arguments.vision_layers, tokens)
        # Copies are new objects, for which nothing is remembered; the same ones a second time are.
        fresh_s = seconds_of(lambda: model.judge([image.copy() for image in images], QUERY), arguments.rounds)  # noqa: B023
        again_s = seconds_of(lambda: model.judge(images, QUERY), arguments.rounds)  # noqa: B023
        share = operations * batch / fresh_s / peak
        print(
            f"{label:5} batch {batch:3}: {batch / fresh_s:8.2f} images/s  {share:5.1%} of the matrix product's peak  "
            f"{memory_gb():6.1f} GB at most  a second question {fresh_s / again_s:4.2f} times as fast"
        )


if __name__ == "__main__":
    main()
