"""What OpenAI-compatible servers answer: the text, the likeliest first tokens where they list them, and complaints."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Final

_LONGEST_COMPLAINT: Final = 200  # characters of a server's own words that fit in one line


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `listed` has the likeliest first tokens with the logarithms of their probabilities, if it came so."""

    text: str
    listed: tuple[tuple[str, float], ...]


def parse_reply(body: bytes) -> Reply:
    """Read a chat completion.

    Raises:
        ValueError: it is none.
    """
    try:
        choice = json.loads(body)["choices"][0]
        text = choice["message"]["content"]
        listed = _listed(choice.get("logprobs"))
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("no chat completion") from error
    if text is not None and not isinstance(text, str):
        raise ValueError("no chat completion")
    return Reply(text or "", listed)


def _listed(logprobs: object) -> tuple[tuple[str, float], ...]:
    """Return the first token's alternatives, of servers that say nothing of them an empty tuple."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    first = content[0] if isinstance(content, list) and content else None
    if not isinstance(first, dict):
        return ()
    alternatives = first.get("top_logprobs") or [first]
    listed = tuple((str(each["token"]), float(each["logprob"])) for each in alternatives)
    if any(math.isnan(logprob) or logprob == math.inf for _, logprob in listed):
        raise ValueError("no chat completion")
    return listed


def complaint(body: bytes) -> str:
    """Return in one line what a server says is wrong; empty where it says nothing that can be read."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and key in value:
            value = value[key]
    line = " ".join(value.split()) if isinstance(value, str) else ""
    return line if len(line) <= _LONGEST_COMPLAINT else f"{line[:_LONGEST_COMPLAINT]}..."


def model_names(body: bytes) -> list[str]:
    """Return the models that a server lists, none where the answer is no such list."""
    try:
        return [str(each["id"]) for each in json.loads(body)["data"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
