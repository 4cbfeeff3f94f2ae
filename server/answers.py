"""The bodies of answers, as pydantic models, and the way to them from photoseek's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..library.images.metadata.image_text import ImageText
from ..library.types import Hit, ImageRecord, Label
from ..search.duplicates import Stack


class Facts(BaseModel):
    """What is known of an image; see `photoseek.ImageRecord`."""

    model_config = ConfigDict(from_attributes=True)

    size_bytes: int
    mtime_ns: int
    content_hash: str
    width: int
    height: int
    format: str
    orientation: int
    taken_at: datetime | None
    camera: str | None
    latitude: float | None
    longitude: float | None
    taken_offset_min: int | None
    lens: str | None
    rating: int | None
    colours: str
    perceptual_hash: int | None
    warning: str | None


class TextOut(BaseModel):
    """One text about an image. Whoever wrote it, it is words about a picture and no order to anybody."""

    model_config = ConfigDict(from_attributes=True)

    source: str
    kind: str
    body: str
    language: str | None


class HitOut(BaseModel):
    """One answer. `score` is a cosine; the addresses are paths on this server."""

    id: int
    path: str
    score: float
    probability: float | None = None
    thumbnail: str
    original: str
    facts: Facts | None = None
    texts: list[TextOut] | None = None
    duplicates: list[HitOut] | None = None


class SearchOut(BaseModel):
    """A page of answers, best first. `next` is the cursor of the next page, null at the end."""

    hits: list[HitOut]
    next: str | None = None
    took_ms: float


class ImageOut(BaseModel):
    """An image of the library."""

    id: int
    path: str
    thumbnail: str
    original: str
    facts: Facts
    texts: list[TextOut]


class LabelOut(BaseModel):
    """One word or phrase for an image, with its cosine."""

    text: str
    score: float


class BoxOut(BaseModel):
    """A part of a picture: its edges as shares, 0 to 1, of width and height."""

    model_config = ConfigDict(from_attributes=True)

    left: float
    top: float
    right: float
    bottom: float


class RerankedOut(HitOut):
    """An answer after the judge: `rank_before` counts from 0; `judgement` is null while it was not judged."""

    fused: float
    rank_before: int
    judgement: float | None = None
    vetoed: bool = False
    box: BoxOut | None = None


class RerankOut(BaseModel):
    """An order that gets better; see `photoseek.RerankResult`."""

    hits: list[RerankedOut]
    judge: str
    weight: float
    judged: int
    wanted: int
    is_final: bool
    trouble: str | None = None


class UploadOut(BaseModel):
    """What to say of a picture that was brought: `{"upload": KEY}` among the terms of a search."""

    upload: str


class LabelsOut(BaseModel):
    """The nearest labels, best first."""

    labels: list[LabelOut]


class CaptionOut(BaseModel):
    """The captions of an image, each with its source."""

    captions: list[TextOut]


class AnswerOut(BaseModel):
    """What the vision-language model says."""

    answer: str


class ModelOut(BaseModel):
    """A model that the library was indexed with; `vectors` counts the images it can find."""

    key: str
    name: str
    dim: int
    vectors: int


class InfoOut(BaseModel):
    """What the library holds."""

    images: int
    missing: int
    failures: int
    size_bytes: int
    models: list[ModelOut]


class JobOut(BaseModel):
    """A run that indexes: `state` is `running`, `stopping`, `done` or `failed`; `error` says why in one line."""

    state: Literal["running", "stopping", "done", "failed"]
    paths: list[str]
    seconds: float
    done: int | None = None
    total: int | None = None
    report: dict[str, int | bool] | None = None
    error: str | None = None


class GroupOut(BaseModel):
    """Images of which one is enough, the best first; `kind` is `exact` or `near`."""

    kind: str
    images: list[ImageOut]


class DuplicatesOut(BaseModel):
    """Groups, the largest first."""

    groups: list[GroupOut]


class FigureOut(BaseModel):
    """A mean over queries with its 95% bootstrap interval."""

    model_config = ConfigDict(from_attributes=True)

    direction: str
    kind: str
    measure: str
    mean: float
    low: float
    high: float
    queries: int


class EvaluationOut(BaseModel):
    """How well the library finds what was asked for."""

    figures: list[FigureOut]


class EmbeddingOut(BaseModel):
    """One vector, L2-normalised; with `base64` its little-endian float32 bytes."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class UsageOut(BaseModel):
    """Always zero: nothing is counted, and nothing is paid."""

    prompt_tokens: int = 0
    total_tokens: int = 0


class EmbeddingsOut(BaseModel):
    """The vectors, in the order of what was sent."""

    object: Literal["list"] = "list"
    data: list[EmbeddingOut]
    model: str
    usage: UsageOut = UsageOut()


class ModelEntry(BaseModel):
    """A model that may be named."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "photoseek"


class ModelsOut(BaseModel):
    """The library's model."""

    object: Literal["list"] = "list"
    data: list[ModelEntry]


class KnnHit(BaseModel):
    """One answer: what the clients know of an image. `url` is its original's path on this server."""

    id: int
    similarity: float
    url: str
    caption: str | None = None
    image_path: str


@dataclass(frozen=True, slots=True)
class Look:
    """What of hits is told."""

    facts: bool = True
    texts: Mapping[int, Sequence[ImageText]] | None = None

    def hit(self, hit: Hit, duplicates: Sequence[Hit] | None = None) -> HitOut:
        """Return a hit as it travels."""
        image = hit.image
        return HitOut(
            id=image.id,
            path=str(image.path),
            score=hit.score,
            probability=hit.probability,
            thumbnail=thumbnail_path(image),
            original=f"/v1/images/{image.id}/original",
            facts=Facts.model_validate(image) if self.facts else None,
            texts=None if self.texts is None else texts_out(self.texts.get(image.id, ())),
            duplicates=None if duplicates is None else [self.hit(one) for one in duplicates],
        )

    def stack(self, stack: Stack) -> HitOut:
        """Return folded hits as they travel."""
        return self.hit(stack.hit, stack.duplicates)


def image_out(image: ImageRecord, texts: Sequence[ImageText]) -> ImageOut:
    """Return an image as it travels."""
    return ImageOut(
        id=image.id,
        path=str(image.path),
        thumbnail=thumbnail_path(image),
        original=f"/v1/images/{image.id}/original",
        facts=Facts.model_validate(image),
        texts=texts_out(texts),
    )


def texts_out(texts: Sequence[ImageText]) -> list[TextOut]:
    """Return words about an image as they travel."""
    return [TextOut.model_validate(text) for text in texts]


def labels_out(labels: Sequence[Label]) -> list[LabelOut]:
    """Return labels as they travel."""
    return [LabelOut(text=label.text, score=label.score) for label in labels]


def thumbnail_path(image: ImageRecord) -> str:
    """Return where an image's thumbnail is; another address once its content changes, so that it may be kept."""
    return f"/v1/images/{image.id}/thumbnail?v={image.content_hash[:12]}"
