"""Judges whose judgements can be told by hand, and that count what they were given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from photoseek.library.errors import ModelUnavailable
from photoseek.rerank.base import CaptionStyle, Judgement, JudgeSpec
from photoseek.tests.support.fakes import COLOURS

SPEC = JudgeSpec("colour-judge@1", "colours", "here", batch_size=2, usual_weight=0.9)


def named_colour(image: Image.Image) -> str:
    """Return the name of the colour nearest to a picture's mean."""
    mean = np.asarray(image.convert("RGB"), dtype=np.float64).mean(axis=(0, 1))
    return min(COLOURS, key=lambda name: float(np.abs(mean - np.array(COLOURS[name])).sum()))


@dataclass
class ColourJudge:
    """Says yes to pictures of a colour that the query names, in whatever case; a captioner that knows three words.

    `sizes` are those of the batches it was given. `before` is called with each batch's size; it may raise.
    """

    spec: JudgeSpec = SPEC
    sizes: list[int] = field(default_factory=list)
    before: Callable[[int], None] = lambda _size: None

    def judge(self, images: Sequence[Image.Image], query: str) -> list[Judgement]:
        self.before(len(images))
        self.sizes.append(len(images))
        return [Judgement(0.95 if named_colour(image) in query.casefold() else 0.05, mass=0.9) for image in images]

    def caption(self, images: Sequence[Image.Image], style: CaptionStyle) -> list[str]:
        self.before(len(images))
        self.sizes.append(len(images))
        return [f"something {named_colour(image)}, {style.name} in {style.language}" for image in images]

    def ask(self, image: Image.Image, question: str) -> str:
        self.before(1)
        self.sizes.append(1)
        return f"{question} It is {named_colour(image)}."


def failing(after: int) -> Callable[[int], None]:
    """Return what lets so many batches through and then has the model fail."""
    seen: list[int] = []

    def before(size: int) -> None:
        seen.append(size)
        if len(seen) > after:
            raise ModelUnavailable("colours", "its server is gone", "start it")

    return before
