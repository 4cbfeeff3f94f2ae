"""What pages fetch of many pictures at once: where they were taken, and their files as one archive."""

from __future__ import annotations

import io
import zipfile
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .. import ImageRecord, PhotoseekError
from ..api import Library
from ..search.describe import Vocabulary
from .images import Shape
from .state import LONGEST_TEXT, read_area
from .viewer_routes import ALWAYS, refused

if TYPE_CHECKING:
    from .resources import Resources

_SHORTEST, _MOST_PROPOSED, _NEAR = 2, 6, 200
MOST_ORIGINALS: Final = 300
_CHUNK_BYTES: Final = 1 << 20
_SMALLEST_CELL, _LARGEST_CELL = 1e-4, 45.0


def page_routes(resources: Resources, base: str) -> list[Route]:
    """Return the routes below `base` that pages ask."""
    serving = _Many(resources)
    return [
        Route(f"{base}/pictures/places", serving.places, methods=["GET"]),
        Route(f"{base}/pictures/suggest", serving.suggestions, methods=["GET"]),
        Route(f"{base}/pictures/originals", serving.originals, methods=["GET"]),
    ]


def originals_address(images: Sequence[ImageRecord], resources: Resources) -> str:
    """Return where the browser finds the files of these pictures, MOST_ORIGINALS at most, as one archive."""
    ids = ",".join(str(image.id) for image in images[:MOST_ORIGINALS])
    return f"{resources.pictures.prefix}/originals?ids={ids}&k={resources.pictures.sign(f'originals/{ids}')}"


class _Many:
    """The answers about many pictures."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def places(self, request: Request) -> Response:
        """Where pictures were taken within an area, gathered in cells of so many degrees."""
        if not self._resources.pictures.is_signed("places", request.query_params.get("k", "")):
            return refused(404, "no such map")
        area = read_area(request.query_params.get("at", ""))
        try:
            cell = min(_LARGEST_CELL, max(_SMALLEST_CELL, float(request.query_params.get("cell", "1"))))
        except ValueError:
            return refused(422, "cell is a number of degrees")
        if area is None or cell != cell:  # noqa: PLR0124 - not a number
            return refused(422, "at is an area: south, west, north and east, in degrees")
        library, pictures = self._resources.library, self._resources.pictures
        try:
            spots = await run_in_threadpool(library.overviews.spots, area, cell)
            records = await run_in_threadpool(library.images, [spot.image_id for spot in spots])
        except PhotoseekError:
            return refused(404, "no such map")
        told = [
            {
                "at": [spot.longitude, spot.latitude],
                "count": spot.count,
                "id": spot.image_id,
                "name": records[spot.image_id].path.name.encode(errors="backslashreplace").decode(),
                "src": pictures.address(records[spot.image_id], Shape.GRID),
            }
            for spot in spots
            if spot.image_id in records
        ]
        return JSONResponse(told, headers=ALWAYS | {"Cache-Control": "no-store"})

    async def suggestions(self, request: Request) -> Response:
        """Words that begin as what is typed does: keywords of the library first, then things that can be seen."""
        if not self._resources.pictures.is_signed("suggest", request.query_params.get("k", "")):
            return refused(404, "no such words")
        begun = " ".join(request.query_params.get("q", "").casefold().split())[:LONGEST_TEXT]
        try:
            keywords = await run_in_threadpool(self._resources.library.overviews.keywords)
        except PhotoseekError:
            keywords = {}
        return JSONResponse(proposals(begun, keywords), headers=ALWAYS | {"Cache-Control": "no-store"})

    async def originals(self, request: Request) -> Response:
        """Files as they are in one archive, written as it is sent: none of it is held but the file at hand."""
        ids = request.query_params.get("ids", "")
        if not self._resources.pictures.is_signed(f"originals/{ids}", request.query_params.get("k", "")):
            return refused(404, "no such pictures")
        wanted = [int(each) for each in ids.split(",") if each]
        records = await run_in_threadpool(self._resources.library.images, wanted)
        images = [records[each] for each in wanted if each in records]
        headers = ALWAYS | {"Content-Disposition": 'attachment; filename="pictures.zip"', "Cache-Control": "no-store"}
        return StreamingResponse(archived(images, self._resources.library), 200, headers, "application/zip")


def proposals(begun: str, keywords: Mapping[str, int]) -> list[dict[str, str]]:
    """Return words that begin so, with where they are from: keywords first, as often as they occur, then nouns."""
    if len(begun) < _SHORTEST:
        return []
    fitting = [word for word in keywords if word.casefold().startswith(begun)][:_MOST_PROPOSED]
    nouns, ranks = _nouns()
    place = bisect_left(nouns, begun)
    near = [noun for noun in nouns[place : place + _NEAR] if noun.startswith(begun)]
    near.sort(key=ranks.__getitem__)  # the commonest first
    known = {word.casefold() for word in fitting}
    return [
        *({"text": word, "kind": f"keyword · {keywords[word]:,}"} for word in fitting),
        *({"text": noun, "kind": ""} for noun in near[: _MOST_PROPOSED - len(fitting)] if noun not in known),
    ]


@cache
def _nouns() -> tuple[tuple[str, ...], dict[str, int]]:
    """The nouns in the order of their letters, and the place of each among the commonest."""
    ranks: dict[str, int] = {}
    for rank, label in enumerate(Vocabulary.nouns().labels):
        ranks.setdefault(label.casefold(), rank)
    return tuple(sorted(ranks)), ranks


def archived(images: Sequence[ImageRecord], library: Library) -> Iterator[bytes]:
    """Yield the bytes of an archive of these images' files, stored as they are; one that is gone is named in a note."""
    sink = _Sink()
    gone: list[str] = []
    taken: set[str] = set()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for image in images:
            name = _free_name(image, taken)
            try:
                stream = _opened(library.original(image))
            except (PhotoseekError, OSError):
                gone.append(name)
                continue
            with stream, archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as entry:
                while chunk := stream.read(_CHUNK_BYTES):
                    entry.write(chunk)
                    yield sink.taken()
            yield sink.taken()
        if gone:
            archive.writestr("not readable any more.txt", "".join(f"{name}\n" for name in gone))
    yield sink.taken()


def _opened(original: Path | bytes) -> BinaryIO:
    return io.BytesIO(original) if isinstance(original, bytes) else original.open("rb")


def _free_name(image: ImageRecord, taken: set[str]) -> str:
    """Return a name no other file in the archive has; names of files differ in their folders alone."""
    shown = PurePosixPath(image.path.name.encode(errors="backslashreplace").decode().replace("\\", "_"))
    name, number = str(shown), 1
    while name.casefold() in taken:
        number += 1
        name = f"{shown.stem} ({number}){shown.suffix}"
    taken.add(name.casefold())
    return name


class _Sink(io.RawIOBase):
    """A file that can only be written, and whose bytes are taken away as they come."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        self._held += data
        return len(data)

    def taken(self) -> bytes:
        """Return what was written since it was last asked for."""
        data = bytes(self._held)
        self._held.clear()
        return data
