"""Settings: the sole reader of the environment and of a library's TOML."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import platformdirs

from .errors import SettingsError
from .files import atomic_write, expanded, is_blank

FILE_NAME = "library.toml"
DEFAULT_MODEL = "mini"
DEBUG_VARIABLE = "PHOTOSEEK_DEBUG"
UI_PASSWORD_VARIABLE = "PHOTOSEEK_UI_PASSWORD"  # noqa: S105 - its name
_LIBRARY_VARIABLE = "PHOTOSEEK_LIBRARY"
_CACHE_VARIABLE = "PHOTOSEEK_CACHE"
_VLM_VARIABLE = "PHOTOSEEK_VLM"
VLM_KEY_VARIABLE = "PHOTOSEEK_VLM_KEY"
_KEY_VARIABLE = "PHOTOSEEK_KEY"
_METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # as prometheus_client reads it
_KNOWN_KEYS = frozenset({"model", "catalog", "vlm"})


Graphics: TypeAlias = Literal["kitty", "iterm2", "sixel"]
"""The protocols by which terminals show pictures."""

_KITTY_TERMS = frozenset({"xterm-kitty", "xterm-ghostty"})
_ITERM2_PROGRAMS = frozenset({"iTerm.app", "WezTerm", "mintty"})
_SIXEL_TERMS = frozenset({"foot", "foot-extra", "mlterm", "mlterm-256color", "contour", "yaft-256color"})


@dataclass(frozen=True, slots=True)
class Settings:
    """How one library is used.

    `model` names the embedder. `catalog` is a database URL, or None for SQLite in the library's folder. `vlm` names the
    vision-language model that looks at pictures again, captions them and answers about them, or is None without one.
    With `read_only`, nothing is written to the library, whoever asks for it. Where another process is writing to it,
    that is waited for up to `wait_s` seconds.
    """

    folder: Path
    model: str = DEFAULT_MODEL
    catalog: str | None = None
    vlm: str | None = None
    read_only: bool = False
    wait_s: float = 0.0


def library_folder(given: str | os.PathLike[str] | None, environ: Mapping[str, str] | None = None) -> Path:
    """Return the library to use: the one given, else $PHOTOSEEK_LIBRARY, else one in the user's data folder.

    Raises:
        SettingsError: it begins with the home folder, `~NAME`, of somebody who has none, or the variable is blank.
        EmptyPath: the one given is empty.
    """
    environ = os.environ if environ is None else environ
    chosen = environ.get(_LIBRARY_VARIABLE) if given is None else expanded(given)
    if chosen:
        if is_blank(chosen):
            raise SettingsError(_LIBRARY_VARIABLE, "it is empty but for blanks: unset it, or name a folder")
        try:
            return Path(chosen).expanduser().absolute()
        except RuntimeError as error:
            raise SettingsError(str(chosen), "its home folder is not known; write the library's path out") from error
    return platformdirs.user_data_path("photoseek", appauthor=False) / "default.library"


def cache_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Return where to keep what can be made again: $PHOTOSEEK_CACHE, else the platform's folder for it.

    Raises:
        SettingsError: the variable is nothing but blanks.
    """
    chosen = (os.environ if environ is None else environ).get(_CACHE_VARIABLE)
    if chosen and is_blank(chosen):
        raise SettingsError(_CACHE_VARIABLE, "it is empty but for blanks: unset it, or name a folder")
    return Path(chosen).absolute() if chosen else platformdirs.user_cache_path("photoseek", appauthor=False)


def terminal_graphics(environ: Mapping[str, str] | None = None) -> Graphics | None:
    """How this terminal shows pictures, told by what terminals say of themselves; None where it does not.

    Inside tmux and screen the outer terminal does not get to see them.
    """
    environ = os.environ if environ is None else environ
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if environ.get("TMUX") or term.startswith(("screen", "tmux")):
        return None
    if term in _KITTY_TERMS or program == "ghostty":
        return "kitty"
    if program in _ITERM2_PROGRAMS or environ.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    return "sixel" if term in _SIXEL_TERMS or "sixel" in term else None


def is_debugging(environ: Mapping[str, str] | None = None) -> bool:
    """Whether $PHOTOSEEK_DEBUG asks to see where an unexpected error comes from."""
    return bool((os.environ if environ is None else environ).get(DEBUG_VARIABLE))


def believe_no_forwarded_address() -> None:
    """Have uvicorn leave a connection's address as it is: by default any program on this machine may feign another."""
    os.environ["FORWARDED_ALLOW_IPS"] = ""


def share_metrics(folder: Path) -> None:
    """Have the server processes that this one starts count together, in files in `folder`; before they are started."""
    os.environ[_METRICS_VARIABLE] = str(folder)


def shares_metrics() -> bool:
    """Whether this process counts together with others."""
    return _METRICS_VARIABLE in os.environ


def server_key(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the key to send to a photoseek server, $PHOTOSEEK_KEY."""
    return (os.environ if environ is None else environ).get(_KEY_VARIABLE) or None


def ui_password(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the password that the pages in the browser ask for, None when they ask for none."""
    return (os.environ if environ is None else environ).get(UI_PASSWORD_VARIABLE) or None


def vlm_key(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the key to send to a vision-language model's server, $PHOTOSEEK_VLM_KEY; no file may hold it."""
    return (os.environ if environ is None else environ).get(VLM_KEY_VARIABLE) or None


def read_settings(folder: Path, model: str | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of the library in `folder`; a `model` given here and $PHOTOSEEK_VLM win over the file's.

    Raises:
        SettingsError: the file is not TOML, or a key is unknown or of the wrong type.
    """
    file = folder / FILE_NAME
    values: dict[str, str] = {}
    try:
        with file.open("rb") as stream:
            values = _checked(tomllib.load(stream), file)
    except FileNotFoundError:
        pass
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(file), f"is not valid TOML: {error}") from error
    except OSError as error:
        raise SettingsError(str(file), f"cannot be read: {error.strerror}") from error
    vlm = (os.environ if environ is None else environ).get(_VLM_VARIABLE) or values.get("vlm")
    return Settings(folder, model or values.get("model", DEFAULT_MODEL), values.get("catalog"), vlm)


def write_initial_settings(settings: Settings) -> None:
    """Write the TOML of a new library, unless there is one: whole, or not at all."""
    file = settings.folder / FILE_NAME
    if file.exists():
        return
    lines = [
        "# Settings of this photoseek library.",
        f"model = {_quoted(settings.model)}",
        f"catalog = {_quoted(settings.catalog)}"
        if settings.catalog
        else '# catalog = "postgresql+psycopg://USER@HOST/NAME"   # SQLite in this folder unless set',
        # Never written for good: it may have come from this once's environment.
        '# vlm = "blip"   # looks at pictures again; or "llava", or "http://localhost:8000/v1#MODEL"',
    ]
    with atomic_write(file) as stream:
        stream.write(("\n".join(lines) + "\n").encode())


def _checked(values: Mapping[str, object], file: Path) -> dict[str, str]:
    checked: dict[str, str] = {}
    for key, value in values.items():
        if key not in _KNOWN_KEYS:
            raise SettingsError(str(file), f"unknown setting {key!r}; known are {', '.join(sorted(_KNOWN_KEYS))}")
        if not isinstance(value, str) or not value:
            raise SettingsError(str(file), f"{key} must be a text in quotes")
        checked[key] = value
    return checked


def _quoted(text: str) -> str:
    """Word `text` as a TOML basic string, in which quotes, backslashes and control characters are escaped."""
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08X}" for c in text) + '"'
