"""How well the multilingual head has learned: captions, translations and drawings that it was not taught."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..library.embedders.mini import MiniEmbedder, Seen
from ..library.types import Vectors
from .captioned import has_split, read_captioned
from .dictionary import seen_words
from .fetch import Sources
from .multilingual_lessons import PHOTOGRAPH_SEED, drawing_vectors, picture_name
from .multilingual_texts import drawing_names, native_captions, translated_captions
from .pairs import all_pairs
from .scene_features import photograph_features
from .wordnet import WordNet

Embed = Callable[[Sequence[str]], Vectors]
"""Texts in other languages to (n, dim) L2-normalised vectors."""

MOST_TRANSLATIONS = 1_014
"""As many sentences as Multi30k's validation has: the more there are, the harder the right one is to find."""

DRAWN_LANGUAGES = {"emoji": ("zh", "de", "fr", "ja", "ru"), "stamps": ("zh_CN", "de", "fr", "ja", "ru")}


def measured_figures(
    embed: Embed, model: MiniEmbedder, sources: Sources, cache: Path, captions: Path | None
) -> dict[str, float]:
    """Recall of photographs by captions, of English sentences by translations, of held-out drawings and words."""
    found = drawing_figures(embed, model, sources, cache)
    taught = [] if captions is None else read_captioned(captions, "train").flat()[1]
    found["zh words R@10"] = word_figure(embed, model, sources, taught)
    if captions is None or not has_split(captions, "val"):
        return found
    captioned = read_captioned(captions, "val")
    kept = photograph_features(model, captioned, cache, 1, PHOTOGRAPH_SEED)
    parts = (np.asarray(part[: kept.count], np.float32) for part in (kept.pooled, kept.places, kept.detail))
    images = model.vectors_of(Seen(*parts))
    numbers = {name: number for number, name in enumerate(captioned.names)}
    native: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for one in native_captions(captions, "val"):
        native[one.language].append((one.text, numbers[one.picture]))
    for language, rows in native.items():
        scores = embed([text for text, _ in rows]) @ images.T
        found |= {f"{language} captions R@{k}": recall(scores, [row for _, row in rows], k) for k in (1, 5, 10)}
    translated: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for said in translated_captions(captions, "val"):
        translated[said.language].append((said.text, said.english))
    for language, every in translated.items():
        pairs = every[:MOST_TRANSLATIONS]
        english = list(dict.fromkeys(meant for _, meant in pairs))
        place = {text: row for row, text in enumerate(english)}
        scores = embed([text for text, _ in pairs]) @ model.embed_texts(english).T
        found[f"{language} translations R@1"] = recall(scores, [place[meant] for _, meant in pairs], 1)
    return found


def drawing_figures(embed: Embed, model: MiniEmbedder, sources: Sources, cache: Path) -> dict[str, float]:
    """Recall at 10 of held-out drawings by their names, each source in its own gallery, as measure.py has in English.

    A name counts once however many drawings bear it, and any of them will do.
    """
    names: dict[tuple[str, str], str] = {}
    for one in drawing_names(sources):
        names.setdefault((one.language, one.picture), one.text)
    found = {}
    for source, languages in DRAWN_LANGUAGES.items():
        pairs = [pair for pair in all_pairs(sources) if (pair.source, pair.split) == (source, "held out")]
        images = drawing_vectors(model, pairs, cache)
        for language in languages:
            texts = np.array([names.get((language, picture_name(pair)), "") for pair in pairs])
            asked = [text for text in dict.fromkeys(texts.tolist()) if text]
            best = np.argsort(-embed(asked) @ images.T, axis=1)[:, :10]
            hits = [text in texts[row] for text, row in zip(asked, best, strict=True)]
            found[f"{language} {source} R@10"] = float(np.mean(hits))
    return found


def word_figure(embed: Embed, model: MiniEmbedder, sources: Sources, captions: Sequence[str]) -> float:
    """How often a Chinese word held out of the dictionary has an English word for it among the nearest 10.

    The others are the English words of all that are held out.
    """
    words = seen_words(sources.chinese_words, WordNet(sources.wordnet), captions)
    held_out = [entry for entry in words if entry.is_held_out]
    english = np.array(list(dict.fromkeys(word for entry in held_out for word in entry.english)))
    scores = embed([entry.simplified for entry in held_out]) @ model.embed_texts(english.tolist()).T
    best = english[np.argsort(-scores, axis=1)[:, :10]]
    return float(np.mean([bool(set(row) & set(entry.english)) for row, entry in zip(best, held_out, strict=True)]))


def recall(scores: Vectors, right: Sequence[int], k: int) -> float:
    """The share of rows whose right column is among the first `k`."""
    own = scores[np.arange(len(scores)), list(right)]
    return float(((scores > own[:, np.newaxis]).sum(axis=1) < k).mean())
