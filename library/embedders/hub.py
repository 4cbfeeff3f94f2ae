"""The Hugging Face hub, asked last and never for long: files in the cache need no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TypeVar

from ..errors import EmbedderError, ModelUnavailable
from ..telemetry import disable_telemetry

T = TypeVar("T")

PROBE_TIMEOUT_S = 10.0
"""How long the hub may take to answer at all; the client alone would retry for a minute per file."""

ELSEWHERE = (
    "download the weights on a machine that can and name them as ARCHITECTURE//FILE, "
    "or set HF_HOME to a cache that holds them"
)

_offline_lock = RLock()


def cached_first(model: str, step: Callable[[], T], elsewhere: str = ELSEWHERE) -> T:
    """Run a step that asks the hub for files: from the local cache alone, and only then from the network.

    Args:
        model: the model's name, for the error's text.
        step: fetches or opens files through the hub's client; run twice when the cache lacks any of them.
        elsewhere: what to do on a machine that cannot reach the hub, for the error's text.

    Raises:
        ModelUnavailable: the cache lacks a file, and the hub may not be asked, cannot be reached, or refuses.
    """
    disable_telemetry()
    from huggingface_hub import constants

    offline_by_choice = bool(constants.HF_HUB_OFFLINE)
    try:
        with _offline():
            return step()
    except OSError as not_cached:  # the hub client's and transformers' errors for a missing file are OSErrors
        if offline_by_choice:
            reason = "its files are not in the Hugging Face cache, and HF_HUB_OFFLINE forbids downloading them"
            raise ModelUnavailable(model, reason, f"unset HF_HUB_OFFLINE, or {elsewhere}") from not_cached
    _probe(model, elsewhere)
    try:
        return step()
    except EmbedderError:
        raise
    except Exception as refused:  # whatever the client raises, the user needs the one line
        reason = f"the Hugging Face hub did not give its files ({one_line(refused)})"
        raise ModelUnavailable(model, reason, f"check the name and your access to it, or {elsewhere}") from refused


def one_line(error: BaseException) -> str:
    """Return an error's first line, or its class's name where it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".: ") if text else type(error).__name__


@contextmanager
def _offline() -> Iterator[None]:
    """Keep the hub's client off the network; its own setting is the one switch that every caller of it obeys."""
    disable_telemetry()
    from huggingface_hub import constants

    with _offline_lock:
        before = constants.HF_HUB_OFFLINE
        constants.HF_HUB_OFFLINE = True
        try:
            yield
        finally:
            constants.HF_HUB_OFFLINE = before


def _probe(model: str, elsewhere: str) -> None:
    """Ask the hub for one header without retries, so that an unreachable one costs seconds."""
    disable_telemetry()
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=PROBE_TIMEOUT_S)
    except Exception as unreachable:  # requests, httpx and OS errors, by the client's version
        reason = (
            f"its weights are not in the cache and {constants.ENDPOINT} cannot be reached ({one_line(unreachable)})"
        )
        raise ModelUnavailable(model, reason, elsewhere) from unreachable
