"""/knn-service: the service of clip-retrieval (github.com/rom1504/clip-retrieval), for programs that speak to one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import numpy as np
from anyio.to_thread import run_sync
from fastapi import APIRouter

from ...library.types import Hit
from ...search.query.query import Query, Term, Words
from ...search.remote import DEFAULT_FETCH, fetch_image
from ..answers import KnnHit
from ..bodies import KnnBody
from ..context import READER, Context, Given
from ..problems import Problem
from ..questions import data_bytes

router = APIRouter(tags=["clip-retrieval"], dependencies=READER)

_INDICE: Final = "photoseek"


@router.get("/indices-list")
def indices() -> list[str]:
    """Return the names of the indices: one."""
    return [_INDICE]


@router.post("/knn-service")
async def knn_service(body: KnnBody, context: Given) -> list[KnnHit]:
    """Return the nearest images, as clip-retrieval's back end does."""
    given = [one for one in (body.text, body.image, body.image_url, body.embedding_input) if one]
    if len(given) != 1:
        detail = "one of text, image, image_url and embedding_input is looked for: send exactly one"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    if body.text:
        hits = await context.batches.search(Query((Term(Words(body.text)),), k=body.num_images))
    else:
        hits = await run_sync(_found, body, context, limiter=context.threads)
    return await run_sync(_told, hits, body, context, limiter=context.threads)


def _found(body: KnnBody, context: Context) -> list[Hit]:
    if body.embedding_input:
        vectors = np.array([body.embedding_input], dtype=np.float32)
        return context.library.nearest(vectors, k=body.num_images)[0]
    data = data_bytes(body.image) if body.image else fetch_image(body.image_url or "", DEFAULT_FETCH)
    return context.library.search(Query((Term(context.questions.picture(data)),), k=body.num_images))


def _told(hits: list[Hit], body: KnnBody, context: Context) -> list[KnnHit]:
    if body.deduplicate:
        hits = [stack.hit for stack in context.library.fold(hits)]
    texts = context.library.texts.of([hit.image for hit in hits])
    captions = {
        image_id: next((text.body for text in several if text.kind == "caption"), None)
        for image_id, several in texts.items()
    }
    return [
        KnnHit(
            id=hit.image.id,
            similarity=hit.score,
            url=f"/v1/images/{hit.image.id}/original",
            caption=captions.get(hit.image.id),
            image_path=str(hit.image.path),
        )
        for hit in hits
    ]
