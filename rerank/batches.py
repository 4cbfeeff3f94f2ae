"""Batches of images that fit in a device's memory, found by trying."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from PIL import Image

from ..library.embedders.hub import one_line
from ..library.errors import ModelUnavailable

logger = logging.getLogger(__name__)

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
