"""A library on a server, with the verbs of `Library`: `photoseek.connect("http://nas:8600")`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

import httpx
import numpy as np
from pydantic import BaseModel, ValidationError

from ..library.errors import QueryError, RemoteError
from ..library.files import StrPath, expanded
from ..library.images.metadata.image_text import ImageText
from ..library.types import Hit, ImageRecord, Label, Vectors
from ..search.query.query import DEFAULT_K, Address, KnownImage, Picture, Query, Term, Words
from .answers import (
    AnswerOut,
    CaptionOut,
    EmbeddingsOut,
    Facts,
    HitOut,
    ImageOut,
    InfoOut,
    LabelsOut,
    ModelsOut,
    RerankOut,
    SearchOut,
    UploadOut,
)
from .bodies import MOST_HITS, EmbeddingsBody, QuestionBody, RerankBody, SearchBody, TermBody

_Out = TypeVar("_Out", bound=BaseModel)

_TIMEOUT_S: Final = 150.0
_INPUTS_AT_ONCE: Final = 128
_JSON: Final = {"Content-Type": "application/json"}
"""A picture that is sent is told apart by its address, not by its type."""


@dataclass(frozen=True, slots=True)
class RemoteRanking:
    """One of the orders that a rerank on a server goes through; see `photoseek.RerankResult`."""

    hits: tuple[Hit, ...]
    judged_count: int
    wanted_count: int
    is_final: bool
    trouble: str | None


class RemoteLibrary:
    """A library that a photoseek server answers for. Several threads may ask at once; it closes as a context manager.

    Every method raises `RemoteError` where the server is not reached or says no; its text is the server's reason.
    """

    def __init__(self, url: str, key: str | None = None, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        try:
            self._http = httpx.Client(base_url=self._url, headers=headers, timeout=_TIMEOUT_S, transport=transport)
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise RemoteError(self._url, "it is no address of a server: write it as http://HOST:8600") from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def search(
        self,
        query: str | Query | None = None,
        *,
        like: StrPath | None = None,
        where: str | None = None,
        k: int | None = None,
    ) -> list[Hit]:
        """Return up to `k` images nearest to words, to an example picture, or to both; best first.

        Args:
            query: words, or a `Query` without a filter.
            like: an example picture in a file of this machine, which is sent.
            where: a filter, as `taken_at >= 2023-01-01`.
            k: 20 unless given; beside a `Query`, in place of its own.

        Raises:
            QueryError: nothing was asked, a picture's file cannot be read, or a `Query` holds a filter.
        """
        asked = _as_query(query, like)
        wanted = k or asked.k
        found: list[Hit] = []
        for hits in self.pages(asked, where=where, page_size=min(wanted, MOST_HITS)):
            found += hits
            if len(found) >= wanted:
                break
        return found[:wanted]

    def pages(self, query: str | Query, *, where: str | None = None, page_size: int = DEFAULT_K) -> Iterator[list[Hit]]:
        """Yield the answer page by page, best first, to the end; each of 1 to 1,000 hits. The rest is as for `search`.

        Raises:
            QueryError: as `search` does.
        """
        asked = _as_query(query, None)
        if asked.where is not None:
            raise QueryError('a filter is sent as text: where="taken_at >= 2023-01-01", beside the Query')
        body = SearchBody(
            terms=tuple(self._term(term) for term in asked.terms),
            where=where,
            k=page_size,
            threshold=asked.threshold,
            sort=asked.sort.value,
            texts=asked.texts,
            calibrated=asked.calibrated,
        )
        while True:
            page = self._posted("/v1/search", body, SearchOut)
            yield [_hit(one) for one in page.hits]
            if page.next is None:
                return
            body = body.model_copy(update={"cursor": page.next})

    def similar(self, image_id: int, *, k: int = DEFAULT_K) -> list[Hit]:
        """Return the images most like one, which is not among them."""
        return [_hit(one) for one in self._got(f"/v1/images/{image_id}/similar", SearchOut, {"k": k}).hits]

    def refine(self, query: str, *, depth: int = 50, budget_s: float | None = 30.0) -> Iterator[RemoteRanking]:
        """Yield orders that get better: first as searched, then as judged; see `Library.refine`."""
        body = RerankBody(query=query, k=max(DEFAULT_K, depth), depth=depth, budget_s=budget_s)
        try:
            content = body.model_dump_json().encode()
            with self._http.stream("POST", "/v1/search/stream", content=content, headers=_JSON) as answer:
                self._check(answer)
                name = ""
                for line in answer.iter_lines():
                    field, _, value = line.partition(": ")
                    if field == "event":
                        name = value
                    elif field == "data" and name == "error":
                        raise RemoteError(self._url, _detail(value.encode()))
                    elif field == "data":
                        yield _ranking(self._read(RerankOut, value.encode()))
        except httpx.HTTPError as error:
            raise self._unreached(error) from error

    def image(self, image_id: int) -> ImageRecord:
        """Return what is known of an image."""
        found = self._got(f"/v1/images/{image_id}", ImageOut)
        return _record(found.id, found.path, found.facts)

    def texts(self, image_id: int) -> list[ImageText]:
        """Return the words about an image."""
        found = self._got(f"/v1/images/{image_id}", ImageOut)
        return [ImageText(text.source, text.kind, text.body, text.language) for text in found.texts]

    def thumbnail(self, image_id: int, *, side_px: int = 512) -> bytes:
        """Return a picture as JPEG, its longer side at most 256, 512 or 1,600 pixels."""
        return self._asked("GET", f"/v1/images/{image_id}/thumbnail", params={"side": side_px}).content

    def original(self, image_id: int) -> bytes:
        """Return a picture's file as it is."""
        return self._asked("GET", f"/v1/images/{image_id}/original").content

    def describe(self, image_id: int, *, k: int = 5, language: str | None = None) -> list[Label]:
        """Return the labels nearest to a picture, best first."""
        params: dict[str, str | int] = {"k": k} if language is None else {"k": k, "language": language}
        found = self._got(f"/v1/images/{image_id}/describe", LabelsOut, params)
        return [Label(one.text, one.score) for one in found.labels]

    def caption(self, image_id: int) -> list[str]:
        """Have a picture captioned, and return all its captions; needs a key for write."""
        answer = self._asked("POST", f"/v1/images/{image_id}/caption")
        return [one.body for one in self._read(CaptionOut, answer.content).captions]

    def ask(self, image_id: int, question: str) -> str:
        """Have the server's vision-language model answer a question about a picture."""
        return self._posted(f"/v1/images/{image_id}/ask", QuestionBody(question=question), AnswerOut).answer

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed n texts, at least one, into (n, dim) L2-normalised float32, in the space of the server's model."""
        model = self._got("/v1/models", ModelsOut).data[0].id
        rows: list[list[float] | str] = []
        for start in range(0, len(texts), _INPUTS_AT_ONCE):
            body = EmbeddingsBody(model=model, input=list(texts[start : start + _INPUTS_AT_ONCE]))
            rows += [one.embedding for one in self._posted("/v1/embeddings", body, EmbeddingsOut).data]
        return np.array(rows, dtype=np.float32)

    def count(self) -> int:
        """Return how many images the library holds."""
        return self._got("/v1/info", InfoOut).images

    def _term(self, term: Term) -> TermBody:
        match term.subject:
            case Words(text):
                return TermBody(text=text, weight=term.weight)
            case KnownImage(image_id):
                return TermBody(image_id=image_id, weight=term.weight)
            case Address(url):
                return TermBody(url=url, weight=term.weight)
            case Picture(path):
                return TermBody(upload=self._uploaded(path), weight=term.weight)

    def _uploaded(self, path: Path) -> str:
        try:
            data = path.read_bytes()
        except OSError as error:
            message = f"{path}: cannot be read: {error.strerror or error}"
            raise QueryError(message) from error
        return self._read(UploadOut, self._asked("POST", "/v1/uploads", content=data).content).upload

    def _got(self, path: str, kind: type[_Out], params: Mapping[str, str | int] | None = None) -> _Out:
        return self._read(kind, self._asked("GET", path, params=params).content)

    def _posted(self, path: str, body: BaseModel, kind: type[_Out]) -> _Out:
        return self._read(kind, self._asked("POST", path, content=body.model_dump_json().encode()).content)

    def _asked(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        try:
            answer = self._http.request(method, path, params=params, content=content, headers=_JSON)
        except httpx.HTTPError as error:
            raise self._unreached(error) from error
        self._check(answer)
        return answer

    def _check(self, answer: httpx.Response) -> None:
        if not answer.is_success:
            answer.read()
            raise RemoteError(self._url, _detail(answer.content), answer.status_code)

    def _read(self, kind: type[_Out], content: bytes) -> _Out:
        try:
            return kind.model_validate_json(content)
        except ValidationError as error:
            raise RemoteError(self._url, "it answers what this photoseek does not understand: is it one?") from error

    def _unreached(self, error: httpx.HTTPError) -> RemoteError:
        return RemoteError(self._url, f"it is not reached: {str(error) or type(error).__name__}")


def _as_query(query: str | Query | None, like: StrPath | None) -> Query:
    if isinstance(query, Query):
        if like is not None:
            raise QueryError("a Query holds its own pictures: put the example among its terms")
        return query
    words = () if query is None else (Term(Words(query)),)
    return Query((*words, *(() if like is None else (Term(Picture(expanded(like))),))))


def _ranking(told: RerankOut) -> RemoteRanking:
    hits = tuple(_hit(one) for one in told.hits)
    return RemoteRanking(hits, told.judged, told.wanted, told.is_final, told.trouble)


def _hit(told: HitOut) -> Hit:
    if told.facts is None:
        raise QueryError("the answer tells nothing of its images: ask with facts")
    return Hit(_record(told.id, told.path, told.facts), told.score, told.probability)


def _record(image_id: int, path: str, facts: Facts) -> ImageRecord:
    return ImageRecord(id=image_id, path=Path(path), **dict(facts))


def _detail(content: bytes) -> str:
    """Return what a problem says, or the beginning of what is none."""
    try:
        return _Problem.model_validate_json(content).detail
    except ValidationError:
        return content[:200].decode(errors="replace") or "it says nothing"


class _Problem(BaseModel):
    detail: str
