"""What the multilingual head is taught: texts beside the vectors of what they mean."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..library.embedders.base import normalized
from ..library.embedders.mini import MiniEmbedder, Seen, squeezed
from ..library.types import Vectors
from .captioned import read_captioned
from .dictionary import seen_words
from .fetch import Sources
from .multilingual_features import OtherFeatures
from .multilingual_head import Taught
from .multilingual_texts import Said
from .pairs import Pair, all_pairs
from .pictures import on_background
from .scene_features import VIEWS, photograph_features
from .texts import lessons
from .wordnet import WordNet

TRANSLATIONS = 6_000
"""Sentences of each language, of tens of thousands."""

MORE_TRANSLATIONS = {"cs": 30_000}
"""Where so many are not enough: the further a language's words lie from English, the more the head must learn."""

ENGLISH_SENSES = 4_000
"""Senses of WordNet that no image class is, beside those that are."""
PHOTOGRAPH_SEED = 7
"""As in train_mini, whose cache holds the photographs' features."""

SHARES = {"native": 6.0, "translated": 4.0, "names": 2.0, "words": 6.0, "english": 1.0}
"""How much of each batch is what; translations of every language make up the same."""

_BATCH = 16


@dataclass(frozen=True, slots=True, eq=False)
class TaughtTexts:
    """All sources, and the vectors that their rows name: (e, dim) English ones, (views, p, dim) of pictures."""

    sources: tuple[Taught, ...]
    english: Vectors
    pictures: Vectors


class Rows:
    """Vectors by name, each computed once; `vectors` is (n, dim) in the order in which they were first asked for."""

    def __init__(self) -> None:
        self.of: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """Return the row of a name, a new one where it has none."""
        return self.of.setdefault(name, len(self.of))


class Lessons:
    """Gathers what there is to learn.

    Args:
        model: the finished mini, without a multilingual side.
        features: of texts in other languages.
        sources: packages.
        cache: where vectors are kept.
        seed: of what is drawn.
    """

    def __init__(self, model: MiniEmbedder, features: OtherFeatures, sources: Sources, cache: Path, seed: int) -> None:
        self._model = model
        self._features = features
        self._sources = sources
        self._cache = cache
        self._seed = seed

    def taught(self, said: Sequence[Said], captions: Path | None) -> TaughtTexts:
        """Compute features and vectors; drawings that are held out or for validation are left out."""
        english, pictures = Rows(), Rows()
        together: dict[str, tuple[str, ...]] = {}
        split = {picture_name(pair): pair.split for pair in all_pairs(self._sources)}
        groups: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
        for one in said:
            if one.picture and one.english and split.get(one.picture) == "train":
                groups["names"].append((one.text, english(one.english), pictures(one.picture)))
        wordnet = WordNet(self._sources.wordnet)
        shown: dict[str, str] = {}
        if captions is not None:
            captioned = read_captioned(captions, "train")
            numbers, texts = captioned.flat()
            shown = {text: captioned.names[number] for number, text in zip(numbers, texts, strict=True)}
            # A caption in another language says much the same as all the English ones of its photograph together.
            together = dict(zip(captioned.names, captioned.captions, strict=True))
            for one in said:
                if one.picture in together:
                    groups["native"].append((one.text, english(one.picture), pictures(one.picture)))
        for one in self._drawn_translations(said):
            picture = pictures(shown[one.english]) if one.english in shown else -1
            groups[f"translated {one.language}"].append((one.text, english(one.english), picture))
        for entry in seen_words(self._sources.chinese_words, wordnet, list(shown)):
            if not entry.is_held_out:
                name = ", ".join(entry.english)
                together[name] = entry.english
                groups["words"].append((entry.simplified, english(name), -1))
        for lesson in lessons(wordnet, ENGLISH_SENSES, PHOTOGRAPH_SEED):
            groups["english"].append((lesson.wordings[0], english(lesson.wordings[0]), -1))
        kinds = Counter(name.partition(" ")[0] for name in groups)
        shares = {name: SHARES[kind] / kinds[kind] for name in groups for kind in [name.partition(" ")[0]]}
        return TaughtTexts(
            tuple(self._source(name, rows, shares[name]) for name, rows in groups.items()),
            self._english_vectors([together.get(name, (name,)) for name in english.of]),
            self._picture_vectors(list(pictures.of), captions),
        )

    def _source(self, name: str, rows: Sequence[tuple[str, int, int]], share: float) -> Taught:
        features = self._features([text for text, _, _ in rows])
        meant, shown = (np.array([row[place] for row in rows]) for place in (1, 2))
        return Taught(name, features, meant, shown, share)

    def _drawn_translations(self, said: Sequence[Said]) -> list[Said]:
        by_language: dict[str, list[Said]] = defaultdict(list)
        for one in said:
            if one.english and not one.picture:
                by_language[one.language].append(one)
        chosen = []
        for found in by_language.values():
            most = MORE_TRANSLATIONS.get(found[0].language, TRANSLATIONS)
            rows = np.random.default_rng(self._seed).permutation(len(found))[:most]
            chosen += [found[row] for row in np.sort(rows)]
        return chosen

    def _english_vectors(self, texts: Sequence[tuple[str, ...]]) -> Vectors:
        """Embed texts, several that say the same as their mean: (n, dim) L2-normalised float32."""
        path = self._cache / f"english-{self._model.manifest.key.partition('@')[2]}.npz"
        known: dict[str, Vectors] = {}
        if path.exists():
            with np.load(path) as stored:
                known = dict(zip(json.loads(stored["texts"].tobytes()), stored["vectors"], strict=True))
        missing = [text for text in dict.fromkeys(each for several in texts for each in several) if text not in known]
        if missing:
            known |= dict(zip(missing, self._model.embed_texts(missing), strict=True))
            listed = np.frombuffer(json.dumps(list(known)).encode(), np.uint8)
            np.savez(path, texts=listed, vectors=np.stack(list(known.values())))
        return normalized(np.stack([np.mean([known[text] for text in several], axis=0) for several in texts]))

    def _picture_vectors(self, names: Sequence[str], captions: Path | None) -> Vectors:
        """Embed pictures, photographs as all their views and drawings as often alike: (views, n, dim)."""
        found: dict[str, Vectors] = {}
        if captions is not None:
            captioned = read_captioned(captions, "train")
            kept = photograph_features(self._model, captioned, self._cache, VIEWS, PHOTOGRAPH_SEED)
            vectors = []
            for start in range(0, len(kept.pooled), _BATCH * 16):
                rows = slice(start, start + _BATCH * 16)
                parts = (np.asarray(part[rows], np.float32) for part in (kept.pooled, kept.places, kept.detail))
                vectors.append(self._model.vectors_of(Seen(*parts)))
            views = np.concatenate(vectors).reshape(VIEWS, kept.count, -1).swapaxes(0, 1)
            found = dict(zip(captioned.names, views, strict=True))
        drawn = {picture_name(pair): pair for pair in all_pairs(self._sources)}
        missing = [drawn[name] for name in names if name not in found]
        for pair, vector in zip(missing, drawing_vectors(self._model, missing, self._cache), strict=True):
            found[picture_name(pair)] = np.tile(vector, (VIEWS, 1))
        return np.stack([found[name] for name in names], axis=1)


def picture_name(pair: Pair) -> str:
    """What `Said.picture` calls a drawing: an emoji by its code, whoever drew it, others by their path."""
    return pair.path.stem if pair.source == "emoji" else str(pair.path)


def drawing_vectors(model: MiniEmbedder, pairs: Sequence[Pair], cache: Path) -> Vectors:
    """Embed drawings on white, each once: (n, dim)."""
    path = cache / f"drawings-{model.manifest.key.partition('@')[2]}.npz"
    known: dict[str, Vectors] = {}
    if path.exists():
        with np.load(path) as stored:
            known = dict(zip(stored["paths"].tolist(), stored["vectors"], strict=True))
    missing = [pair.path for pair in pairs if str(pair.path) not in known]
    for start in range(0, len(missing), _BATCH):
        batch = missing[start : start + _BATCH]
        vectors = model.embed_images(np.stack([squeezed(_opened(one)) for one in batch]))
        known |= dict(zip(map(str, batch), vectors, strict=True))
    if missing:
        np.savez(path, paths=np.array(list(known)), vectors=np.stack(list(known.values())))
    return np.stack([known[str(pair.path)] for pair in pairs])


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.thumbnail((512, 512))
        return on_background(picture)
