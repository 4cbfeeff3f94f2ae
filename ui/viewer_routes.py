"""What the viewer fetches of one picture while it is looked at: facts, tiles, words, what is like it, answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .. import ImageRecord, PhotoseekError
from .deep_zoom import place_in
from .picture_facts import facts_of_picture, similar_to
from .places import without_folders
from .state import LONGEST_TEXT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .resources import Resources

ALWAYS: Final = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
KEPT: Final = ALWAYS | {"Cache-Control": "private, max-age=86400, immutable"}
_FRESH: Final = ALWAYS | {"Cache-Control": "no-store"}
_MOST_QUESTION_BYTES: Final = 4 * LONGEST_TEXT


def viewer_routes(resources: Resources, base: str) -> list[Route]:
    """Return the routes below `base` that the viewer asks."""
    about = _About(resources)
    answers = {"facts": about.facts, "similar": about.similar, "labels": about.labels}
    return [
        *(_route(f"{base}/pictures/{what}/{{image_id:int}}", about.answering(get)) for what, get in answers.items()),
        _route(f"{base}/pictures/ask/{{image_id:int}}", about.answering(about.ask), "POST"),
        _route(
            f"{base}/pictures/tile/{{image_id:int}}/{{level:int}}/{{column:int}}/{{row:int}}",
            about.answering(about.tile),
        ),
    ]


def _route(path: str, answer: Callable[[Request], Awaitable[Response]], method: str = "GET") -> Route:
    return Route(path, answer, methods=[method])


class _About:
    """The answers about one picture, for those who were shown its thumbnail."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def answering(
        self, answer: Callable[[Request, ImageRecord], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return the answer to a request: that of `answer`, or that there is no such picture to be seen."""

        async def respond(request: Request) -> Response:
            image_id = request.path_params["image_id"]
            if not self._resources.pictures.may_view(image_id, request.query_params.get("k", "")):
                return refused(404, "no such picture")
            try:
                image = await run_in_threadpool(self._resources.pictures.record, image_id)
                return refused(404, "no such picture") if image is None else await answer(request, image)
            except PhotoseekError as error:
                return refused(422, without_folders(str(error)))

        return respond

    async def facts(self, _request: Request, image: ImageRecord) -> Response:
        return JSONResponse(await run_in_threadpool(facts_of_picture, image, self._resources), headers=_FRESH)

    async def similar(self, _request: Request, image: ImageRecord) -> Response:
        return JSONResponse(await run_in_threadpool(similar_to, image, self._resources), headers=_FRESH)

    async def labels(self, _request: Request, image: ImageRecord) -> Response:
        """Waits for its turn without a thread: the first time, a model reads a whole vocabulary."""
        found = await asyncio.shield(
            asyncio.wrap_future(self._resources.labelling.finding(image.id, image.content_hash))
        )
        return JSONResponse(list(dict.fromkeys(label.text for label in found)), headers=_FRESH)

    async def tile(self, request: Request, image: ImageRecord) -> Response:
        level, column, row = (request.path_params[name] for name in ("level", "column", "row"))
        place = place_in(image, level, column, row)
        if place is None:
            return refused(404, "no such tile")
        tiles = self._resources.pictures.tiles
        data = await run_in_threadpool(tiles.kept, image, level, place)
        if data is None:
            # Shielded: a viewer that has moved on is not to spoil the cut for those who wait for it too.
            cut = await asyncio.shield(asyncio.wrap_future(tiles.cutting(image, level)))
            data = cut[place]
        return Response(data, media_type="image/jpeg", headers=KEPT)

    async def ask(self, request: Request, image: ImageRecord) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_QUESTION_BYTES:
                return refused(413, f"a question may have {LONGEST_TEXT} characters")
        question = body.decode(errors="replace").strip()[:LONGEST_TEXT]
        answer = await run_in_threadpool(self._resources.library.ask, image.id, question)
        return JSONResponse({"answer": answer}, headers=_FRESH)


def refused(status: int, reason: str) -> Response:
    """Return an answer that says why there is none."""
    return JSONResponse({"error": reason}, status, headers=ALWAYS)
