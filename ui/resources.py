"""What the pages share, constructed once per process: one library, its images, what was brought, and labels."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Final

from .. import Label
from ..api import Library, open_library
from ..api.indexing_job import IndexJobs
from ..api.uploads import Uploads
from ..library.images.thumbnails import ThumbnailCache
from ..library.settings import cache_folder
from .images import ImageServer
from .options import UiOptions
from .password import LoginThrottle

_MOST_KEPT: Final = 500
_COUNT: Final = 6


class Labelling:
    """The nearest nouns of a library's images, one image at a time. Thread-safe."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="photoseek-labels")
        self._found: OrderedDict[tuple[int, str], Future[list[Label]]] = OrderedDict()
        self._lock = Lock()

    def finding(self, image_id: int, content_hash: str) -> Future[list[Label]]:
        """Return what will hold the labels of an image, or a `PhotoseekError` where there are none to be had."""
        key = (image_id, content_hash)
        with self._lock:
            if key not in self._found:
                self._found[key] = self._thread.submit(self._library.labels, image_id, k=_COUNT)
            self._found.move_to_end(key)
            found = self._found[key]
            if len(self._found) > _MOST_KEPT:
                self._found.popitem(last=False)
        return found

    def close(self) -> None:
        """Look for no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that outlives a visit."""

    options: UiOptions
    library: Library
    pictures: ImageServer
    uploads: Uploads
    gate: LoginThrottle | None
    labelling: Labelling
    jobs: IndexJobs

    def close(self) -> None:
        """Let go of the database and end the processes that decode."""
        self.jobs.close()
        self.labelling.close()
        self.pictures.close()
        self.uploads.close()
        self.library.close()


class _Held:
    """The one `Resources` of this process: Streamlit gives its script no way to be handed one."""

    value: Resources | None = None
    lock = Lock()


def start(options: UiOptions, library: Library | None = None) -> Resources:
    """Construct what the pages of this process share, in place of what they shared before.

    Raises:
        SettingsError: the library's settings file makes no sense.
    """
    opened = library or open_library(options.folder, model=options.model, read_only=options.read_only)
    cache = ThumbnailCache(cache_folder() / "thumbnails")
    pictures = ImageServer(opened, cache, secrets.token_bytes(32), options.base_path)
    gate = None if options.password is None else LoginThrottle(options.password)
    with _Held.lock:
        jobs = IndexJobs(opened.folder, options.model, read_only=options.read_only)
        _Held.value = Resources(options, opened, pictures, Uploads(), gate, Labelling(opened), jobs)
        return _Held.value


def current() -> Resources:
    """Return what `start` constructed; the defaults where nothing was started."""
    return _Held.value or start(UiOptions())
