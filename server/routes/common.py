"""What the routes have in common: answers as JSON, and bodies of bytes."""

from __future__ import annotations

from fastapi import Request, Response
from pydantic import BaseModel

from ...library.errors import QueryError
from ...library.types import ImageRecord
from ..context import Context
from ..problems import not_found


def json_response(answer: BaseModel, status: int = 200) -> Response:
    """Return an answer as JSON, written once and not checked a second time."""
    return Response(answer.model_dump_json(), status, media_type="application/json")


def image_of(context: Context, image_id: int) -> ImageRecord:
    """Return what is known of an image.

    Raises:
        Problem: it is not here.
    """
    image = context.library.images([image_id]).get(image_id)
    if image is None:
        raise not_found(f"image {image_id}")
    return image


async def body_bytes(request: Request) -> bytes:
    """Return the bytes of the picture that is the body, or the one file of a form.

    Raises:
        QueryError: there is none.
    """
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_files=1, max_fields=4) as form:
            file = next((value for value in form.values() if not isinstance(value, str)), None)
            data = b"" if file is None else await file.read()
    else:
        data = await request.body()
    if not data:
        raise QueryError("no picture was sent: make it the body, or a file of a form")
    return data
