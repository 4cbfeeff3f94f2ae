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

from ...api.indexing_job import IndexJobState
from ...library.errors import EvaluationError
from ...search.duplicates import DuplicateOptions
from ..answers import DuplicatesOut, EvaluationOut, FigureOut, GroupOut, InfoOut, JobOut, ModelOut, image_out
from ..bodies import IndexBody
from ..context import READER, WRITER, Context, Given
from ..gate import Caller
from ..keys import Scope
from ..problems import Problem, not_found
from .common import body_bytes

router = APIRouter(prefix="/v1", tags=["library"])


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
