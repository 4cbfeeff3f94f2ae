"""The command line: finds the command asked for, and is the one place where errors become words."""

from __future__ import annotations

import atexit
import gc
import io
import logging
import sys
import traceback
import warnings
from importlib import import_module

import click

from ..library.errors import FilterError, PhotoseekError
from ..library.settings import DEBUG_VARIABLE, is_debugging
from .console import INTERRUPTED, PIPE_CLOSED, plain

# Command -> module and function in this folder, in the order --help lists them.
_COMMANDS = {
    "index": ("index", "index_command"),
    "search": ("search", "search_command"),
    "eval": ("evaluate", "eval_command"),
    "describe": ("describe", "describe_command"),
    "caption": ("vlm", "caption_command"),
    "ask": ("vlm", "ask_command"),
    "classify": ("describe", "classify_command"),
    "duplicates": ("duplicates", "duplicates_command"),
    "export": ("export", "export_command"),
    "watch": ("index", "watch_command"),
    "remove": ("maintenance", "remove_command"),
    "prune": ("maintenance", "prune_command"),
    "failures": ("maintenance", "failures_command"),
    "info": ("maintenance", "info_command"),
    "doctor": ("maintenance", "doctor_command"),
    "ui": ("ui", "ui_command"),
    "serve": ("serve", "serve_command"),
    "keys": ("serve", "keys_command"),
    "mcp": ("serve", "mcp_command"),
    "demo": ("demo", "demo_command"),
}


class _Commands(click.Group):
    """Imports a command when it is asked for; ends quietly on Ctrl-C, with the exit code that stops a chain.

    And on a pipe that nobody reads any more.
    """

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, function = _COMMANDS[name]
        command: click.Command = getattr(import_module(f".{module}", __package__), function)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("photoseek: interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:  # whoever read the answer has seen enough, as `head` has
            ctx.exit(PIPE_CLOSED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="photoseek")
def commands() -> None:
    """Find pictures in your own folders by words, by example, or both.

    \b
      photoseek index ~/Pictures
      photoseek search "a dog running on a beach"

    Exit codes: 0 answered, 1 an error told in one line, 2 a mistyped command, 130 interrupted with Ctrl-C.
    """  # noqa: D301 - click reads the backspace as "keep these lines"


def main() -> None:
    """Run the command line; every PhotoseekError becomes one line on stderr and exit code 1.

    Below the line of a filter's error, the filter is shown with a caret under the place.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # codecs' remarks on odd files: what matters is in the failure ledger
    # The interpreter would go through every object of every module once more before it ends: a tenth of a search.
    atexit.register(gc.freeze)
    logging.basicConfig(format="photoseek: note: %(message)s", level=logging.WARNING, stream=sys.stderr)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal need not know every letter of a file's name
    try:
        commands(prog_name="photoseek")
    except FilterError as error:
        click.echo(f"photoseek: {plain(error.summary)}\n{error.pointer()}", err=True)
        sys.exit(1)
    except PhotoseekError as error:
        _fail(str(error))
    except Exception as error:
        if is_debugging():
            traceback.print_exc()
        _fail(f"unexpected {type(error).__name__}: {error}; {DEBUG_VARIABLE}=1 shows where, please report it")


def _fail(message: str) -> None:
    click.echo(f"photoseek: {plain(' '.join(message.split()))}", err=True)
    sys.exit(1)
