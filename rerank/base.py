"""The seams between photoseek and whatever judges or captions a picture, and the values that pass there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ..library.types import Hit, ImageRecord

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """What identifies a judge or captioner.

    `key` pins model, revision and quantisation, and `prompt_version` the words it is asked in: an answer stored under
    one pair is never taken for another's. `device` says where it runs, in words for people. `batch_size` is how many
    images it likes to be given at once; they may come reduced, while their shorter side stays at least `side_px` long.
    `usual_weight` is its share of a fused score until it has been measured on the library.
    """

    key: str
    name: str
    device: str
    batch_size: int = 1
    prompt_version: str = "1"
    side_px: int = 720
    usual_weight: float = 0.5


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture as displayed: its edges as shares, 0 to 1, of the picture's width and height."""

    left: float
    top: float
    right: float
    bottom: float


LEAST_MASS = 1e-3
"""Up to here a judgement has no mass: yes and no together were not among what the model wanted to say."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How likely a picture shows what was asked for.

    `probability` is P(yes) / (P(yes) + P(no)). `mass` is P(yes) + P(no): near 0, the model wanted to say something
    else, and the probability means little; None where the judge knows no such thing. `box` is where it was seen.
    """

    probability: float
    mass: float | None = None
    box: Box | None = None

    @property
    def is_valid(self) -> bool:
        """Whether these are probabilities: NaN is none, and whatever a broken model says lies anywhere."""
        return 0.0 <= self.probability <= 1.0 and (self.mass is None or 0.0 <= self.mass <= 1.0)

    @property
    def says_something(self) -> bool:
        """Whether the model meant yes or no at all."""
        return self.is_valid and (self.mass is None or self.mass > LEAST_MASS)


@dataclass(frozen=True, slots=True)
class CaptionStyle:
    """How a caption is wished for: `name` is `caption` or `alt-text`, `language` a BCP 47 tag."""

    name: str = "caption"
    language: str = "en"


class Judge(Protocol):
    """Says of pictures whether they show something. Order, caching, budgets and fusion live outside."""

    @property
    def spec(self) -> JudgeSpec:
        """The judge's identity."""
        ...

    def judge(self, images: Sequence[Image.Image], query: str) -> list[Judgement]:
        """Judge n RGB images; n judgements in their order."""
        ...


@runtime_checkable
class DeadlineJudge(Judge, Protocol):
    """A judge that may be told when to stop waiting: one on the other side of a network."""

    def judge_until(self, images: Sequence[Image.Image], query: str, deadline_s: float) -> list[Judgement | None]:
        """Judge n RGB images until `deadline_s` by time.monotonic(); n answers in order, None where none came in time.

        Lateness raises nothing, and what did come is never thrown away.
        """
        ...


@runtime_checkable
class RecallingJudge(Judge, Protocol):
    """A judge that may know a picture of the library from when it was indexed, without its file."""

    def judge_known(self, images: Sequence[ImageRecord], query: str) -> list[Judgement | None]:
        """Judge n images of the library; n answers in order, None where the picture itself must be looked at."""
        ...


@runtime_checkable
class Captioner(Protocol):
    """Puts pictures into words."""

    @property
    def spec(self) -> JudgeSpec:
        """The captioner's identity."""
        ...

    def caption(self, images: Sequence[Image.Image], style: CaptionStyle) -> list[str]:
        """Caption n RGB images; n texts in their order, each of one or two sentences."""
        ...


@runtime_checkable
class VisionLanguageModel(Judge, Captioner, Protocol):
    """A model that judges, captions and answers."""

    def ask(self, image: Image.Image, question: str) -> str:
        """Answer a question about one RGB image."""
        ...


@dataclass(frozen=True, slots=True)
class RerankedHit:
    """One hit after reranking.

    `hit` holds the first score and its calibrated probability. `judgement` is None while the picture was not
    judged. `score` is what the order goes by: both probabilities, fused. `rank_before` is the hit's place in the first
    order, from 0.
    """

    hit: Hit
    score: float
    rank_before: int
    judgement: Judgement | None = None
    vetoed: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """A picture that could not be judged, and why."""

    image: ImageRecord
    reason: str


@dataclass(frozen=True, slots=True)
class RerankResult:
    """An order of hits that is getting better, best first.

    `judged_count` pictures of `wanted_count` were judged, `cached_count` of them remembered from before. `judge`
    names who judged, and `weight` is its share of the fused score. `skipped` are the pictures that could not be read.
    `trouble` says what ended the judging early, in one line: the judge failed; None where it did not.
    """

    hits: tuple[RerankedHit, ...]
    judge: str
    weight: float
    judged_count: int
    cached_count: int
    wanted_count: int
    is_final: bool
    skipped: tuple[Skipped, ...] = ()
    trouble: str | None = None
