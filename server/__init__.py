"""HTTP, MCP and metrics over `api/`: everything another program needs to ask a library, and no logic of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .client import RemoteLibrary


def connect(url: str, *, key: str | None = None) -> RemoteLibrary:
    """Return the library that the server at `url` answers for; nothing is sent yet.

    Args:
        url: as `http://nas:8600`.
        key: one that `photoseek keys create` made there; unless given, $PHOTOSEEK_KEY, if that is set.

    Raises:
        ServerUnavailable: the packages that speak HTTP are not installed.
        RemoteError: the address makes no sense.
    """
    from importlib.util import find_spec

    from ..library.errors import ServerUnavailable
    from ..library.settings import server_key

    if find_spec("httpx") is None or find_spec("pydantic") is None:
        raise ServerUnavailable("its client needs the package httpx", "pip install 'photoseek[server]'")
    from .client import RemoteLibrary

    return RemoteLibrary(url, key or server_key())
