"""photoseek ui."""

from __future__ import annotations

from pathlib import Path

import click

from .common import model_options


@click.command("ui", short_help="Open the library in the browser.")
@click.option("--port", type=click.IntRange(0, 65535), default=8501, show_default=True, help="Where to listen.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Others than this machine need a password.")
@click.option("--base-path", metavar="PATH", default="", help="The path below which a reverse proxy shows the pages.")
@click.option("--read-only", is_flag=True, help="Write nothing to the library, and hide what would.")
@click.option("--allow-host", "hosts", metavar="NAME", multiple=True, help="A name to answer to, as behind a proxy.")
@click.option("--proxy", "proxies", metavar="ADDRESS", multiple=True, help="A proxy to believe who asks.")
@model_options
def ui_command(  # noqa: PLR0913 - one for each option
    *,
    port: int,
    host: str,
    base_path: str,
    read_only: bool,
    hosts: tuple[str, ...],
    proxies: tuple[str, ...],
    folder: Path | None,
    model: str | None,
) -> None:
    """Show the library in a browser, on this machine alone unless told otherwise; Ctrl-C ends it.

    With $PHOTOSEEK_UI_PASSWORD set, the pages ask for that password first.
    """
    from ..library.settings import ui_password
    from ..ui.launch import serve
    from ..ui.options import UiOptions

    serve(UiOptions(folder, model, host, port, base_path.strip("/"), read_only, ui_password(), hosts, proxies))
