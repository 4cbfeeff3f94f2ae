"""The vision-language model at work: hits judged and reranked, images captioned, questions about one answered."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..library.errors import LibraryNotFound, NoAnswer, NotIndexed, NoVisionModel, QueryError
from ..library.files import StrPath, expanded
from ..library.images.metadata.image_text import printable
from ..search.query.query import Query, Term, Words, check_text
from .handle import LibraryHandle
from .query_service import QueryService
from .vision_models import VisionModels

# Imported where it is needed: see handle.py.
if TYPE_CHECKING:
    from ..library.catalog.vlm_answers import JudgementCatalog
    from ..rerank.base import CaptionStyle, RerankResult
    from ..rerank.captioning import CaptionOptions, CaptionReport
    from ..rerank.fusion import Weights
    from ..rerank.fusion_fit import FusionFit
    from ..rerank.reranker import Reranker


class VlmService:
    """Has models look at one library's images, one by one; `Library` describes its methods."""

    def __init__(self, handle: LibraryHandle, queries: QueryService, models: VisionModels) -> None:
        self._handle = handle
        self._queries = queries
        self._models = models

    def refine(self, query: str | Query, depth: int, budget_s: float | None) -> Iterator[RerankResult]:
        """Yield better and better orders."""
        from ..rerank.reranker import Effort, Questions

        asked = query if isinstance(query, Query) else Query((Term(Words(query)),))
        effort, questions = Effort(depth, budget_s), Questions.of(asked)
        first = self._queries.candidates(replace(asked, k=max(asked.k, depth)))
        return self._reranker().refine(first, questions, effort)

    def tune(self, queries: StrPath, depth: int, progress: Callable[[int, int], None] | None) -> FusionFit:
        """Learn the judge's weight from labelled queries."""
        from ..rerank.fusion import LearnedWeight
        from ..rerank.fusion_fit import Tuner
        from ..search.labelled_queries import read_labelled_queries

        handle = self._handle
        handle.store.check_writable()
        path, reranker = expanded(queries), self._reranker()
        tuner = Tuner(handle.catalog, handle.model, self._queries.engine, handle.text_vectors, reranker, depth)
        found = tuner.tune(path, read_labelled_queries(path), progress)
        gain = found.gain
        learned = LearnedWeight(found.weight, found.queries, gain.mean, gain.low, gain.high)
        self._weights.keep(reranker.judge.spec.key, learned)
        return found

    def caption(self, paths: StrPath | Sequence[StrPath] | None, options: CaptionOptions | None) -> CaptionReport:
        """Caption the library's images."""
        from ..rerank.captioning import Captioning, CaptionOptions
        from ..rerank.prompts import caption_prompt

        handle = self._handle
        handle.store.check_writable()
        options = options or CaptionOptions()
        caption_prompt(options.style)
        given = [paths] if isinstance(paths, str | os.PathLike) else paths
        if given is not None and not given:
            raise QueryError("no paths were given: None stands for all of the library")
        store, captioner = handle.store, self._models.captioner
        run = Captioning(store.catalog, handle.model, handle.embedder, captioner, lambda: store.writing("caption"))
        return run.caption([self._known_path(path) for path in given or ()], options)

    def ask(self, picture: StrPath | int, question: str, *, force: bool) -> str:
        """Answer a question about one picture."""
        from ..rerank.image_input import read_image
        from ..rerank.memory import Memory

        words = " ".join(question.split())
        if not words:
            raise QueryError("the question is empty")
        check_text(words, "the words of the question")
        path = self._image_path(picture) if isinstance(picture, int) else expanded(picture)
        try:
            model = self._models.answerer
        except NoVisionModel as error:
            raise NoVisionModel(self.caption_of(path, None)) from error
        image, content_hash = read_image(str(path), model.spec.side_px)
        memory = Memory(self._judgements, model.spec)
        known = {} if force else memory.answers("ask", words, [content_hash])
        if content_hash in known:
            return known[content_hash]
        answer = _said(model.spec.name, model.ask(image, words))
        memory.keep_answers("ask", words, {content_hash: answer})
        return answer

    def caption_of(self, picture: StrPath, style: CaptionStyle | None) -> str:
        """Caption a picture in a file."""
        from ..rerank.base import CaptionStyle
        from ..rerank.image_input import read_image
        from ..rerank.prompts import caption_prompt

        style = style or CaptionStyle()
        caption_prompt(style)
        captioner = self._models.captioner
        image, _ = read_image(str(expanded(picture)), captioner.spec.side_px)
        return _said(captioner.spec.name, captioner.caption([image], style)[0])

    def _reranker(self) -> Reranker:
        from ..rerank.memory import Memory
        from ..rerank.reranker import Reranker

        judge = self._models.judge
        learned = self._weights.of(judge.spec.key)
        weight = judge.spec.usual_weight if learned is None else learned.weight
        return Reranker(judge, Memory(self._handle.catalog.judgements, judge.spec), weight)

    @cached_property
    def _weights(self) -> Weights:
        from ..rerank.fusion import Weights

        return Weights(self._handle.folder, self._handle.model.key)

    @property
    def _judgements(self) -> JudgementCatalog | None:
        """Where answers are kept; None without a library, since a picture can be asked about all the same."""
        try:
            return self._handle.catalog.judgements
        except LibraryNotFound:
            return None

    def _known_path(self, path: StrPath) -> str:
        """Return the path under which the library knows a folder, file or archive."""
        name = os.path.abspath(expanded(path))  # noqa: PTH100 - as indexing writes them
        known = next((one for one in (name, f"{name}!") if self._handle.catalog.is_known(one)), None)
        if known is None:
            raise NotIndexed(Path(name))
        return known

    def _image_path(self, image_id: int) -> Path:
        records = self._handle.catalog.images([image_id])
        if image_id not in records:
            message = f"no image of the library has the id {image_id}; `photoseek search --json` tells the ids"
            raise QueryError(message)
        return records[image_id].path


def _said(model: str, answer: str | None) -> str:
    """Return an answer that says something.

    Raises:
        NoAnswer: it says nothing.
    """
    if not answer or not printable(answer):
        raise NoAnswer(model)
    return answer
