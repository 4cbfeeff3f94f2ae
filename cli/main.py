"""The command line: finds the command asked for, and is the one place where errors become words."""

from __future__ import annotations

import atexit
import errno
import gc
import io
import logging
import os
import sys
import traceback
import warnings
from contextlib import suppress
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
    "texts": ("texts", "texts_command"),
    "caption": ("vlm", "caption_command"),
    "ask": ("vlm", "ask_command"),
    "classify": ("describe", "classify_command"),
    "duplicates": ("duplicates", "duplicates_command"),
    "export": ("export", "export_command"),
    "watch": ("index", "watch_command"),
    "remove": ("maintenance", "remove_command"),
    "prune": ("maintenance", "prune_command"),
    "show": ("show", "show_command"),
    "failures": ("maintenance", "failures_command"),
    "info": ("maintenance", "info_command"),
    "verify": ("verify", "verify_command"),
    "compact": ("verify", "compact_command"),
    "cache": ("cache", "cache_command"),
    "doctor": ("maintenance", "doctor_command"),
    "ui": ("ui", "ui_command"),
    "serve": ("serve", "serve_command"),
    "keys": ("serve", "keys_command"),
    "mcp": ("serve", "mcp_command"),
    "demo": ("demo", "demo_command"),
}


class _Commands(click.Group):
    """Imports a command when it is asked for; ends quietly on Ctrl-C, with the exit code that stops a chain."""

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
        except BrokenPipeError:  # whoever read the answer has seen enough, as `head` has; click would make it a 1
            ctx.exit(PIPE_CLOSED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="photoseek")
def commands() -> None:
    """Find pictures in your own folders by words, by example, or both.

    \b
      photoseek index ~/Pictures
      photoseek search "a dog running on a beach"

    Exit codes: 0 answered, 1 an error told in one line, 2 a mistyped command, 130 interrupted with Ctrl-C, 141 nobody
    read the answer to its end, 143 ended by SIGTERM.
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
    # Outside of every `except`: what an exception keeps alive, packages in C++ complain of when the interpreter ends.
    sys.exit(_run())


def _run() -> int:
    """Run the command that was asked for and return the exit code, once its answer has left this process."""
    code = 0
    try:
        commands(prog_name="photoseek")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except FilterError as error:
        _tell(f"{plain(error.summary)}\n{error.pointer()}")
        code = 1
    except PhotoseekError as error:
        code = _fail(str(error))
    except MemoryError:
        code = _fail(_NO_MEMORY)
    except Exception as error:
        code = _unforeseen(error)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_answer()
        code = code or PIPE_CLOSED
    except OSError as error:
        code = code or _unwritten(error)
    return code


_NO_MEMORY = (
    "there is not enough memory for this: end other programs, or try a smaller model, fewer --workers or a smaller "
    "--batch-size; what was written so far is kept"
)

# As the standard library of C++, ONNX Runtime and torch say it.
_MEMORY_SIGNS = ("bad_alloc", "Failed to allocate memory", "out of memory", "can't allocate memory", "Cannot allocate")

_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})


def _unforeseen(error: Exception) -> int:
    """Word an error that nobody raised on purpose; some are the machine's, and no fault of ours."""
    if is_debugging():
        traceback.print_exc()
    if isinstance(error, OSError) and error.errno in _UNWRITABLE and error.filename is None:
        return _unwritten(error)
    if any(sign in str(error) for sign in _MEMORY_SIGNS):
        return _fail(_NO_MEMORY)
    if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:
        return _fail("an argument holds bytes that are no text in UTF-8: write it anew, or check the terminal's locale")
    return _fail(f"unexpected {type(error).__name__}: {error}; {DEBUG_VARIABLE}=1 shows where, please report it")


def _unwritten(error: OSError) -> int:
    """Say that the answer is lost."""
    _drop_answer()
    return _fail(f"the answer cannot be written: {error.strerror or error}")


def _drop_answer() -> None:
    """Keep the interpreter from trying to write it once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _fail(message: str) -> int:
    _tell(plain(" ".join(message.split())))
    return 1


def _tell(message: str) -> None:
    with suppress(OSError):  # a full disk may hold stderr as well
        click.echo(f"photoseek: {message}", err=True)
