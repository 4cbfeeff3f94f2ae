"""Starts the server: Streamlit's, with routes of ours for pictures beside its own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from ..api.uploads import MOST_UPLOAD_BYTES
from ..library.errors import UiUnavailable
from ..library.settings import believe_no_forwarded_address
from .options import UiOptions

_LOOK: Final = {
    "theme.light.primaryColor": "#1f6f5c",
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#f3f4f3",
    "theme.light.textColor": "#1d2321",
    "theme.dark.primaryColor": "#6fc3ab",
    "theme.dark.backgroundColor": "#141615",
    "theme.dark.secondaryBackgroundColor": "#1f2322",
    "theme.dark.textColor": "#e8ebea",
    "theme.light.chartCategoricalColors": ["#1f6f5c", "#c26f2d", "#4a6fa5", "#9a4b6c", "#7a8b3a", "#6b5ca5"],
    "theme.dark.chartCategoricalColors": ["#6fc3ab", "#e3a063", "#8fb0de", "#d48fae", "#b9c977", "#b0a3e0"],
    "theme.light.grayTextColor": "#565f5b",
    "theme.dark.grayTextColor": "#a9b2ae",
    "theme.light.linkColor": "#1b6553",
    "theme.dark.linkColor": "#8ad4bf",
    "theme.baseRadius": "0.6rem",
    "theme.paddingTop": "0.6rem",
}


def serve(options: UiOptions) -> None:
    """Serve the pages until the process is told to end.

    Raises:
        UiUnavailable: Streamlit is not installed.
        SettingsError: the library's settings file makes no sense.
    """
    if find_spec("streamlit") is None:
        raise UiUnavailable("the pages need Streamlit", "pip install 'photoseek[ui]'")
    from .resources import start
    from .server import Server

    believe_no_forwarded_address()
    resources = start(options)
    try:
        Server(resources).run(config=server_config(options))
    finally:
        resources.close()


def server_config(options: UiOptions) -> dict[str, object]:
    """Return Streamlit's settings: no telemetry, no watching of files. Hosts and origins are the guard's to judge."""
    return {
        "server.address": options.host,
        "server.port": options.port,
        "server.baseUrlPath": options.base_path,
        "server.headless": True,
        "server.showEmailPrompt": False,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.maxUploadSize": MOST_UPLOAD_BYTES >> 20,
        "server.enableXsrfProtection": True,
        "server.enableStaticServing": False,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        **_LOOK,
    }
