"""The built-in judge: how much likelier the built-in captioner finds the query's words once it sees the picture.

The decoder foretells each word of the query from those before it and from the picture, and again from a picture of
nothing in particular. The sum of the differences is the pointwise mutual information of words and picture. Numbers
fitted on validation photographs make a probability of it: two for sentences, two for single words, and what lies
between for what lies between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from ..library.embedders.mini import MiniEmbedder
from ..library.types import ImageRecord
from ..search.calibration import Values
from .base import Judgement, JudgeSpec
from .caption_words import words_of
from .fusion import FULL_MASS, probability
from .mini_decoder import END, START, MiniDecoder
from .mini_files import JUDGE, WEIGHTS, read_mini_manifest

if TYPE_CHECKING:
    from PIL import Image

    from ..library.embedders.mini_places import KeptPlaces, PlaceKeeper

Kept: TypeAlias = Callable[[str, Sequence[str]], Mapping[str, bytes]]
"""Looks up what one version kept of pictures when they were indexed, by their content."""

USUAL_WEIGHT: Final = 0.75
"""By benchmarks/rerank.py; see docs/rerank.md."""

BATCH: Final = 8
_KEPT_BATCH: Final = 64


def nothing_kept(_version: str, _content_hashes: Sequence[str]) -> dict[str, bytes]:
    """Know no picture from before."""
    return {}


class MiniJudge:
    """Judges pictures by what the built-in model sees at each place of them. Thread-safe; weights load when needed.

    Args:
        embedder: the built-in model, if it is there already.
        kept: what was kept of pictures when they were indexed; those are judged without their files.
        folder: the captioner's files.
    """

    def __init__(self, embedder: MiniEmbedder | None = None, kept: Kept = nothing_kept, folder: Path = WEIGHTS) -> None:
        self._embedder = embedder or MiniEmbedder()
        self._kept = kept
        self._manifest = read_mini_manifest(folder)
        self._decoder = MiniDecoder(folder)

    @property
    def spec(self) -> JudgeSpec:
        """The judge's identity, from its manifest and what is kept of pictures."""
        return JudgeSpec(
            key=f"{self._manifest.key(JUDGE)}+{self.keeper.version}",
            name="mini",
            device="processor",
            batch_size=BATCH,
            side_px=self._embedder.spec.image_size,
            usual_weight=USUAL_WEIGHT,
        )

    @property
    def keeper(self) -> PlaceKeeper:
        """What makes of a picture what is kept of it."""
        return self._embedder.keeper

    def judge(self, images: Sequence[Image.Image], query: str) -> list[Judgement]:
        """Judge n RGB images; n judgements in their order."""
        found: list[Judgement] = []
        for start in range(0, len(images), BATCH):
            pixels = np.stack([self._embedder.preprocess(image) for image in images[start : start + BATCH]])
            # By way of what is kept, so that a picture is judged alike whether its file is read or not.
            found += self.judge_kept(self.keeper.keep(self._embedder.look(pixels)), query)
        return found

    def judge_known(self, images: Sequence[ImageRecord], query: str) -> list[Judgement | None]:
        """Judge those of n images of the library of which enough was kept; None where the picture must be seen."""
        rows = self._kept(self.keeper.version, [image.content_hash for image in images])
        known = [number for number, image in enumerate(images) if image.content_hash in rows]
        found: list[Judgement | None] = [None] * len(images)
        for start in range(0, len(known), _KEPT_BATCH):
            some = known[start : start + _KEPT_BATCH]
            judged = self.judge_kept(self.keeper.read([rows[images[number].content_hash] for number in some]), query)
            for number, judgement in zip(some, judged, strict=True):
                found[number] = judgement
        return found

    def scores(self, kept: KeptPlaces, query: str) -> Values:
        """Return by how much each of n pictures raises the log-probability of the query's words: (n,)."""
        known = self._known(query)
        places, features = self.keeper.restored(kept.with_average())
        _, picture = self._decoder.memory(places, features)
        state = self._decoder.fresh(picture, 1)
        total = np.zeros(len(places))
        for place, (latest, following) in enumerate(zip([START, *known], [*known, END], strict=True)):
            if following == END and not _is_sentence(known):
                break
            found, state = self._decoder.step(np.full((len(places), 1), latest, np.int64), place, state, picture)
            total += found[:, 0, following]
        return np.asarray(total[:-1] - total[-1])

    def log_odds(self, kept: KeptPlaces, query: str) -> Values:
        """Return (n,) log-odds that pictures of which this was kept match a query."""
        scale, shift = self._curve(len(self._known(query)))
        return np.asarray(scale * self.scores(kept, query) + shift)

    def _known(self, query: str) -> list[int]:
        """Return the numbers of a query's words; one unknown tells nothing, and is left out of what comes before."""
        numbers = [self._decoder.numbers.get(word) for word in _asked(query)][: self._decoder.longest - 1]
        return [number for number in numbers if number is not None]

    def _curve(self, words: int) -> tuple[float, float]:
        """Return scale and shift for so many words."""
        manifest, sentence = self._manifest, min(max(words - 1, 0) / (_SENTENCE_WORDS - 1), 1.0)
        scale = sentence * manifest.judge_scale + (1 - sentence) * manifest.judge_word_scale
        return scale, sentence * manifest.judge_shift + (1 - sentence) * manifest.judge_word_shift

    def judge_kept(self, kept: KeptPlaces, query: str) -> list[Judgement]:
        """Judge n pictures by what was kept of them; n judgements in their order."""
        count = len(self._known(query))
        if not count:
            return [Judgement(0.5, mass=0.0) for _ in range(len(kept.places))]
        share = count / min(len(_asked(query)), self._decoder.longest - 1)
        # Few words are judged surely, but ranked no better by: they count as much as their score would by a sentence's
        # scale, while the probability may veto.
        if count < _SENTENCE_WORDS:
            share *= FULL_MASS * min(1.0, self._manifest.judge_scale / self._curve(count)[0])
        return [Judgement(float(chance), mass=share) for chance in probability(self.log_odds(kept, query))]


def _asked(query: str) -> list[str]:
    """Return a query's words; a name goes without its article, since how captions begin is beside the point."""
    words = words_of(query)
    return words[1:] if 1 < len(words) <= _NAME_WORDS and words[0] in _ARTICLES else words


def _is_sentence(numbers: Sequence[int]) -> bool:
    """Whether so much is said that its end tells something: after a word or two, every caption would go on."""
    return len(numbers) >= _SENTENCE_WORDS


_SENTENCE_WORDS: Final = 5
_NAME_WORDS: Final = 3
_ARTICLES: Final = frozenset({"a", "an", "the"})
