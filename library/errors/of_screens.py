"""Errors of what is shown or served: the pages in the browser, the demo and the HTTP server."""

from __future__ import annotations

from .base import PhotoseekError


class UiUnavailable(PhotoseekError):
    """The pages in the browser cannot be served as asked."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"the pages cannot be served: {self.reason}; {self.remedy}"


class DemoUnavailable(PhotoseekError):
    """The demo's photographs are not installed."""

    def __str__(self) -> str:
        return "the demo needs scikit-image's sample photographs: pip install 'photoseek[demo]'"


class ServerUnavailable(PhotoseekError):
    """The HTTP server cannot be run as asked."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"the server cannot be run: {self.reason}; {self.remedy}"


class RemoteError(PhotoseekError):
    """A photoseek server is not reached, or says no; `status` is HTTP's, where it came so far."""

    def __init__(self, url: str, reason: str, status: int | None = None) -> None:
        super().__init__(url, reason, status)
        self.url = url
        self.reason = reason
        self.status = status

    def __str__(self) -> str:
        return f"{self.url}: {self.reason}"
