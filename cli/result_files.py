"""What search can do with its answers beside printing them: files, pictures, folding."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from .options import PATH

if TYPE_CHECKING:
    from ..api import Library
    from ..library.types import Hit

_Command = TypeVar("_Command", bound=Callable[..., None])
_SHOWN_PX = 240


def result_options(command: _Command) -> _Command:
    """Add --csv, --html, --sheet, --force and --show."""
    for option in (
        click.option("--force", is_flag=True, help="Replace such files where they are there already."),
        click.option("--show", is_flag=True, help="Show the pictures in the terminal: kitty, iTerm2, sixel."),
        click.option("--sheet", metavar="FILE", type=PATH, help="Draw the answers into a .jpg, .png or .webp."),
        click.option("--html", metavar="FILE", type=PATH, help="Write a page with the pictures in it."),
        click.option("--csv", metavar="FILE", type=PATH, help="Write a table, a row for each answer."),
    ):
        command = option(command)
    return command


def folded(library: Library, hits: Sequence[Hit]) -> tuple[list[Hit], dict[int, tuple[Hit, ...]]]:
    """Return the hits that are no near-duplicates of one before them, and by their ids those that are of them."""
    stacks = library.fold(hits)
    return [stack.hit for stack in stacks], {stack.hit.image.id: stack.duplicates for stack in stacks}


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """The files that answers are to be written to, and whether what is there may be replaced."""

    csv: Path | None
    html: Path | None
    sheet: Path | None
    force: bool

    def __bool__(self) -> bool:
        return bool(self.csv or self.html or self.sheet)

    def check(self, library: Library) -> None:
        """Refuse them before anything is searched.

        Raises:
            ExportFailed: one of them is there and not to be replaced, or is an image of the library.
        """
        given = [file for file in (self.csv, self.html, self.sheet) if file is not None]
        if given:
            library.check_targets(given, replace=self.force)

    def write(self, library: Library, title: str, hits: Sequence[Hit]) -> None:
        """Write those that were asked for.

        Raises:
            ExportFailed: one of them cannot be written.
        """
        if self.csv is not None:
            library.export_csv(hits, self.csv, replace=self.force)
        if self.html is not None:
            library.export_html(hits, self.html, title=title, replace=self.force)
        if self.sheet is not None:
            library.export_sheet(hits, self.sheet, title=title, replace=self.force)


def shower() -> Callable[[Path], None]:
    """Return what shows a picture on this terminal; says so once, and does nothing, where none can be shown."""
    from ..library.settings import terminal_graphics
    from ..search.terminal_images import inline_image
    from ..search.thumbnails import thumbnail

    graphics = terminal_graphics() if sys.stdout.isatty() else None
    if graphics is None:
        click.echo("this terminal shows no pictures: try --sheet FILE or --html FILE", err=True)
        return _show_nothing

    def show(path: Path) -> None:
        click.echo(inline_image(thumbnail(path, _SHOWN_PX), graphics), nl=False)

    return show


def _show_nothing(_path: Path) -> None:
    pass
