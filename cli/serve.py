"""photoseek serve and photoseek keys: the library over HTTP, and who may ask it there."""

from __future__ import annotations

from pathlib import Path

import click

from .common import json_option, judge_option, library_option, model_options, print_json
from .console import plain

_SCOPES = ("read", "write", "admin")


@click.command("serve", short_help="Answer other programs over HTTP.")
@click.option("--port", type=click.IntRange(0, 65535), default=8600, show_default=True, help="Where to listen.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Others than this machine need keys.")
@click.option("--read-only", is_flag=True, help="Write nothing to the library, whatever key asks.")
@click.option("--allow-host", "hosts", metavar="NAME", multiple=True, help="A name to answer to, as behind a proxy.")
@click.option(
    "--allow-origin", "origins", metavar="URL", multiple=True, help="Pages that may ask, https://shop.example."
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that answer.")
@click.option("--log-queries", is_flag=True, help="Have the log tell what was asked for.")
@judge_option
@model_options
def serve_command(  # noqa: PLR0913 - one for each option
    *,
    port: int,
    host: str,
    read_only: bool,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    workers: int,
    log_queries: bool,
    judge: str | None,
    folder: Path | None,
    model: str | None,
) -> None:
    """Answer other programs over HTTP, on this machine alone unless told otherwise; Ctrl-C ends it.

    \b
      curl 'http://127.0.0.1:8600/v1/search?q=a+dog+on+a+beach&k=3'

    /openapi.json says what can be asked. The log, a line of JSON for each request, goes to stderr.
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from ..server.launch import serve
    from ..server.options import ServerOptions

    options = ServerOptions(folder, model, judge, host, port, read_only, hosts, origins, log_queries, workers)
    serve(options, lambda address: click.echo(f"photoseek answers at {address}", err=True))


@click.command("mcp", short_help="Answer language-model agents, over the Model Context Protocol.")
@model_options
def mcp_command(*, folder: Path | None, model: str | None) -> None:
    """Let an agent search the library and look at pictures, on stdin and stdout; it can write nothing.

    \b
      claude mcp add photos -- photoseek mcp --library ~/photos.library

    `photoseek serve` answers agents at /mcp, with keys.
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from ..server.launch import check_packages

    check_packages()
    from ..server.agents import serve_stdio

    serve_stdio(folder, model)


@click.group("keys", short_help="Keys that let programs in at `photoseek serve`.")
def keys_command() -> None:
    """Make, list and revoke the keys of a library; while there is none, programs of this machine need none."""


@keys_command.command("create")
@click.argument("name")
@click.option("--scope", type=click.Choice(_SCOPES), default="read", show_default=True, help="What it allows.")
@json_option
@library_option
def create(*, name: str, scope: str, as_json: bool, folder: Path | None) -> None:
    """Make a key for NAME, and show it this once.

    read: search, look, describe, rerank. write: also caption, and index again what was indexed before. admin: also
    index other folders of the server's machine.
    """
    from ..library.settings import library_folder
    from ..server.keys import KeyStore, Scope

    key, text = KeyStore(library_folder(folder)).create(name, Scope[scope.upper()])
    if as_json:
        print_json({"id": key.id, "name": key.name, "scope": key.scope.word, "key": text})
        return
    click.echo(text)
    click.echo("photoseek: keep it well; it is not shown again. `photoseek keys revoke` takes it back", err=True)


@keys_command.command("list")
@json_option
@library_option
def list_keys(*, as_json: bool, folder: Path | None) -> None:
    """List the keys, the oldest first; none is shown itself."""
    from ..library.settings import library_folder
    from ..server.keys import KeyStore

    keys = KeyStore(library_folder(folder)).all()
    if as_json:
        print_json([{"id": k.id, "name": k.name, "scope": k.scope.word, "created_at": k.created_at} for k in keys])
        return
    for key in keys:
        click.echo(f"{key.id}  {key.scope.word:5}  {key.created_at[:10]}  {plain(key.name)}")
    if not keys:
        click.echo("photoseek: no keys; `photoseek keys create NAME` makes one", err=True)


@keys_command.command("revoke")
@click.argument("key_id", metavar="ID")
@library_option
def revoke(*, key_id: str, folder: Path | None) -> None:
    """Take a key back, by its id; servers refuse it from their next request on."""
    from ..library.settings import library_folder
    from ..server.keys import KeyStore

    key = KeyStore(library_folder(folder)).revoke(key_id)
    click.echo(f"photoseek: the key of {plain(key.name)} opens nothing any more", err=True)
