"""The rerank of a query's hits: judged in order, within a budget of seconds, and put in a better order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from PIL import Image

from ..library.errors import ImageUnreadable, PhotoseekError, QueryError
from ..library.types import ImageRecord
from ..search.engine import CandidateSet
from ..search.query.query import Query, Words
from .base import DeadlineJudge, Judge, Judgement, RecallingJudge, RerankedHit, RerankResult, Skipped
from .fusion import combined, fused, order, probability
from .image_input import read_image
from .memory import Memory

logger = logging.getLogger(__name__)

DEFAULT_DEPTH: Final = 50

VETO_FROM: Final = 0.5
"""A picture that more likely than not shows what is to be kept away from is vetoed."""

_Read = Callable[[str, int, str | None], tuple[Image.Image, str]]


@dataclass(frozen=True, slots=True)
class Questions:
    """What the judge is asked about each picture: the words looked for with their weights, and those avoided."""

    wanted: tuple[str, ...]
    weights: tuple[float, ...]
    avoided: tuple[str, ...]

    @classmethod
    def of(cls, query: Query) -> Questions:
        """Take the words of a query; what it says by pictures is left to the search.

        Raises:
            QueryError: it has no words, so that there is nothing to ask.
        """
        wanted = {term.subject.text: term.weight for term in query.positive if isinstance(term.subject, Words)}
        avoided = {term.subject.text: None for term in query.negative if isinstance(term.subject, Words)}
        if not wanted and not avoided:
            raise QueryError("there is nothing to judge in words: reranking needs a text beside the pictures")
        return cls(tuple(wanted), tuple(wanted.values()), tuple(avoided))

    @property
    def all(self) -> tuple[str, ...]:
        """Everything to ask, each once."""
        return tuple(dict.fromkeys((*self.wanted, *self.avoided)))


@dataclass(frozen=True, slots=True)
class Effort:
    """How far a rerank goes: the first `depth` hits, for `budget_s` seconds, None for as long as it takes."""

    depth: int = DEFAULT_DEPTH
    budget_s: float | None = None

    def __post_init__(self) -> None:
        if self.depth < 1:
            message = f"reranking {self.depth} hits was asked for: ask for at least 1"
            raise QueryError(message)
        if self.budget_s is not None and not self.budget_s >= 0:
            message = f"{self.budget_s} seconds is no budget: give 0 or more"
            raise QueryError(message)


@dataclass(frozen=True, slots=True)
class Reranker:
    """Reranks hits with one judge.

    `weight` is the judge's share of the score. `clock` tells seconds, and is time.monotonic but in tests. `read` reads
    a picture, see `read_picture`.
    """

    judge: Judge
    memory: Memory
    weight: float
    clock: Callable[[], float] = time.monotonic
    read: _Read = read_image

    def refine(self, first: CandidateSet, questions: Questions, effort: Effort) -> Iterator[RerankResult]:
        """Yield orders of the hits, each better informed than the one before; the first is the search's.

        The second holds what the judge is remembered to have said; then comes one after each batch. The budget counts
        from the first of them, model loading included, and is overdrawn by one batch at most. A picture that cannot be
        read is skipped; a judge that fails ends the rerank, and what it said until then stands.
        """
        deadline_s = None if effort.budget_s is None else self.clock() + effort.budget_s
        run = _Run(self, first, questions, effort, deadline_s)

        def is_over() -> bool:
            return deadline_s is not None and self.clock() >= deadline_s

        yield run.refinement(is_final=not run.wanted)
        if not run.wanted:
            return
        run.recall()
        run.judge_known()
        is_final = not run.pending or is_over()
        if run.has_judged or is_final:
            yield run.refinement(is_final=is_final)
        while not is_final:
            run.judge_batch()
            is_final = not run.pending or is_over()
            yield run.refinement(is_final=is_final)


@dataclass(slots=True)
class _Run:
    """One query's rerank as it goes on. Copies of a picture share its content, and so are judged once."""

    reranker: Reranker
    first: CandidateSet
    questions: Questions
    effort: Effort
    deadline_s: float | None
    said: dict[str, dict[str, Judgement]] = field(default_factory=dict)
    pending: dict[str, ImageRecord] = field(default_factory=dict)
    cached: frozenset[str] = frozenset()
    skipped: dict[str, str] = field(default_factory=dict)
    trouble: str | None = None

    @property
    def wanted(self) -> Sequence[ImageRecord]:
        return [hit.image for hit in self.first.hits[: self.effort.depth]]

    def recall(self) -> None:
        """Take what is remembered, and note what must be judged."""
        contents = {image.content_hash: image for image in reversed(self.wanted)}
        for question in self.questions.all:
            self.said[question] = self.reranker.memory.judgements(question, list(contents))
        self.cached = frozenset(name for name in contents if self._is_judged(name))
        self.pending = {image.content_hash: image for image in self.wanted if image.content_hash not in self.cached}

    def judge_known(self) -> None:
        """Have a judge that knows pictures from when they were indexed judge those, all at once."""
        judge = self.reranker.judge
        if not isinstance(judge, RecallingJudge):
            return
        for question in self.questions.all:
            asked = [image for name, image in self.pending.items() if name not in self.said[question]]
            try:
                judgements = judge.judge_known(asked, question)
            except PhotoseekError as error:
                self._end(error)
                return
            self._note(question, [image.content_hash for image in asked], judgements)
        self.pending = {name: image for name, image in self.pending.items() if not self._is_judged(name)}

    @property
    def has_judged(self) -> bool:
        """Whether any picture is judged yet."""
        return any(self._is_judged(image.content_hash) for image in self.wanted)

    def judge_batch(self) -> None:
        """Judge the next pictures, as many as the judge likes to be given at once."""
        names = list(self.pending)[: self.reranker.judge.spec.batch_size]
        pictures = {name: picture for name in names if (picture := self._read(self.pending.pop(name))) is not None}
        for question in self.questions.all:
            said = self.said[question]
            asked = [name for name in pictures if name not in said]
            if not asked:
                continue
            try:
                judgements = self._judge([pictures[name] for name in asked], question)
            except PhotoseekError as error:
                self._end(error)
                return
            self._note(question, asked, judgements)

    def _note(self, question: str, names: Sequence[str], judgements: Sequence[Judgement | None]) -> None:
        new = {name: one for name, one in zip(names, judgements, strict=True) if one is not None and one.is_valid}
        self.said[question] |= new
        self.reranker.memory.keep_judgements(question, new)

    def _end(self, error: PhotoseekError) -> None:
        logger.info("the rerank ended early: %s", error)
        self.trouble = str(error)
        self.pending.clear()

    def _judge(self, pictures: Sequence[Image.Image], question: str) -> Sequence[Judgement | None]:
        """Judge; None is a judgement that came too late for the budget, and is not waited for."""
        judge = self.reranker.judge
        if self.deadline_s is not None and isinstance(judge, DeadlineJudge):
            return judge.judge_until(pictures, question, self.deadline_s)
        return judge.judge(pictures, question)

    def refinement(self, *, is_final: bool) -> RerankResult:
        hits, odds = self.first.hits, self.first.log_odds
        judgements = [self._judgement(hit.image.content_hash) for hit in hits[: self.effort.depth]]
        judgements += [None] * (len(hits) - len(judgements))
        vetoed = [self._is_vetoed(hit.image.content_hash) for hit in hits]
        mixed = fused(odds, judgements, self.reranker.weight)
        scores = probability(mixed)
        refined = [
            RerankedHit(hits[place], float(scores[place]), place, judgements[place], vetoed[place])
            for place in order(mixed, vetoed)
        ]
        judged = [image.content_hash for image in self.wanted if self._is_judged(image.content_hash)]
        return RerankResult(
            hits=tuple(refined),
            judge=self.reranker.judge.spec.name,
            weight=self.reranker.weight,
            judged_count=len(judged),
            cached_count=sum(name in self.cached for name in judged),
            wanted_count=len(self.wanted),
            is_final=is_final,
            skipped=tuple(
                Skipped(image, self.skipped[image.content_hash])
                for image in self.wanted
                if image.content_hash in self.skipped
            ),
            trouble=self.trouble,
        )

    def _read(self, image: ImageRecord) -> Image.Image | None:
        try:
            return self.reranker.read(str(image.path), self.reranker.judge.spec.side_px, image.content_hash)[0]
        except ImageUnreadable as error:
            self.skipped[image.content_hash] = error.reason
            return None

    def _is_judged(self, content_hash: str) -> bool:
        return bool(self.said) and all(content_hash in said for said in self.said.values())

    def _judgement(self, content_hash: str) -> Judgement | None:
        if not self.questions.wanted or not self._is_judged(content_hash):
            return None
        said = [self.said[question][content_hash] for question in self.questions.wanted]
        return combined(said, self.questions.weights)

    def _is_vetoed(self, content_hash: str) -> bool:
        return self._is_judged(content_hash) and any(
            judgement.says_something and judgement.probability > VETO_FROM
            for judgement in (self.said[question][content_hash] for question in self.questions.avoided)
        )
