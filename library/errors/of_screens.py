"""Errors of what is shown: the pages in the browser and the demo."""

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
