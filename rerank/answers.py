"""From what a vision-language model says to a value: the odds of its yes, and captions that keep to their measure."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from ..library.errors import ModelUnavailable
from .base import Judgement

logger = logging.getLogger(__name__)

Logits: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"
"""(n, vocabulary) float32: what a model would say next, before the softmax."""

LOW_MASS: Final = 0.5
"""Below this share of yes and no together, the likeliest answer is neither, and the probability says little."""

UNDECIDED: Final = Judgement(probability=0.5, mass=0.0)
"""The judgement of an answer that is neither yes nor no: it tells nothing, and its mass says so."""

LONGEST_CAPTION: Final = 400
"""In characters: two long sentences."""

_SENTENCES: Final = 2

# How vocabularies mark the start of a word ("▁" SentencePiece, "Ġ" byte-level BPE) and its end ("</w>" CLIP's BPE).
_START_MARKS: Final = ("▁", "Ġ", " ")
_END_MARK: Final = "</w>"

_FIRST_WORD: Final = re.compile(r"[^\W\d_]+")
_SENTENCE_END: Final = re.compile(r"[.!?](?=[\"')\]]*(?:\s|$))[\"')\]]*|[。！？]")
_OPENING: Final = re.compile(
    r"^(?:(?:in|on) (?:this|the) (?:image|picture|photo|photograph),?\s+(?:we (?:can )?see|there (?:is|are))|"
    r"(?:this|the) (?:image|picture|photo|photograph) (?:shows|features|depicts|displays|captures|contains))\s+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class AnswerTokens:
    """The ids of the tokens with which an answer says yes, and of those with which it says no."""

    yes: tuple[int, ...]
    no: tuple[int, ...]


def answer_tokens(vocabulary: Mapping[str, int], model: str) -> AnswerTokens:
    """Find every spelling of yes and no in a tokenizer's vocabulary: "yes", "Yes", "YES", each at a word's start too.

    Args:
        vocabulary: from a token as the tokenizer stores it to its id.
        model: the model's name, for the error's text.

    Raises:
        ModelUnavailable: the vocabulary has no token for one of the two.
    """

    def ids_of(word: str) -> tuple[int, ...]:
        spellings = {word, word.capitalize(), word.upper()}
        return tuple(sorted(number for token, number in vocabulary.items() if _surface(token) in spellings))

    found = AnswerTokens(ids_of("yes"), ids_of("no"))
    if not found.yes or not found.no:
        reason = "its vocabulary has no token for yes and no, so that it cannot judge"
        raise ModelUnavailable(model, reason, "choose another model")
    return found


class MassWatch:
    """Warns once where a model keeps answering neither yes nor no: its judgements are worth little."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._is_told = False

    def note(self, answers: Sequence[Judgement]) -> None:
        """Look at some answers of the model."""
        masses = [answer.mass for answer in answers if answer.mass is not None]
        if self._is_told or not masses or sum(masses) / len(masses) >= LOW_MASS:
            return
        self._is_told = True
        mean = sum(masses) / len(masses)
        logger.warning("%s says yes or no with a share of %.2g only: its judgements mean little", self._model, mean)


def _surface(token: str) -> str:
    """Return a token's text without the mark of its word's start or end."""
    for mark in _START_MARKS:
        if token.startswith(mark):
            token = token[len(mark) :]
            break
    return token.removesuffix(_END_MARK)


def judgements(logits: Logits, tokens: AnswerTokens) -> list[Judgement]:
    """Turn the logits of an answer's first token, (n, vocabulary), into n judgements.

    The probability is P(yes) / (P(yes) + P(no)) summed over spellings, and the mass P(yes) + P(no).
    """
    wide = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # of half-precision arithmetic that overflowed
        everything = np.logaddexp.reduce(wide, axis=1)
        yes = np.logaddexp.reduce(wide[:, list(tokens.yes)], axis=1)
        no = np.logaddexp.reduce(wide[:, list(tokens.no)], axis=1)
        either = np.logaddexp(yes, no)
        probabilities, masses = np.exp(yes - either), np.exp(either - everything)
    masses = np.minimum(masses, 1.0)  # rounding
    said = [Judgement(float(p), float(m)) for p, m in zip(probabilities, masses, strict=True)]
    return [one if one.is_valid else UNDECIDED for one in said]


def judgement_of_listed(listed: Sequence[tuple[str, float]]) -> Judgement:
    """Judge by the likeliest first tokens that a server lists, each with its natural logarithm of the probability.

    Where only one side is listed, the other is taken for as likely as it can be: as the least likely listed token, or
    as all that is left over if that is less. An answer that was never going to be the other stays off 0 and 1 that way.
    """
    shares = {"yes": 0.0, "no": 0.0}
    probabilities = [float(np.exp(min(0.0, logprob))) for _, logprob in listed]
    for (token, _), probability in zip(listed, probabilities, strict=True):
        surface = _surface(token.strip()).casefold()
        if surface in shares:
            shares[surface] += probability
    either = shares["yes"] + shares["no"]
    if either <= 0:
        return UNDECIDED
    unlisted = min(*probabilities, max(0.0, 1.0 - sum(probabilities)))
    yes, no = shares["yes"] or unlisted, shares["no"] or unlisted
    return Judgement(yes / (yes + no), min(1.0, either))


def judgement_of_text(text: str) -> Judgement | None:
    """Judge by the first word of a written answer: 1 for yes, 0 for no, both of unknown mass; None for anything else.

    The caller decides whether to ask again; `UNDECIDED` is what stands in the end.
    """
    word = _FIRST_WORD.search(text)
    answer = word.group().casefold() if word else ""
    return Judgement(float(answer == "yes")) if answer in {"yes", "no"} else None


def tidy_caption(text: str) -> str:
    """Make a caption of what a model wrote: one line, no "This image shows", two sentences at most, none cut short.

    A sentence that the model did not end is dropped where a whole one stands before it, else kept as far as its last
    whole word within the limit.
    """
    line = " ".join(text.split())
    bare = _OPENING.sub("", line)
    if bare != line:
        line = bare[:1].upper() + bare[1:]
    ends = [match.end() for match in _SENTENCE_END.finditer(line)][:_SENTENCES]
    fitting = [end for end in ends if end <= LONGEST_CAPTION]
    if fitting:
        return line[: fitting[-1]]
    return line if len(line) <= LONGEST_CAPTION else line[:LONGEST_CAPTION].rsplit(" ", 1)[0]
