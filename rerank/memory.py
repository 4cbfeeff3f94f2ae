"""What a judge said before: its judgements and answers, kept in the library's SQL by the content of the pictures.

A library that cannot be written, or is busy, is read all the same: what is not kept is only asked again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ..library.catalog.vlm_answers import JudgementCatalog, JudgementKey, Remembered
from ..library.errors import LibraryError
from ..library.images.metadata.image_text import printable
from .base import Box, Judgement, JudgeSpec

logger = logging.getLogger(__name__)

Ability: TypeAlias = Literal["judge", "ask", "caption"]

_ACCURACY: Final = 4
"""Digits of a box's edges: a tenth of a pixel in a picture of a thousand."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Remembers for one judge. Thread-safe; `catalog` is None where there is no library to remember in."""

    catalog: JudgementCatalog | None
    spec: JudgeSpec

    def judgements(self, query: str, content_hashes: Sequence[str]) -> dict[str, Judgement]:
        """Return what was said of these pictures before, by content hash."""
        known = {
            name: Judgement(one.probability, one.mass, None if one.box is None else Box(*one.box))
            for name, one in self._known("judge", query, content_hashes).items()
            if one.probability is not None
        }
        return {name: one for name, one in known.items() if one.says_something}

    def answers(self, ability: Ability, question: str, content_hashes: Sequence[str]) -> dict[str, str]:
        """Return what was answered about these pictures before, by content hash."""
        known = self._known(ability, question, content_hashes)
        return {name: one.answer for name, one in known.items() if one.answer and printable(one.answer)}

    def keep_judgements(self, query: str, said: Mapping[str, Judgement]) -> None:
        """Keep judgements, by content hash; those that say nothing are asked for again."""
        heard = {name: one for name, one in said.items() if one.says_something}
        self._keep(
            "judge",
            query,
            {name: Remembered(one.probability, one.mass, _edges(one.box)) for name, one in heard.items()},
        )

    def keep_answers(self, ability: Ability, question: str, said: Mapping[str, str]) -> None:
        """Keep answers, by content hash, in place of what was answered before; blank ones are asked for again."""
        heard = {name: answer for name, answer in said.items() if printable(answer)}
        self._keep(ability, question, {name: Remembered(answer=answer) for name, answer in heard.items()})

    def _known(self, ability: Ability, question: str, content_hashes: Sequence[str]) -> dict[str, Remembered]:
        if self.catalog is None:
            return {}
        try:
            return self.catalog.known(self._asked(ability, question), content_hashes)
        except LibraryError as error:
            logger.info("what was judged before is not known: %s", error)
            return {}

    def _keep(self, ability: Ability, question: str, said: Mapping[str, Remembered]) -> None:
        if self.catalog is None:
            return
        try:
            self.catalog.remember(self._asked(ability, question), said)
        except LibraryError as error:
            logger.info("judgements are not kept: %s", error)

    def _asked(self, ability: Ability, question: str) -> JudgementKey:
        return JudgementKey(self.spec.key, f"{ability} {self.spec.prompt_version}", question)


def _edges(box: Box | None) -> tuple[float, float, float, float] | None:
    if box is None:
        return None
    left, top, right, bottom = (round(edge, _ACCURACY) for edge in (box.left, box.top, box.right, box.bottom))
    return left, top, right, bottom
