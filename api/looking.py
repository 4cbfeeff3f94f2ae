"""The verbs that look a second time: better orders of hits, and, with a vision-language model, captions and answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..library.errors import LibraryNotFound, NoAnswer, NotIndexed, NoVisionModel, PhotoseekError, QueryError
from ..library.images.metadata.image_text import printable
from ..library.paths import StrPath, expanded
from ..search.query.query import Query, Term, Words
from .asking import Asking

# Imported by the verbs that need it.
if TYPE_CHECKING:
    from ..library.catalog.judgements import JudgementCatalog
    from ..library.embedders.mini import MiniEmbedder
    from ..rerank.base import Captioner, CaptionStyle, Judge, JudgeSpec, RerankResult, VisionLanguageModel
    from ..rerank.captioning import CaptionOptions, CaptionReport
    from ..rerank.fusion_fit import FusionFit
    from ..rerank.fusion_weights import Weights
    from ..rerank.reranker import Reranker

REGIONS = "regions"
"""The judge that needs no model beyond the library's own."""

MINI = "mini"
"""The built-in captioner and judge."""


class Looking(Asking):
    """What looks at pictures again, one by one."""

    def refine(self, query: str | Query, *, depth: int = 50, budget_s: float | None = None) -> Iterator[RerankResult]:
        """Yield the answer to `query` in orders that get better: first as `search` has it, then as judged.

        The first comes before anything is judged. The judge is the one given to `photoseek.open`, else the library's
        vision-language model, else the built-in judge, or, beside another model than the built-in one, that model
        itself, which looks at parts of each picture. What a judge said is
        remembered, and asked only once.

        Args:
            query: as for `search`. Its words are judged; those to keep away from are vetoes. Its `sort` is left aside.
            depth: how many hits are judged at most. There are as many hits as `query.k` says, but no fewer than this.
            budget_s: how long judging may go on; the batch that overdraws it is the last.

        Raises:
            QueryError: the query has no words, or the depth or the budget makes no sense.
            ModelUnavailable: the judge's weights or packages cannot be had.
            LibraryNotFound, ModelMismatch, ImageUnreadable, AddressRefused: as `search` does.
        """
        from ..rerank.reranker import Effort, Questions

        asked = query if isinstance(query, Query) else Query((Term(Words(query)),))
        effort, questions = Effort(depth, budget_s), Questions.of(asked)
        first = self._candidates(replace(asked, k=max(asked.k, depth)))
        return self._reranker.refine(first, questions, effort)

    def tune(
        self, queries: StrPath, *, depth: int = 50, progress: Callable[[int, int], None] | None = None
    ) -> FusionFit:
        """Learn from labelled queries how much the judge of `refine` helps here, and let it count so much from now on.

        Where it does not help, or fewer than ten queries tell, that is nothing.

        Args:
            queries: a file; see search/labelled_queries.py for the formats.
            depth: how many hits of each query are judged.
            progress: told how many of how many queries are judged.

        Raises:
            EvaluationError: the file cannot be read, none of its images is in the library, or the judge failed.
            LibraryReadOnly: the library was opened read-only.
            LibraryError: what was learned cannot be kept.
        """
        from ..rerank.fusion_fit import Tuner
        from ..rerank.fusion_weights import LearnedWeight
        from ..search.labelled_queries import read_labelled_queries

        self._store.check_writable()
        path, reranker = expanded(queries), self._reranker
        tuner = Tuner(self._store.catalog, self._model, self._engine, self._texts, reranker, depth)
        found = tuner.tune(path, read_labelled_queries(path), progress)
        gain = found.gain
        learned = LearnedWeight(found.weight, found.queries, gain.mean, gain.low, gain.high)
        self._weights.keep(reranker.judge.spec.key, learned)
        return found

    def caption(
        self, paths: StrPath | Sequence[StrPath] | None = None, options: CaptionOptions | None = None
    ) -> CaptionReport:
        """Have the captioner caption images that lack its caption, and keep and embed what it says.

        The captions then answer `texts.search` and `describe --texts`. Each batch is kept at once; a run that was ended
        is taken up by the next.

        Args:
            paths: folders or files of the library; None for all of it.
            options: which of the images there, in which style and language; see `CaptionOptions`.

        Raises:
            NotIndexed: nothing is known at one of `paths`.
            QueryError: there is no such style, the language is no tag, or `paths` is an empty list.
            LibraryReadOnly: the library was opened read-only.
            LibraryError: it may not be written.
            PhotoseekError: the model fails at one picture after the other; what it wrote before is kept.
        """
        from ..rerank.captioning import Captioning, CaptionOptions
        from ..rerank.prompts import caption_prompt

        self._store.check_writable()
        options = options or CaptionOptions()
        caption_prompt(options.style)
        given = [paths] if isinstance(paths, str | os.PathLike) else paths
        if given is not None and not given:
            raise QueryError("no paths were given: None stands for all of the library")
        store, captioner = self._store, self._captioner
        run = Captioning(store.catalog, self._model, self._embedder, captioner, lambda: store.writing("caption"))
        return run.caption([self._known_path(path) for path in given or ()], options)

    def ask(self, picture: StrPath | int, question: str, *, force: bool = False) -> str:
        """Have the vision-language model answer a question about one picture; the same one is answered from memory.

        Args:
            picture: a file, in the library or not, or the id of one of the library's images.
            question: in words.
            force: ask anew, and keep the new answer in place of the old.

        Raises:
            NoVisionModel: no vision-language model is set up.
            UnknownModel: the one that is set up answers no questions.
            QueryError: the question is empty, or the library has no such image.
            ImageUnreadable: the file cannot be read as a picture.
            NoAnswer: the model said nothing.
        """
        from ..rerank.image_input import read_image
        from ..rerank.memory import Memory

        words = " ".join(question.split())
        if not words:
            raise QueryError("the question is empty")
        model = self._answerer
        path = self._image_path(picture) if isinstance(picture, int) else expanded(picture)
        image, content_hash = read_image(str(path), model.spec.side_px)
        memory = Memory(self._judgements, model.spec)
        known = {} if force else memory.answers("ask", words, [content_hash])
        if content_hash in known:
            return known[content_hash]
        answer = _said(model.spec.name, model.ask(image, words))
        memory.keep_answers("ask", words, {content_hash: answer})
        return answer

    def caption_of(self, picture: StrPath | int, style: CaptionStyle | None = None) -> str:
        """Return what the captioner says a picture shows, in a file or by its id; nothing is kept.

        Raises:
            ImageUnreadable: the file cannot be read as a picture.
            QueryError: there is no such style, the language is no tag or one that the captioner does not write.
            NoAnswer: the model said nothing.
        """
        from ..rerank.base import CaptionStyle
        from ..rerank.image_input import read_image
        from ..rerank.prompts import caption_prompt

        style = style or CaptionStyle()
        caption_prompt(style)
        captioner = self._captioner
        path = self._image_path(picture) if isinstance(picture, int) else expanded(picture)
        image, _ = read_image(str(path), captioner.spec.side_px)
        return _said(captioner.spec.name, captioner.caption([image], style)[0])

    @property
    def can_caption(self) -> bool:
        """Whether a model that captions is set up; it loads, or says what it lacks, when it is first used."""
        return self._can(lambda: self._captioner)

    @property
    def can_ask(self) -> bool:
        """Whether a model that answers questions is set up."""
        return self._can(lambda: self._answerer)

    @property
    def judge_spec(self) -> JudgeSpec:
        """Who `refine` would have look: name, device, and what pins its answers."""
        return self._judge.spec

    @property
    def _reranker(self) -> Reranker:
        from ..rerank.memory import Memory
        from ..rerank.reranker import Reranker

        judge, spec = self._judge, self._judge.spec
        learned = self._weights.of(spec.key)
        weight = spec.usual_weight if learned is None else learned.weight
        return Reranker(judge, Memory(self._store.catalog.judgements, spec), weight)

    @cached_property
    def _weights(self) -> Weights:
        from ..rerank.fusion_weights import Weights

        return Weights(self.folder, self._model.key)

    @cached_property
    def _judge(self) -> Judge:
        if self._given_judge is not None:
            return self._given_judge
        name = self._judge_name or self._settings.vlm or (REGIONS if self._own_mini is None else MINI)
        if name == MINI:
            from ..rerank.mini_judge import MiniJudge

            return MiniJudge(self._own_mini, self._kept_places)
        if name == REGIONS:
            from ..rerank.regions import RegionsJudge

            return RegionsJudge(self._embedder, self._texts, self._calibrations.current)
        from ..rerank.registry import load_judge

        return load_judge(name)

    @cached_property
    def _captioner(self) -> Captioner:
        from ..rerank.base import Captioner
        from ..rerank.registry import load_captioner

        given: object = self._given_judge
        if isinstance(given, Captioner):
            return given
        name = self._vlm_name or MINI
        return self._mini_captioner if name == MINI else load_captioner(name)

    @cached_property
    def _answerer(self) -> VisionLanguageModel:
        from ..rerank.base import VisionLanguageModel
        from ..rerank.registry import load_vlm

        given: object = self._given_judge
        if isinstance(given, VisionLanguageModel):
            return given
        name = self._vlm_name
        if name is None or name == MINI:
            raise NoVisionModel
        return load_vlm(name)

    @property
    def _vlm_name(self) -> str | None:
        return self._settings.vlm if self._judge_name in {None, REGIONS, MINI} else self._judge_name

    @property
    def _mini_captioner(self) -> Captioner:
        from ..rerank.mini_captioner import MiniCaptioner

        return MiniCaptioner(self._own_mini)

    def _kept_places(self, version: str, content_hashes: Sequence[str]) -> dict[str, bytes]:
        return self._store.catalog.places.kept(self._model.id, version, content_hashes)

    @property
    def _own_mini(self) -> MiniEmbedder | None:
        """The library's own model where it is the built-in one, so that its weights are not loaded twice."""
        from ..library.embedders.mini import MiniEmbedder

        return self._embedder if isinstance(self._embedder, MiniEmbedder) else None

    @staticmethod
    def _can(load: Callable[[], object]) -> bool:
        try:
            load()
        except PhotoseekError:
            return False
        return True

    @property
    def _judgements(self) -> JudgementCatalog | None:
        """Where answers are kept; None without a library, since a picture can be asked about all the same."""
        try:
            return self._store.catalog.judgements
        except LibraryNotFound:
            return None

    def _known_path(self, path: StrPath) -> str:
        """Return the path under which the library knows a folder, file or archive."""
        name = os.path.abspath(expanded(path))  # noqa: PTH100 - as indexing writes them
        known = next((one for one in (name, f"{name}!") if self._store.catalog.is_known(one)), None)
        if known is None:
            raise NotIndexed(Path(name))
        return known

    def _image_path(self, image_id: int) -> Path:
        records = self._store.catalog.images([image_id])
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
