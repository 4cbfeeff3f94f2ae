"""What the pages share: one library, its pictures and what was brought, constructed once per process."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from threading import Lock

from ..api import Library, open_library
from ..api.indexing_job import IndexJobs
from ..library.settings import cache_folder
from .images import ImageServer
from .labelling import Labelling
from .options import UiOptions
from .password import LoginThrottle
from .thumbnail_cache import ThumbnailCache
from .uploads import Uploads


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
