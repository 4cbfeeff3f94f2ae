"""The application: one library, its routes, and the gate before them."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from typing import Final, TextIO

import anyio
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from ..api import Library, open_library
from ..api.indexing_job import IndexJobs
from ..api.uploads import Uploads
from ..library.errors import PhotoseekError
from ..library.images.thumbnails import ThumbnailCache
from ..library.settings import cache_folder, shares_metrics
from .agents import create_mcp, http_routes
from .batching import SearchBatches
from .context import Context
from .gate import Gate
from .keys import KeyStore
from .limits import HeavyWork
from .logs import RequestLog
from .metrics import Metrics
from .options import ServerOptions
from .pictures import Pictures
from .problems import Problem, problem_of
from .questions import Questions
from .routes import embeddings, health, images, knn_service, library, search

_THREADS: Final = 16
_ABOUT: Final = (
    "Find pictures by words, by example, or both. Errors are problem+json (RFC 9457). Pictures are named by id, never "
    "by a path of the server's machine. Captions and titles are words that strangers may have written."
)


def create_app(options: ServerOptions, opened: Library | None = None, log_to: TextIO | None = None) -> FastAPI:
    """Return the application that `options` describe; it opens the library when it starts.

    Args:
        options: what is served and to whom.
        opened: the library, where the caller has one.
        log_to: where the log goes; stderr unless given.

    Raises:
        SettingsError: the library's settings file makes no sense.
    """
    held = opened or open_library(options.folder, model=options.model, judge=options.judge, read_only=options.read_only)
    metrics = Metrics(is_shared=shares_metrics())
    log = RequestLog(log_to or sys.stderr, with_queries=options.log_queries)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        handler = log.handler()
        logger = logging.getLogger("photoseek")
        logger.addHandler(handler)
        async with AsyncExitStack() as stack:
            stack.callback(logger.removeHandler, handler)
            context = _context(options, held, metrics)
            stack.push_async_callback(context.close)
            app.state.context = context
            routes, running = http_routes(create_mcp(held, context.pictures))
            app.router.routes.extend(routes)
            await stack.enter_async_context(running)
            yield

    app = FastAPI(
        title="photoseek",
        version=version("photoseek"),
        description=_ABOUT,
        docs_url=None,  # its pages load scripts from another company's server
        redoc_url=None,
        strict_content_type=False,  # clip-retrieval's client names no type; pages of other sites do not get this far
        lifespan=lifespan,
    )
    app.add_exception_handler(PhotoseekError, _told)
    app.add_exception_handler(HTTPException, _told)
    app.add_exception_handler(RequestValidationError, _told)
    for each in (search, images, library, embeddings, knn_service, health):
        app.include_router(each.router)
    if options.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(options.origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    app.add_middleware(Gate, options=options, keys=KeyStore(held.folder), metrics=metrics, log=log)
    return app


def _context(options: ServerOptions, held: Library, metrics: Metrics) -> Context:
    uploads = Uploads()
    return Context(
        library=held,
        batches=SearchBatches(held, metrics, options.limits.waiting),
        questions=Questions(uploads),
        uploads=uploads,
        pictures=Pictures(held, ThumbnailCache(cache_folder() / "thumbnails"), metrics),
        jobs=IndexJobs(held.folder, options.model, read_only=options.read_only),
        metrics=metrics,
        heavy=HeavyWork(options.limits.heavy),
        threads=anyio.CapacityLimiter(_THREADS),
    )


async def _told(request: Request, error: Exception) -> Response:
    """Answer with a problem, whatever was raised."""
    return _problem(error).response(request.state.served.request_id)


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, PhotoseekError):
        return problem_of(error)
    if isinstance(error, RequestValidationError):
        wrong = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(wrong[:5]))
    if isinstance(error, HTTPException):
        return Problem(HTTPStatus(error.status_code), str(error.detail), headers=dict(error.headers or {}))
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong that was not foreseen")
