"""/v1/embeddings: the library's model for other programs, in the shape of OpenAI's API."""

from __future__ import annotations

import base64
from http import HTTPStatus

import numpy as np
from anyio.to_thread import run_sync
from fastapi import APIRouter

from ...library.types import Vectors
from ...search.remote import DEFAULT_FETCH, fetch_image
from ..answers import EmbeddingOut, EmbeddingsOut, ModelEntry, ModelsOut
from ..bodies import EmbeddingsBody
from ..context import READER, Context, Given
from ..problems import Problem
from ..questions import data_bytes

router = APIRouter(prefix="/v1", tags=["embeddings"], dependencies=READER)

_PICTURES = ("data:image/", "http://", "https://")


@router.get("/models")
def models(context: Given) -> ModelsOut:
    """Return the one model that embeds here, by its key: vectors may be compared where it is the same."""
    return ModelsOut(data=[ModelEntry(id=context.library.model_key)])


@router.post("/embeddings")
async def embeddings(body: EmbeddingsBody, context: Given) -> EmbeddingsOut:
    """Embed texts and pictures into the space that the library is searched in."""
    key = context.library.model_key
    if body.model not in {key, key.partition("@")[0]}:
        raise Problem(
            HTTPStatus.NOT_FOUND, f"the model here is {key}: send that, or its name, as `model`", "no-such-model"
        )
    inputs = [body.input] if isinstance(body.input, str) else body.input
    vectors = await run_sync(_vectors, context, inputs, limiter=context.threads)
    if body.dimensions is not None and body.dimensions != vectors.shape[1]:
        detail = f"vectors of {key} have {vectors.shape[1]} dimensions, and cannot be cut to {body.dimensions}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    data = [
        EmbeddingOut(index=index, embedding=_encoded(vector, body.encoding_format))
        for index, vector in enumerate(vectors)
    ]
    return EmbeddingsOut(data=data, model=key)


def _vectors(context: Context, inputs: list[str]) -> Vectors:
    texts = [one for one in inputs if not one.lower().startswith(_PICTURES)]
    known = dict(zip(texts, context.library.embed_texts(texts), strict=True)) if texts else {}
    return np.stack([known[one] if one in known else _picture(context, one) for one in inputs])


def _picture(context: Context, given: str) -> Vectors:
    data = data_bytes(given) if given.lower().startswith("data:") else fetch_image(given, DEFAULT_FETCH)
    vectors = context.library.embed_images([context.questions.picture(data).path])
    return np.asarray(vectors[0], dtype=np.float32)


def _encoded(vector: Vectors, encoding: str) -> list[float] | str:
    if encoding == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(number) for number in vector]
