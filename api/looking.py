"""The verbs that look a second time: better orders of hits, and, with a vision-language model, captions and answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from ..library.errors import EmbedderError, NoVisionModel
from ..search.query import Query, Term, Words
from .asking import Asking

# Imported by the verbs that need it.
if TYPE_CHECKING:
    from ..search.rerank.base import Judge, JudgeSpec, Refinement, VisionLanguageModel
    from ..search.rerank.weights import Weights

REGIONS = "regions"
"""The judge that needs no model beyond the library's own."""


class Looking(Asking):
    """What looks at pictures again, one by one."""

    def refine(self, query: str | Query, *, depth: int = 50, budget_s: float | None = None) -> Iterator[Refinement]:
        """Yield the answer to `query` in orders that get better: first as `search` has it, then as judged.

        The first comes before anything is judged. The judge is the one given to `photoseek.open`, else the library's
        vision-language model, else its own model, which looks at parts of each picture. What a judge said is
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
        from ..search.rerank.judging import Effort, Questions, Refiner
        from ..search.rerank.memory import Memory

        asked = query if isinstance(query, Query) else Query((Term(Words(query)),))
        effort, questions = Effort(depth, budget_s), Questions.of(asked)
        first = self._first_look(replace(asked, k=max(asked.k, depth)))
        judge = self._judge
        refiner = Refiner(judge, Memory(self._store.catalog.judgements, judge.spec), self._weight(judge.spec))
        return refiner.refine(first, questions, effort)

    @property
    def judge_spec(self) -> JudgeSpec:
        """Who `refine` would have look: name, device, and what pins its answers."""
        return self._judge.spec

    @property
    def can_caption(self) -> bool:
        """Whether a vision-language model is set up and installed, so that `caption` and `ask` have someone to ask."""
        try:
            _ = self._vision
        except EmbedderError:
            return False
        return True

    def _weight(self, spec: JudgeSpec) -> float:
        learned = self._weights.of(spec.key)
        return spec.usual_weight if learned is None else learned.weight

    @cached_property
    def _weights(self) -> Weights:
        from ..search.rerank.weights import Weights

        return Weights(self._calibration_folder, self._model.key)

    @cached_property
    def _judge(self) -> Judge:
        if self._given_judge is not None:
            return self._given_judge
        if self._judge_name == REGIONS or (self._judge_name is None and self._settings.vlm is None):
            from ..search.rerank.regions import RegionsJudge

            return RegionsJudge(self._embedder, self._texts, self._calibrations.current)
        return self._vision

    @cached_property
    def _vision(self) -> VisionLanguageModel:
        from ..search.rerank.base import VisionLanguageModel
        from ..search.rerank.registry import load_vlm

        if isinstance(self._given_judge, VisionLanguageModel):
            return self._given_judge
        name = self._settings.vlm if self._judge_name in {None, REGIONS} else self._judge_name
        if name is None:
            raise NoVisionModel
        return load_vlm(name)
