"""The bodies of requests, as pydantic models: what they do not know they refuse."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_HITS = 1_000
"""Hits of one answer: whoever wants more turns pages."""

_LONGEST_TEXT = 2_000
_MOST_TERMS = 32
_MOST_INPUTS = 256

_Folder = Annotated[str, Field(min_length=1, max_length=4_096)]
_Text = Annotated[str, Field(min_length=1)]


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


class QuestionBody(Body):
    """A question about one picture."""

    question: Annotated[str, Field(min_length=1, max_length=1_000)]


class IndexBody(Body):
    """What to index; nothing means all that was indexed before. Only a key for admin may name other folders."""

    paths: Annotated[tuple[_Folder, ...], Field(max_length=64)] = ()
    retry_failed: bool = False
    prune: bool = False


class EmbeddingsBody(Body):
    """What to embed: texts, and pictures as data URIs or addresses on the web.

    `model` is the library's, by its name or its key; `dimensions` its own, since its vectors cannot be cut.
    """

    input: _Text | Annotated[list[_Text], Field(min_length=1, max_length=_MOST_INPUTS)]
    model: Annotated[str, Field(max_length=400)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    user: Annotated[str, Field(max_length=400)] | None = None


class KnnBody(BaseModel):
    """What clip-retrieval's clients send; what is about LAION's own data, as safety, changes nothing.

    Exactly one of `text`, `image` (base64), `image_url` and `embedding_input` is looked for.
    """

    model_config = ConfigDict(extra="allow")

    text: Annotated[str, Field(max_length=2_000)] | None = None
    image: str | None = None
    image_url: Annotated[str, Field(max_length=2_048)] | None = None
    embedding_input: Annotated[list[float], Field(max_length=8_192)] | None = None
    modality: str = "image"
    num_images: Annotated[int, Field(ge=1, le=1_000)] = 100
    num_result_ids: Annotated[int, Field(ge=1, le=10_000)] | None = None
    indice_name: str | None = None
    deduplicate: bool | None = False
