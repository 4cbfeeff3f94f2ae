"""Errors as answers: RFC 9457's problem+json, each saying what is wrong and what to do."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from ..library import errors

MEDIA_TYPE: Final = "application/problem+json"

# The first that fits counts.
_STATUS: Final[tuple[tuple[type[errors.PhotoseekError], HTTPStatus], ...]] = (
    (errors.LibraryReadOnly, HTTPStatus.FORBIDDEN),
    (errors.LibraryLocked, HTTPStatus.CONFLICT),
    (errors.LibraryError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.NothingIndexed, HTTPStatus.CONFLICT),
    (errors.NotIndexed, HTTPStatus.NOT_FOUND),
    (errors.NoVisionModel, HTTPStatus.NOT_IMPLEMENTED),
    (errors.UnknownModel, HTTPStatus.NOT_IMPLEMENTED),
    (errors.EndpointError, HTTPStatus.BAD_GATEWAY),
    (errors.NoAnswer, HTTPStatus.BAD_GATEWAY),
    (errors.EmbedderError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.DecodingUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.SettingsError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.PhotoseekError, HTTPStatus.UNPROCESSABLE_ENTITY),
)


class Problem(HTTPException):
    """An answer that is no success, raised where it is found out.

    `detail` is one line for people. `headers` go with it, as `Retry-After` does.
    """

    detail: str

    def __init__(self, status: HTTPStatus, detail: str, kind: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(status.value, detail, headers)
        self.status = status
        self.kind = kind or status.phrase.lower().replace(" ", "-")

    def response(self, request_id: str | None = None) -> Response:
        """Return it as an answer."""
        body = {
            "type": f"urn:photoseek:problem:{self.kind}",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
        }
        if request_id is not None:
            body["instance"] = f"urn:photoseek:request:{request_id}"
        return Response(json.dumps(body), self.status.value, self.headers, MEDIA_TYPE)


def problem_of(error: errors.PhotoseekError) -> Problem:
    """Return the answer to what photoseek raised."""
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    return Problem(status, " ".join(str(error).split()), _kebab(type(error).__name__))


def not_found(what: str) -> Problem:
    """Return the answer to a question after something that is not there."""
    return Problem(HTTPStatus.NOT_FOUND, f"{what} is not here")


def too_busy(retry_after_s: int = 1) -> Problem:
    """Return the answer while as much is waited for as may be."""
    detail = "more is being asked than can be answered: try again a little later"
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, "too-busy", {"Retry-After": str(retry_after_s)})


def _kebab(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
