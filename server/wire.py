"""What travels: the bodies of requests and answers, as pydantic models, and the way from and to photoseek's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..library.images.metadata.image_text import ImageText
from ..library.types import Hit, ImageRecord, Label
from ..search.duplicates import Stack

MOST_HITS = 1_000
"""Hits of one answer: whoever wants more turns pages."""

_LONGEST_TEXT = 2_000
_MOST_TERMS = 32


class Body(BaseModel):
    """A body that is sent: what it does not know it refuses."""

    model_config = ConfigDict(extra="forbid")


class TermBody(Body):
    """One thing to look for, by exactly one of `text`, `image_id`, `upload`, `url` and `data`."""

    text: Annotated[str, Field(min_length=1, max_length=_LONGEST_TEXT)] | None = None
    image_id: Annotated[int, Field(ge=0, lt=1 << 63)] | None = None
    upload: Annotated[str, Field(max_length=64, description="as POST /v1/uploads answered")] | None = None
    url: Annotated[str, Field(max_length=2_048, description="a picture on the web, by http or https")] | None = None
    data: Annotated[str, Field(description="a picture as a data URI: data:image/jpeg;base64,...")] | None = None
    weight: Annotated[float, Field(allow_inf_nan=False, description="below zero: to keep away from")] = 1.0

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [one for one in (self.text, self.image_id, self.upload, self.url, self.data) if one is not None]
        if len(given) != 1:
            raise ValueError("a term is one of text, image_id, upload, url and data")
        return self


class SearchBody(Body):
    """A question: words in `query`, or `terms`, or both; the rest as `photoseek search` takes it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"query": "a dog running on a beach", "k": 5},
                {
                    "terms": [{"text": "night"}, {"image_id": 1, "weight": 0.5}, {"text": "people", "weight": -1}],
                    "where": "width > 100",
                },
            ]
        },
    )

    query: Annotated[str, Field(min_length=1, max_length=_LONGEST_TEXT)] | None = None
    terms: Annotated[tuple[TermBody, ...], Field(max_length=_MOST_TERMS)] = ()
    where: Annotated[str, Field(max_length=4_000, description="a filter, as in docs/queries.md")] | None = None
    k: Annotated[int, Field(ge=1, le=MOST_HITS, description="hits of one page, at most")] = 20
    cursor: Annotated[str, Field(max_length=8_000, description="`next` of the page before")] | None = None
    threshold: Annotated[float, Field(allow_inf_nan=False)] | Literal["auto"] | None = None
    sort: Literal["score", "newest", "oldest"] = "score"
    texts: Annotated[bool, Field(description="images first whose captions, titles or keywords say the words")] = False
    calibrated: Annotated[bool, Field(description="have each hit tell how likely it matches")] = False
    fold: Annotated[bool, Field(description="near-duplicates under the best of them")] = False
    facts: Annotated[bool, Field(description="have hits tell what is known of their images")] = True
    captions: Annotated[bool, Field(description="have hits tell the words about their images")] = False


class RerankBody(SearchBody):
    """A question whose first hits are judged one by one; it has one page."""

    depth: Annotated[int, Field(ge=1, le=200, description="hits to judge, at most")] = 50
    budget_s: Annotated[float, Field(gt=0, le=600, description="how long to judge")] | None = 30.0


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
