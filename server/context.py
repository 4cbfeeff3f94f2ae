"""What the routes of one server process share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

import anyio
from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from ..api import Library
from ..api.indexing_job import IndexJobs
from ..api.uploads import Uploads
from ..library.errors import PhotoseekError
from .batching import SearchBatches
from .gate import Caller
from .keys import Scope
from .limits import HeavyWork
from .logs import Served
from .metrics import Metrics
from .pictures import Pictures
from .problems import Problem
from .questions import Questions

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Context:
    """The library, and what answers from it. `threads` bounds the calls that wait for it off the event loop."""

    library: Library
    batches: SearchBatches
    questions: Questions
    uploads: Uploads
    pictures: Pictures
    jobs: IndexJobs
    metrics: Metrics
    heavy: HeavyWork
    threads: anyio.CapacityLimiter

    def log_trouble(self, error: PhotoseekError) -> None:
        """Note in the log what is told to nobody."""
        _log.warning("not ready: %s", error)

    async def close(self) -> None:
        """Answer what was asked, and let go of everything."""
        await self.batches.close()
        self.jobs.close()
        self.pictures.close()
        self.uploads.close()
        self.library.close()


def context_of(request: Request) -> Context:
    """Return what the server of a request was started with."""
    context = request.app.state.context
    if not isinstance(context, Context):
        raise TypeError("the server was not started")
    return context


def served_of(request: Request) -> Served:
    """Return what is told of a request in the log."""
    served: Served = request.state.served
    return served


def needs(scope: Scope) -> Callable[[Request], Caller]:
    """Return the dependency that lets a caller in who has `scope`."""

    def check(request: Request) -> Caller:
        caller: Caller = request.state.caller
        if caller.scope < scope:
            detail = f"this key is for {caller.scope.word}, and this needs one for {scope.word}"
            raise Problem(HTTPStatus.FORBIDDEN, detail)
        return caller

    return check


# Named for the OpenAPI document; the gate has looked at the key before.
_bearer = HTTPBearer(auto_error=False, description="a key of `photoseek keys create`; none is needed while none exists")

Given = Annotated[Context, Depends(context_of)]
Told = Annotated[Served, Depends(served_of)]
READER = [Depends(needs(Scope.READ)), Security(_bearer)]
WRITER = [Depends(needs(Scope.WRITE)), Security(_bearer)]
ADMIN = [Depends(needs(Scope.ADMIN)), Security(_bearer)]
