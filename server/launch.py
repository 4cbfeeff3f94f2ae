"""Starts the server: uvicorn, in one process or several, and the word that it is ready."""

from __future__ import annotations

import socket
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..library.errors import ServerUnavailable
from ..library.settings import believe_no_forwarded_address, library_folder, share_metrics
from .keys import KeyStore
from .options import ServerOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    import uvicorn

_END_S = 30
"""What runs when the server is told to end has so long to be finished."""


def serve(options: ServerOptions, on_ready: Callable[[str], None]) -> None:
    """Serve until the process is told to end; requests under way are finished.

    Args:
        options: what is served, where, and to whom.
        on_ready: told the address, once it listens.

    Raises:
        ServerUnavailable: packages are missing, the address is taken, or others could ask without a key.
        SettingsError: the library's settings file makes no sense.
    """
    check_packages()
    if not options.is_local and not KeyStore(library_folder(options.folder)).all():
        remedy = "make a key with `photoseek keys create NAME`, or leave --host away"
        raise ServerUnavailable(f"{options.host} can be reached from other machines", remedy)
    believe_no_forwarded_address()
    listening = _listening(options.host, options.port)
    with listening, tempfile.TemporaryDirectory(prefix="photoseek-metrics-") as folder:
        host = f"[{options.host}]" if ":" in options.host else options.host
        on_ready(f"http://{host}:{listening.getsockname()[1]}")
        _run(options, listening, Path(folder))


def _run(options: ServerOptions, listening: socket.socket, metrics_folder: Path) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    if options.workers > 1:
        share_metrics(metrics_folder)
    config = _config(options)
    if options.workers > 1:
        Multiprocess(config, [listening]).run()
    else:
        uvicorn.Server(config).run(sockets=[listening])


def check_packages() -> None:
    """Refuse to serve without what serving needs.

    Raises:
        ServerUnavailable: a package is not installed.
    """
    for name in ("fastapi", "uvicorn", "prometheus_client", "python_multipart", "mcp"):
        if find_spec(name) is None:
            raise ServerUnavailable(f"it needs the package {name}", "pip install 'photoseek[server]'")


def _config(options: ServerOptions) -> uvicorn.Config:
    import uvicorn

    from .app import create_app

    return uvicorn.Config(
        partial(create_app, options),
        factory=True,
        workers=options.workers,
        lifespan="on",
        log_config=None,  # the gate writes the log
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_END_S,
        h11_max_incomplete_event_size=64 << 10,
    )


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        made = socket.create_server((host, port), family=family, backlog=2_048)
    except OSError as error:
        reason = f"cannot listen on {host}:{port}: {error.strerror or error}"
        raise ServerUnavailable(reason, "choose another --port or --host") from error
    made.set_inheritable(True)
    # Connections inherit it: an answer's head and body go out at once, and not 40 ms apart.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
