"""/v1/search: words, pictures and their mixtures; page by page, or as an order that a judge makes better and better."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Annotated, Final

from anyio.to_thread import run_sync
from fastapi import APIRouter, Response
from fastapi import Query as Parameter
from fastapi.responses import StreamingResponse

from ...api import Library
from ...library.errors import PhotoseekError
from ...library.types import Hit
from ...rerank.base import Box, RerankResult
from ...search.query.query import Threshold
from ..answers import BoxOut, HitOut, Look, RerankedOut, RerankOut, SearchOut
from ..batching import is_shareable
from ..bodies import RerankBody, SearchBody
from ..context import READER, Context, Given, Told
from ..problems import problem_of
from ..questions import Page
from .common import json_response

router = APIRouter(prefix="/v1", tags=["search"], dependencies=READER)

_MOST_FOUND: Final = 20_000


@router.post("/search", response_model=SearchOut)
async def search(body: SearchBody, context: Given, served: Told) -> Response:
    """Return the images nearest to words, to pictures, or to a mixture of both; best first, page by page."""
    return json_response(await _answer(body, context, served))


@router.get("/search", response_model=SearchOut)
async def search_words(  # noqa: PLR0913, PLR0917 - the parameters of an address
    q: Annotated[str, Parameter(min_length=1, max_length=2_000, description="the words, taken as they are")],
    context: Given,
    served: Told,
    k: Annotated[int, Parameter(ge=1, le=1_000)] = 20,
    where: Annotated[str | None, Parameter(max_length=4_000)] = None,
    threshold: Annotated[str | None, Parameter(pattern=r"^(auto|-?(0|1)(\.\d+)?)$")] = None,
    cursor: Annotated[str | None, Parameter(max_length=8_000)] = None,
) -> Response:
    """Return the images nearest to words; the same as POST /v1/search for what an address can say."""
    cut: Threshold = None
    if threshold is not None:
        cut = "auto" if threshold == "auto" else float(threshold)
    body = SearchBody(query=q, k=k, where=where, threshold=cut, cursor=cursor)
    return json_response(await _answer(body, context, served))


async def _answer(body: SearchBody, context: Context, served: Told) -> SearchOut:
    start_s = time.perf_counter()
    served.query = body.model_dump_json(exclude_defaults=True, exclude={"terms": {"__all__": {"data"}}})
    page = Page.of(body)
    wanted = page.wanted(body.k) if body.sort == "score" else body.k
    with context.metrics.stage("read"):
        if all(term.url is None and term.data is None for term in body.terms):
            query = context.questions.query(body, wanted)
        else:
            query = await run_sync(context.questions.query, body, wanted, limiter=context.threads)
    with context.metrics.stage("answer"):
        while True:
            if is_shareable(query):
                hits = await context.batches.search(query)
            else:
                hits = await run_sync(context.library.search, query, limiter=context.threads)
            shown, after = page.cut(hits, body.k, body)
            if after is not None or len(hits) < query.k or query.k >= _MOST_FOUND or body.sort != "score":
                break
            query = replace(query, k=min(2 * query.k, _MOST_FOUND))
    if body.captions or body.fold:
        told = await run_sync(_told, context.library, body, shown, limiter=context.threads)
    else:
        told = [Look(body.facts).hit(hit) for hit in shown]
    return SearchOut(hits=told, next=after, took_ms=round((time.perf_counter() - start_s) * 1_000, 2))


def _told(library: Library, body: SearchBody, hits: list[Hit]) -> list[HitOut]:
    texts = library.texts.of([hit.image for hit in hits]) if body.captions else None
    look = Look(body.facts, texts)
    return [look.stack(stack) for stack in library.fold(hits)] if body.fold else [look.hit(hit) for hit in hits]


@router.post("/search/stream", responses={200: {"content": {"text/event-stream": {}}, "model": RerankOut}})
async def search_stream(body: RerankBody, context: Given, served: Told) -> StreamingResponse:
    """Return orders of the hits as server-sent events, `ranking` each: first as searched, then as judged.

    The last has `is_final`. An `error` event holds a problem. Whoever hangs up ends the judging.
    """
    served.query = body.query
    query = await run_sync(context.questions.query, body, body.k, limiter=context.threads)
    results = context.library.refine(query, depth=body.depth, budget_s=body.budget_s)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(body, results, context), media_type="text/event-stream", headers=headers)


async def _events(body: RerankBody, results: Iterator[RerankResult], context: Context) -> AsyncIterator[bytes]:
    """Step through the results in a thread; a step that is under way when the reader goes is the last."""
    try:
        async with context.heavy.place():
            start_s = time.perf_counter()
            while True:
                result = await asyncio.shield(run_sync(next, results, None, limiter=context.threads))
                if result is None:
                    break
                yield _event("ranking", _rerank_out(body, result).model_dump_json())
                if result.is_final:
                    context.metrics.judged.labels("hit").inc(result.cached_count)
                    context.metrics.judged.labels("miss").inc(result.judged_count - result.cached_count)
                    if result.trouble is not None:
                        context.metrics.vlm_errors.labels("rerank").inc()
            context.metrics.vlm_seconds.labels("rerank").observe(time.perf_counter() - start_s)
    except PhotoseekError as error:
        context.metrics.vlm_errors.labels("rerank").inc()
        yield _event("error", bytes(problem_of(error).response().body).decode())


def _box_out(box: Box | None) -> BoxOut | None:
    return None if box is None else BoxOut.model_validate(box)


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def _rerank_out(body: RerankBody, result: RerankResult) -> RerankOut:
    look = Look(body.facts)
    hits = [
        RerankedOut(
            **look.hit(one.hit).model_dump(),
            fused=one.score,
            rank_before=one.rank_before,
            judgement=None if one.judgement is None else one.judgement.probability,
            vetoed=one.vetoed,
            box=None if one.judgement is None else _box_out(one.judgement.box),
        )
        for one in result.hits[: body.k]
    ]
    return RerankOut(
        hits=hits,
        judge=result.judge,
        weight=result.weight,
        judged=result.judged_count,
        wanted=result.wanted_count,
        is_final=result.is_final,
        trouble=result.trouble,
    )
