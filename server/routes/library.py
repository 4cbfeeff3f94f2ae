"""/v1: what the library holds, runs that index, duplicates, and how well it finds what labelled queries ask for."""

from __future__ import annotations

import tempfile
import time
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi import Query as Parameter
from pydantic import BaseModel, ConfigDict, Field

from ...api.indexing_job import IndexJobState
from ...library.errors import EvaluationError
from ...search.duplicates import DuplicateOptions
from ..context import READER, WRITER, Context, Given
from ..gate import Caller
from ..keys import Scope
from ..problems import Problem, not_found
from ..wire import Body, ImageOut, image_out
from .common import body_bytes

router = APIRouter(prefix="/v1", tags=["library"])


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


_Folder = Annotated[str, Field(min_length=1, max_length=4_096)]


class IndexBody(Body):
    """What to index; nothing means all that was indexed before. Only a key for admin may name other folders."""

    paths: Annotated[tuple[_Folder, ...], Field(max_length=64)] = ()
    retry_failed: bool = False
    prune: bool = False


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


@router.get("/info", dependencies=READER)
def info(context: Given) -> InfoOut:
    """Return what the library holds."""
    held = context.library.info()
    models = [ModelOut(key=one.key, name=one.name, dim=one.dim, vectors=one.vectors) for one in held.models]
    return InfoOut(
        images=held.images,
        missing=held.missing,
        failures=held.failures,
        size_bytes=held.size_bytes,
        models=models,
    )


@router.post("/index", dependencies=WRITER, status_code=202)
def start_index(body: IndexBody, request: Request, context: Given) -> JobOut:
    """Begin to index; the run goes on by itself, one at a time, and is looked after at GET /v1/index."""
    caller: Caller = request.state.caller
    known = [str(root.path) for root in context.library.roots()] if context.library.folder.is_dir() else []
    if caller.scope < Scope.ADMIN and any(path not in known for path in body.paths):
        detail = "a key for write indexes again what was indexed before; other folders need one for admin"
        raise Problem(HTTPStatus.FORBIDDEN, detail)
    paths = list(body.paths) or known
    if not paths:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "nothing was indexed before: name the folders to index")
    return _job_out(context.jobs.start(paths, retry_failed=body.retry_failed, prune=body.prune))


@router.get("/index", dependencies=READER)
def index_state(context: Given) -> JobOut:
    """Return what the last run has come to."""
    state = context.jobs.state
    if state is None:
        raise not_found("a run that indexes")
    return _job_out(state)


@router.delete("/index", dependencies=WRITER, status_code=202)
def stop_index(context: Given) -> JobOut:
    """Have the run under way finish its batch and end; what it did stays."""
    context.jobs.stop()
    return index_state(context)


@router.get("/duplicates", dependencies=READER)
async def duplicates(
    context: Given,
    near: Annotated[bool, Parameter(description="pictures that are alike, too")] = True,  # noqa: FBT002 - as addresses say it
    top: Annotated[int, Parameter(ge=1, le=10_000, description="groups, at most")] = 1_000,
) -> DuplicatesOut:
    """Return groups of images of which one is enough, the largest group first."""
    async with context.heavy.place():
        groups = await run_sync(context.library.duplicates, DuplicateOptions(near=near), limiter=context.threads)
    told = [GroupOut(kind=group.kind, images=[image_out(one, ()) for one in group.images]) for group in groups[:top]]
    return DuplicatesOut(groups=told)


@router.post("/eval", dependencies=READER)
async def evaluate(request: Request, context: Given) -> EvaluationOut:
    """Measure how well the library finds what labelled queries ask for: a JSON Lines body, as `photoseek eval` reads.

    Whoever asks learns which images are in the library by their paths' ends, as every key for read may.
    """
    data = await body_bytes(request)
    async with context.heavy.place():
        return await run_sync(_evaluated, context, data, limiter=context.threads)


def _evaluated(context: Context, data: bytes) -> EvaluationOut:
    with tempfile.TemporaryDirectory(prefix="photoseek-eval-") as folder:
        file = Path(folder) / "queries.jsonl"
        file.write_bytes(data)
        try:
            figures = context.library.evaluate(file).figures()
        except EvaluationError as error:
            raise EvaluationError(Path("the queries"), error.reason) from error
    return EvaluationOut(figures=[FigureOut.model_validate(figure) for figure in figures])


def _job_out(state: IndexJobState) -> JobOut:
    word: Literal["running", "stopping", "done", "failed"] = "running"
    if state.error is not None:
        word = "failed"
    elif state.report is not None:
        word = "done"
    elif state.is_stopping:
        word = "stopping"
    report = state.report
    return JobOut(
        state=word,
        paths=list(state.paths),
        seconds=round(time.monotonic() - state.started_s, 1),
        done=None if state.progress is None else state.progress.done,
        total=None if state.progress is None else state.progress.total,
        report=None if report is None else {name: getattr(report, name) for name in report.__slots__},
        error=state.error,
    )
