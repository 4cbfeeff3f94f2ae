"""Prompt templates: a bare noun becomes a few short sentences, since CLIP models were trained on sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from ..errors import QueryError
from ..types import Vectors
from .base import Embedder, normalized

# The method is that of Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
# Supervision", section 3.1.4: embed the noun in several sentences and average the vectors. Wordings
# with and without an article stand side by side, since a query may be a plural, a substance or a name.
TEMPLATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "none": (),
        "photo": (
            "a photo of {}",
            "a photo of a {}",
            "a close view of the {}",
            "a snapshot with {} in it",
            "{} seen from a distance",
            "a good picture of {}",
        ),
        "satellite": (
            "a satellite photo of {}",
            "{} seen from space",
            "an aerial view of a {}",
            "an overhead image showing {}",
        ),
    }
)

LONGEST_NOUN_WORDS = 3

_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+(?:[-'’][A-Za-z\u00c0-\u024f]+)*")

# English words that make a phrase of their neighbours: articles and other determiners, pronouns,
# prepositions, conjunctions and the commonest auxiliaries.
_PHRASE_WORDS = frozenset(
    word
    for words in (
        "a an the this that these those some any no not my your his her its our their",
        "i you he she it we they who which",
        "of in on at by with without from to into onto over under behind beside between near through during",
        "after before against across around for as",
        "and or but while where is are was were be being has have",
    )
    for word in words.split()
)


def is_bare_noun(text: str) -> bool:
    """Say whether a text is one to three words with no sense of a sentence: "leopard", "red sports car".

    The rule is lexical: Latin letters, hyphens and apostrophes alone, and no article, preposition,
    conjunction, pronoun or auxiliary among the words. The templates are English, so that scripts written
    without spaces are left as they are.
    """
    words = text.split()
    return 1 <= len(words) <= LONGEST_NOUN_WORDS and all(
        _LATIN_WORD.fullmatch(word) and word.lower() not in _PHRASE_WORDS for word in words
    )


def expand(text: str, templates: str) -> list[str]:
    """Return the sentences that stand for a text: the templates filled in for a bare noun, else the text alone.

    Raises:
        QueryError: no set of templates has this name.
    """
    if templates not in TEMPLATES:
        raise QueryError(f"no prompt templates named {templates!r}: choose one of {', '.join(TEMPLATES)}")
    if not TEMPLATES[templates] or not is_bare_noun(text):
        return [text]
    noun = " ".join(text.split())
    return [template.format(noun) for template in TEMPLATES[templates]]


def embed_queries(embedder: Embedder, texts: Sequence[str], templates: str | None = None) -> Vectors:
    """Embed n queries, each bare noun as the mean over its sentences.

    Args:
        embedder: the model to embed with.
        texts: n queries.
        templates: a name in TEMPLATES; the model's own choice, `spec.templates`, when None.

    Returns:
        (n, dim) float32, L2-normalised.

    Raises:
        QueryError: no set of templates has this name.
    """
    chosen = embedder.spec.templates if templates is None else templates
    sentences = [expand(text, chosen) for text in texts]
    vectors = embedder.embed_texts([sentence for group in sentences for sentence in group])
    if len(vectors) == len(texts):
        return vectors
    group_starts = np.cumsum([0, *(len(group) for group in sentences[:-1])])
    return normalized(np.add.reduceat(vectors, group_starts, axis=0))
