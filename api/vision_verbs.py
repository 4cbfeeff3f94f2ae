"""The verbs of `Library` that ask a vision-language model: to judge, to caption, to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..library.files import StrPath
from ..search.query.query import Query
from .vision_models import VisionModels
from .vlm_service import VlmService

if TYPE_CHECKING:
    from ..rerank.base import CaptionStyle, JudgeSpec, RerankResult
    from ..rerank.captioning import CaptionOptions, CaptionReport
    from ..rerank.fusion_fit import FusionFit


class VisionVerbs:
    """The part of `Library` that has a vision-language model look at its images."""

    _models: VisionModels
    _vlm: VlmService

    def refine(self, query: str | Query, *, depth: int = 50, budget_s: float | None = None) -> Iterator[RerankResult]:
        """Yield the answer to `query` in orders that get better: first as `search` has it, then as judged.

        The first comes before anything is judged. The judge is the one given to `photoseek.open`, else the library's
        vision-language model, else its own model, which looks at parts of each picture. What a judge said is
        remembered, and asked only once.

        Args:
            query: as for `search`. Its words are judged; those to keep away from are vetoes. Its `sort` is left aside.
            depth: how many hits are judged at most. There are as many hits as `query.k` says, but no fewer than this.
            budget_s: how long judging may go on; the batch that overdraws it is the last.

        Raises:
            QueryError: as `search` does, or the query has no words, or the depth or the budget makes no sense.
            ModelUnavailable: the judge's weights or packages cannot be had.
        """
        return self._vlm.refine(query, depth, budget_s)

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
            EvaluationError: as `evaluate` does, or the judge failed.
            LibraryError: what was learned cannot be kept.
        """
        return self._vlm.tune(queries, depth, progress)

    def caption(
        self, paths: StrPath | Sequence[StrPath] | None = None, options: CaptionOptions | None = None
    ) -> CaptionReport:
        """Have the vision-language model caption images that lack its caption, and keep and embed what it says.

        Each batch is kept at once, and a run that was ended is taken up by the next.

        Args:
            paths: folders or files of the library; None for all of it.
            options: which of the images there, in which style and language; see `CaptionOptions`.

        Raises:
            NotIndexed: nothing is known at one of `paths`.
            QueryError: there is no such style, the language is no tag, or `paths` is an empty list.
            PhotoseekError: the model fails at one picture after the other; what it wrote before is kept.
        """
        return self._vlm.caption(paths, options)

    def ask(self, picture: StrPath | int, question: str, *, force: bool = False) -> str:
        """Have the vision-language model answer a question about one picture; the same one is answered from memory.

        `picture` is a file, in the library or not, or an image's id. With `force` it is asked anew, and kept in place.

        Raises:
            NoVisionModel: no vision-language model is set up; it tells the caption of the captioner there is.
            UnknownModel: the one that is set up answers no questions.
            QueryError: the question is empty, or the library has no such image.
            ImageUnreadable: the file cannot be read as a picture.
            NoAnswer: the model said nothing.
        """
        return self._vlm.ask(picture, question, force=force)

    def caption_of(self, picture: StrPath, style: CaptionStyle | None = None) -> str:
        """Return what the vision-language model says a picture in a file shows; nothing is kept. Needs no library.

        Raises as `caption` and `ask` do.
        """
        return self._vlm.caption_of(picture, style)

    @property
    def can_caption(self) -> bool:
        """Whether a model that captions is set up; it loads, or says what it lacks, when it is first used."""
        return self._models.can_caption

    @property
    def can_ask(self) -> bool:
        """Whether a model that answers questions is set up."""
        return self._models.can_answer

    @property
    def judge_spec(self) -> JudgeSpec:
        """Who `refine` would have look: name, device, and what pins its answers."""
        return self._models.judge.spec
