"""The justified grid of pictures: thumbnails that load as they come into sight, to open, to choose, to search by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .. import Box, ImageRecord
from .components import Events, mount
from .images import ImageServer, Shape

_WORDS: Final = {
    "open": "Open",
    "choose": "Select",
    "like": "More like this",
    "gone": "cannot be read any more",
    "line": "weaker matches below",
    "unfold": "Show {} more like",
    "fold": "Fold what is like",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a grid.

    `facts` is shown under its name when it is pointed at, `badge` always. `moved` is by how many places it rose, or
    fell where it is negative. `box` is drawn on it. `folded` counts what is folded under it; what `is_unfolded` stands
    beside the others of its kind.
    """

    image: ImageRecord
    caption: str = ""
    facts: str = ""
    badge: str = ""
    moved: int = 0
    is_weak: bool = False
    box: Box | None = None
    folded: int = 0
    is_unfolded: bool = False


@dataclass(frozen=True, slots=True)
class GridLook:
    """How a grid is shown.

    `line` is the place of the first weaker match, 0 for none. `has_more` says that there is more to ask for when the
    end comes into sight, and `shown` what is told then, the number of tiles unless given; `end` is written below the
    last. `chosen` holds ids; they replace those chosen in the browser when `choice` changes. `row_px` is the height of
    a row, 0 for one that suits the screen. With a `question`, the page is scrolled to the top when that changes, and
    back to where it was when the visitor goes back. `groups` are headings, each with the place of its
    first tile.
    """

    label: str = "Pictures"
    line: int = 0
    has_more: bool = False
    is_choosable: bool = False
    chosen: tuple[int, ...] = ()
    choice: int = 0
    row_px: int = 0
    shown: int = 0
    question: str = ""
    end: str = ""
    groups: tuple[tuple[int, str], ...] = ()


def grid(tiles: Sequence[Tile], pictures: ImageServer, look: GridLook, key: str, events: Events) -> None:
    """Draw a grid; `told(key, event)` says what happened.

    Events: `liked` tells an id, `more` how many are shown, `chosen` the ids that are, `unfolded` the id under which
    something is folded.
    """
    data = {
        "tiles": [_fields(tile, pictures) for tile in tiles],
        "label": look.label,
        "line": look.line,
        "more": look.has_more,
        "choosable": look.is_choosable,
        "choosing": bool(look.chosen),
        "chosen": list(look.chosen),
        "choice": look.choice,
        "height": look.row_px,
        "shown": look.shown or len(tiles),
        "question": look.question,
        "end": look.end,
        "groups": [list(group) for group in look.groups],
        "words": _WORDS,
    }
    mount("grid", key, data, events)


def _fields(tile: Tile, pictures: ImageServer) -> dict[str, object]:
    image = tile.image
    name = shown_name(image)
    fields: dict[str, object] = {
        "id": image.id,
        "src": pictures.address(image, Shape.GRID),
        "w": image.width,
        "h": image.height,
        "name": name,
        "alt": tile.caption or name,
        "caption": tile.caption,
        "facts": tile.facts,
        "badge": tile.badge,
        "moved": tile.moved,
        "weak": tile.is_weak,
        "folded": tile.folded,
        "unfolded": tile.is_unfolded,
    }
    if tile.box is not None:
        fields["box"] = [tile.box.left, tile.box.top, tile.box.right, tile.box.bottom]
    return fields


def shown_name(image: ImageRecord) -> str:
    """Return an image's file name as text: bytes that are none are shown escaped."""
    return image.path.name.encode(errors="backslashreplace").decode()
