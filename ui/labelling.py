"""Words for pictures, found beside the page: the first time, a model has a whole vocabulary to read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Final

from ..api import Library
from ..library.types import Label

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_MOST_KEPT: Final = 500
_COUNT: Final = 6


class Labelling:
    """The nearest nouns of a library's images, one image at a time. Thread-safe."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="photoseek-labels")
        self._found: OrderedDict[tuple[int, str], Future[list[Label]]] = OrderedDict()
        self._lock = Lock()

    def labels(self, image_id: int, content_hash: str) -> list[Label] | None:
        """Return the labels of an image, None while they are looked for.

        Raises:
            PhotoseekError: there are none to be had.
        """
        key = (image_id, content_hash)
        with self._lock:
            if key not in self._found:
                self._found[key] = self._thread.submit(self._library.labels, image_id, k=_COUNT)
            found = self._found[key]
            if len(self._found) > _MOST_KEPT:
                self._found.popitem(last=False)[1].cancel()
        return found.result() if found.done() else None

    def close(self) -> None:
        """Look for no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def learning_progress(place: DeltaGenerator) -> Callable[[int, int], None]:
    """Return what shows at `place` how many words of a vocabulary a model has read."""

    def show(done: int, total: int) -> None:
        place.progress(done / total, f"Learning {total:,} words, once for this model…")

    return show
