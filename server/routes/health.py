"""/health, /ready and /metrics: what watches over a server asks these."""

from __future__ import annotations

from http import HTTPStatus

from anyio.to_thread import run_sync
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from ...library.errors import PhotoseekError
from ...search.query.query import Query, Term, Words
from ..context import READER, Context, Given
from ..problems import Problem

router = APIRouter(tags=["health"])


class StateOut(BaseModel):
    """`ok`."""

    status: str = "ok"


@router.get("/health")
async def health() -> StateOut:
    """Say that the process is there."""
    return StateOut()


@router.get("/ready")
async def ready(context: Given) -> StateOut:
    """Say that a search would be answered: the database, the model and the vectors are there.

    What is wrong otherwise is told in the log alone.
    """
    try:
        await run_sync(_try, context, limiter=context.threads)
    except PhotoseekError as error:
        context.log_trouble(error)
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "searches cannot be answered; the log says why") from error
    return StateOut()


def _try(context: Context) -> None:
    context.library.search(Query((Term(Words("a photograph")),), k=1))


@router.get("/metrics", dependencies=READER, response_class=Response)
def metrics(context: Given) -> Response:
    """Return what Prometheus reads."""
    library = context.library
    page = context.metrics.page(library.count, library.index_lag)
    return Response(page, media_type=CONTENT_TYPE_LATEST)
