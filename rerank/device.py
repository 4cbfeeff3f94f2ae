"""Where a model runs and in how many bits, how long an image takes there, and batches that fit its memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

from PIL import Image

from ..library.embedders.hub import one_line
from ..library.embedders.openclip.torch_model import choose_device, choose_precision
from ..library.errors import ModelUnavailable
from ..library.telemetry import disable_telemetry

if TYPE_CHECKING:
    import torch
    from transformers import BitsAndBytesConfig

logger = logging.getLogger(__name__)

Quantisation: TypeAlias = Literal["4bit", "8bit"]

SINGLE_PRECISION_LIMIT: Final = 3_000_000_000
"""Parameters up to which a model runs in single precision on a CPU: above it, 4 bytes each would be over 12 GB."""

_SLOW_S: Final = 1.0  # seconds per picture from which a user is warned
_PROBE_SIDE: Final = 1024  # of the square matrices whose product tells how fast this processor is


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Where and how a model runs.

    `device` is `auto` (CUDA when there is one) or any of torch's names. `precision` is `auto` (half on CUDA, single on
    a CPU unless the model is too large for it), `fp32`, `fp16` or `bf16`. `quantisation` keeps the weights in 4 or 8
    bits. `batch_size` is how many images go through at once; None suits the device.
    """

    device: str = "auto"
    precision: str = "auto"
    quantisation: Quantisation | None = None
    batch_size: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """A device that is here, and the precision to compute in on it."""

    device: str
    precision: str

    @property
    def is_cuda(self) -> bool:
        """Whether the device is a CUDA one."""
        return self.device.startswith("cuda")


def load_options(place: DeviceConfig, options: RunOptions) -> dict[str, object]:
    """Return what transformers is told about where and how a model's weights are kept."""
    how: dict[str, object] = {"dtype": dtype_of(place.precision)}
    if options.quantisation is not None:
        how["quantization_config"] = _quantised(options.quantisation, place.precision)
    if place.is_cuda:
        # All of the devices where none is named; accelerate places the layers.
        how["device_map"] = "auto" if options.device == "auto" else {"": place.device}
    return how


def _quantised(quantisation: Quantisation, precision: str) -> BitsAndBytesConfig:
    """Word how bitsandbytes keeps weights: NF4 with nested scales (Dettmers et al. 2023), or LLM.int8()."""
    disable_telemetry()
    from transformers import BitsAndBytesConfig

    if quantisation == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype_of(precision),
    )


def device_config_for(model: str, options: RunOptions, count: Callable[[], int]) -> DeviceConfig:
    """Resolve the options to a device that is here and a precision; `count` tells the parameters where it matters.

    Raises:
        ModelUnavailable: the device is not here, or cannot run what is asked for.
    """
    import torch

    has_cuda = bool(torch.cuda.is_available())
    device = choose_device(options.device, has_cuda=has_cuda)
    is_cuda = device.startswith("cuda")
    if options.quantisation is not None:
        _require_quantisation(model, options.quantisation, is_cuda=is_cuda and has_cuda)
    if is_cuda and not has_cuda:
        raise ModelUnavailable(model, "torch finds no CUDA device", "use device cpu, or install torch for CUDA")
    if options.precision == "auto" and not is_cuda:
        return DeviceConfig(device, "fp32" if count() <= SINGLE_PRECISION_LIMIT else "bf16")
    capability_major = torch.cuda.get_device_capability(device)[0] if is_cuda else 0
    return DeviceConfig(device, choose_precision(options.precision, device, capability_major))


def _require_quantisation(model: str, quantisation: Quantisation, *, is_cuda: bool) -> None:
    name = f"{model}@{quantisation}"
    if not is_cuda:
        reason = f"{quantisation} weights need a CUDA device, and torch finds none"
        raise ModelUnavailable(name, reason, f"leave @{quantisation} out, or use an endpoint that serves the model")
    disable_telemetry()
    from transformers.utils import is_bitsandbytes_available

    if not is_bitsandbytes_available():
        remedy = "install it with `pip install 'photoseek[quantised]'`"
        raise ModelUnavailable(name, f"{quantisation} weights need a recent bitsandbytes", remedy)


def dtype_of(precision: str) -> torch.dtype:
    """Return torch's name of a precision."""
    import torch

    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]


def estimated_seconds(parameters: int, token_count: int, flops_per_s: float) -> float:
    """Estimate one forward pass: two operations per parameter and token (Kaplan et al. 2020, section 2.1)."""
    return 2.0 * parameters * token_count / flops_per_s


def warn_of_slowness(model: str, parameters: int, token_count: int, dtype: torch.dtype) -> None:
    """Log how long a picture takes on this processor: an estimate from a matrix product that is timed here."""
    flops_per_s = _measured_flops_per_s(dtype)
    seconds = estimated_seconds(parameters, token_count, flops_per_s)
    level = logging.WARNING if seconds >= _SLOW_S else logging.INFO
    logger.log(
        level,
        "%s runs on the CPU: expect about %.2g s per picture (estimated: %.2g billion parameters, %d tokens, %.2g "
        "GFLOP/s measured here); a CUDA device, a smaller model such as blip, or an endpoint is faster",
        model,
        seconds,
        parameters / 1e9,
        token_count,
        flops_per_s / 1e9,
    )


def _measured_flops_per_s(dtype: torch.dtype) -> float:
    import torch

    matrix = torch.ones(_PROBE_SIDE, _PROBE_SIDE, dtype=dtype)
    fastest_s = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        matrix @ matrix
        fastest_s = min(fastest_s, time.perf_counter() - started)
    return 2.0 * _PROBE_SIDE**3 / fastest_s


T = TypeVar("T")


class FittingBatches:
    """Runs work in batches, and in halves of them once the device's memory turns out to be too small."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._fitting: int | None = None

    def run(
        self, images: Sequence[Image.Image], size: int, work: Callable[[Sequence[Image.Image]], list[T]]
    ) -> list[T]:
        """Do some work for n images, at most `size` of them at once; n results in their order.

        Raises:
            ModelUnavailable: a single image does not fit.
        """
        import torch

        results: list[T] = []
        while len(results) < len(images):
            at_once = size if self._fitting is None else min(size, self._fitting)
            batch = images[len(results) : len(results) + at_once]
            try:
                results += work(batch)
            except torch.OutOfMemoryError as error:
                if len(batch) == 1:
                    remedy = "append @4bit or @8bit to its name, or choose a smaller one"
                    reason = f"a picture does not fit in the device's memory ({one_line(error)})"
                    raise ModelUnavailable(self._model, reason, remedy) from error
                self._fitting = len(batch) // 2
                logger.info("%s looks at %d pictures at once: more do not fit", self._model, self._fitting)
            else:
                continue
            # Only now is the failed batch's memory free: the error above held on to it.
            torch.cuda.empty_cache()
        return results
