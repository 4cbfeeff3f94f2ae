"""/v1/images: one picture, what is known of it, what is like it, and what models say of it; and pictures brought."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import quote

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter
from fastapi import Query as Parameter
from fastapi.responses import FileResponse

from ...library.types import ImageRecord
from ...rerank.base import CaptionStyle
from ...rerank.captioning import CaptionOptions
from ...search.query.query import KnownImage, Query, Term
from ..answers import (
    AnswerOut,
    CaptionOut,
    ImageOut,
    LabelsOut,
    Look,
    SearchOut,
    UploadOut,
    image_out,
    labels_out,
    texts_out,
)
from ..bodies import QuestionBody
from ..context import READER, WRITER, Context, Given
from .common import body_bytes, image_of, json_response

router = APIRouter(prefix="/v1", tags=["images"])

ImageId = Annotated[int, PathParameter(ge=0, lt=1 << 63)]
Side = Literal["256", "512", "1600"]
_KEPT: Final = {"Cache-Control": "private, max-age=86400, immutable"}


@router.get("/images/{image_id}", dependencies=READER)
def image(image_id: ImageId, context: Given) -> ImageOut:
    """Return what is known of an image, and the words about it."""
    found = image_of(context, image_id)
    return image_out(found, context.library.texts.of([found]).get(image_id, ()))


@router.get(
    "/images/{image_id}/thumbnail",
    dependencies=READER,
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
def thumbnail(image_id: ImageId, context: Given, side: Side = "512") -> Response:
    """Return the picture as JPEG, upright, its longer side at most `side` pixels."""
    data = context.pictures.thumbnail(image_of(context, image_id), int(side))
    return Response(data, media_type="image/jpeg", headers=_KEPT)


@router.get(
    "/images/{image_id}/original",
    dependencies=READER,
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def original(image_id: ImageId, context: Given) -> Response:
    """Return the picture's file as it is, to be saved."""
    found = image_of(context, image_id)
    name = quote(found.path.name, errors="replace")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    file = context.pictures.original(found)
    if isinstance(file, Path):
        return FileResponse(file, media_type="application/octet-stream", headers=headers)
    return Response(file, media_type="application/octet-stream", headers=headers)


@router.get("/images/{image_id}/similar", dependencies=READER, response_model=SearchOut)
async def similar(image_id: ImageId, context: Given, k: Annotated[int, Parameter(ge=1, le=1_000)] = 20) -> Response:
    """Return the images most like this one, which is not among them."""
    hits = await context.batches.search(Query((Term(KnownImage(image_id)),), k=k + 1))
    others = [hit for hit in hits if hit.image.id != image_id][:k]
    return json_response(SearchOut(hits=[Look().hit(hit) for hit in others], took_ms=0.0))


@router.get("/images/{image_id}/describe", dependencies=READER)
def describe(
    image_id: ImageId,
    context: Given,
    k: Annotated[int, Parameter(ge=1, le=100)] = 5,
    language: Annotated[str | None, Parameter(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$", max_length=20)] = None,
) -> LabelsOut:
    """Return the labels nearest to the picture: nouns, or things that have a name in `language`."""
    image_of(context, image_id)
    if language is None:
        return LabelsOut(labels=labels_out(context.library.labels(image_id, k=k)))
    return LabelsOut(labels=labels_out(context.library.describe(KnownImage(image_id), k=k, language=language)))


@router.get("/images/{image_id}/caption", dependencies=READER)
def captions(image_id: ImageId, context: Given) -> CaptionOut:
    """Return the captions that the library has of the picture."""
    return _captions(image_of(context, image_id), context)


@router.post("/images/{image_id}/caption", dependencies=WRITER)
async def caption(
    image_id: ImageId,
    context: Given,
    language: Annotated[str, Parameter(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$", max_length=20)] = "en",
) -> CaptionOut:
    """Have the picture captioned by the library's model, keep what it says, and return all its captions."""
    found = await run_sync(image_of, context, image_id, limiter=context.threads)
    options = CaptionOptions(style=CaptionStyle(language=language))
    async with context.heavy.place():
        with context.metrics.vlm_seconds.labels("caption").time():
            report = await run_sync(context.library.caption, [found.path], options, limiter=context.threads)
    if report.failed:
        context.metrics.vlm_errors.labels("caption").inc()
    return await run_sync(_captions, found, context, limiter=context.threads)


@router.post("/images/{image_id}/ask", dependencies=READER)
async def ask(image_id: ImageId, body: QuestionBody, context: Given) -> AnswerOut:
    """Have the vision-language model answer a question about the picture."""
    await run_sync(image_of, context, image_id, limiter=context.threads)
    async with context.heavy.place():
        with (
            context.metrics.vlm_errors.labels("ask").count_exceptions(),
            context.metrics.vlm_seconds.labels("ask").time(),
        ):
            answer = await run_sync(context.library.ask, image_id, body.question, limiter=context.threads)
    return AnswerOut(answer=answer)


@router.post("/uploads", dependencies=READER, status_code=201)
async def upload(request: Request, context: Given) -> UploadOut:
    """Take in a picture, as the body or as a file of a form, to be searched with; it is kept for a while."""
    data = await body_bytes(request)
    caller = request.state.caller
    kept = await run_sync(context.uploads.add, data, "upload", caller.name, limiter=context.threads)
    return UploadOut(upload=kept.key)


def _captions(image: ImageRecord, context: Context) -> CaptionOut:
    texts = context.library.texts.of([image]).get(image.id, ())
    return CaptionOut(captions=texts_out([text for text in texts if text.kind == "caption"]))
