"""What the browser may fetch beside the pages: pictures by id, and the way in for pictures that are brought."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from .. import ImageRecord, PhotoseekError
from ..api.uploads import MOST_UPLOAD_BYTES, Uploads
from .images import ImageServer, Shape
from .page_routes import page_routes
from .viewer_routes import ALWAYS, KEPT, refused, viewer_routes

if TYPE_CHECKING:
    from .resources import Resources

_WORLD: Final = Path(__file__).with_name("assets") / "world.json"


def routes_of(resources: Resources) -> list[Route]:
    """Return the routes that serve one library's pictures."""
    base = f"/{resources.options.base_path}" if resources.options.base_path else ""
    serving = _Serving(resources.pictures, resources.uploads)
    return [
        Route(f"{base}/pictures/upload", serving.upload, methods=["POST"]),
        Route(f"{base}/pictures/world", _world, methods=["GET"]),
        *viewer_routes(resources, base),
        *page_routes(resources, base),
        Route(f"{base}/pictures/{{shape}}/{{image_id:int}}", serving.picture, methods=["GET"]),
    ]


async def _world(_request: Request) -> Response:
    """The coasts and borders under the pages' maps; see docs/make_world.py."""
    return FileResponse(_WORLD, media_type="application/json", headers=KEPT)


class _Serving:
    """The answers to what the browser fetches."""

    def __init__(self, pictures: ImageServer, uploads: Uploads) -> None:
        self._pictures = pictures
        self._uploads = uploads

    async def picture(self, request: Request) -> Response:
        """Answer with one picture, or that there is none; who has no signature is told nothing more."""
        shape, image_id = request.path_params["shape"], request.path_params["image_id"]
        signature = request.query_params.get("k", "")
        if shape not in {each.value for each in Shape} or not self._pictures.is_signed(
            f"{shape}/{image_id}", signature
        ):
            return refused(404, "no such picture")
        try:
            return await run_in_threadpool(self._picture, image_id, Shape(shape))
        except PhotoseekError:
            return refused(404, "this picture cannot be read any more")

    def _picture(self, image_id: int, shape: Shape) -> Response:
        image = self._pictures.record(image_id)
        if image is None:
            return refused(404, "no such picture")
        if shape is Shape.FILE:
            return self._file(image)
        return Response(self._pictures.jpeg(image, shape), media_type="image/jpeg", headers=KEPT)

    def _file(self, image: ImageRecord) -> Response:
        """The file as it is, for saving: whatever is in it, the browser is not to show or run it here."""
        name = image.path.name
        headers = ALWAYS | {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, errors='replace')}"}
        original = self._pictures.original(image)
        if isinstance(original, bytes):
            return Response(original, media_type="application/octet-stream", headers=headers)
        return FileResponse(original, media_type="application/octet-stream", headers=headers)

    async def upload(self, request: Request) -> Response:
        """Take in one picture, sent as the body; answer with its key."""
        visit = request.query_params.get("visit", "")
        if not self._pictures.is_signed(f"upload/{visit}", request.query_params.get("k", "")):
            return refused(403, "this page is out of date: load it again")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_UPLOAD_BYTES:
                return refused(413, f"pictures of up to {MOST_UPLOAD_BYTES >> 20} MB can be brought")
        name = request.query_params.get("name", "")
        try:
            upload = await asyncio.to_thread(self._uploads.add, bytes(body), name, visit)
        except PhotoseekError as error:
            return refused(422, str(error))
        return JSONResponse({"key": upload.key}, headers=ALWAYS)
