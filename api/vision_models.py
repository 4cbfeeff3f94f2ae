"""Which models look at single images for a library: a judge, a captioner and one that answers questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..library.errors import NoVisionModel, PhotoseekError
from .handle import LibraryHandle
from .query_service import QueryService

# Imported where it is needed: see handle.py.
if TYPE_CHECKING:
    from ..library.embedders.mini import MiniEmbedder
    from ..rerank.base import Captioner, Judge, VisionLanguageModel

REGIONS = "regions"
"""The judge that needs no model beyond the library's own."""

MINI = "mini"
"""The built-in captioner and judge."""


class VisionModels:
    """The models, each loaded when first needed.

    Args:
        handle: the library, whose settings may name a vision-language model.
        queries: the library's vectors of texts and calibration, with which `regions` judges.
        chosen: a model's name or `regions`, or a model itself, in place of what the settings name.
    """

    def __init__(self, handle: LibraryHandle, queries: QueryService, chosen: str | Judge | None = None) -> None:
        self._handle = handle
        self._queries = queries
        self._name = chosen if isinstance(chosen, str) else None
        self._given = None if isinstance(chosen, str) else chosen

    @cached_property
    def judge(self) -> Judge:
        """Who judges hits: the one chosen, else the settings' model, else `mini`, or `regions` beside another model."""
        if self._given is not None:
            return self._given
        name = self._name or self._handle.settings.vlm or (REGIONS if self._own_mini is None else MINI)
        if name == MINI:
            from ..rerank.mini_judge import MiniJudge

            return MiniJudge(self._own_mini, self._kept_places)
        if name == REGIONS:
            from ..rerank.regions import RegionsJudge

            handle, queries = self._handle, self._queries
            return RegionsJudge(handle.embedder, handle.text_vectors, queries.calibrations.current)
        from ..rerank.registry import load_judge

        return load_judge(name)

    @cached_property
    def captioner(self) -> Captioner:
        """Who writes captions: the one chosen if it does, else the settings' model, else `mini`."""
        from ..rerank.base import Captioner
        from ..rerank.registry import load_captioner

        given: object = self._given
        if isinstance(given, Captioner):
            return given
        name = self._vlm_name or MINI
        if name == MINI:
            from ..rerank.mini_captioner import MiniCaptioner

            return MiniCaptioner(self._own_mini)
        return load_captioner(name)

    @cached_property
    def answerer(self) -> VisionLanguageModel:
        """Who answers questions: the one chosen if it does, else the settings' model."""
        from ..rerank.base import VisionLanguageModel
        from ..rerank.registry import load_vlm

        given: object = self._given
        if isinstance(given, VisionLanguageModel):
            return given
        name = self._vlm_name
        if name is None or name == MINI:
            raise NoVisionModel
        return load_vlm(name)

    @property
    def can_caption(self) -> bool:
        """Whether there is a captioner to be had."""
        return _succeeds(lambda: self.captioner)

    @property
    def can_answer(self) -> bool:
        """Whether there is one that answers questions to be had."""
        return _succeeds(lambda: self.answerer)

    @property
    def _vlm_name(self) -> str | None:
        return self._handle.settings.vlm if self._name in {None, REGIONS, MINI} else self._name

    @property
    def _own_mini(self) -> MiniEmbedder | None:
        """The library's own model where it is the built-in one, so that its weights are not loaded twice."""
        from ..library.embedders.mini import MiniEmbedder

        embedder = self._handle.embedder
        return embedder if isinstance(embedder, MiniEmbedder) else None

    def _kept_places(self, version: str, content_hashes: Sequence[str]) -> dict[str, bytes]:
        return self._handle.catalog.places.kept(self._handle.model.id, version, content_hashes)


def _succeeds(load: Callable[[], object]) -> bool:
    try:
        load()
    except PhotoseekError:
        return False
    return True
