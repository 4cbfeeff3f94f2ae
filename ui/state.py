"""What a search page shows, as a value that the browser's address holds: shared, it shows the same elsewhere."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, TypeAlias

import streamlit as st

from .. import KnownImage, Sort, Words
from ..library.catalog.conditions import Area
from ..library.catalog.overviews import BrowseOrder
from ..search.query.arithmetic import HEAVIEST

PAGE: Final = 60
"""Pictures shown at first, and added when the end comes into sight."""

MOST_SHOWN: Final = 1_920
"""Of one answer. Whoever has scrolled so far does better to ask for something narrower."""

MOST_PARTS: Final = 16
LONGEST_TEXT: Final = 500
_MOST_VALUES: Final = 50

_PART = re.compile(r"(-?)(?:([0-9.]{1,10}):)?(text|id|upload):(.*)", re.DOTALL)
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DEGREES = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,8})?", re.ASCII)
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Brought:
    """A picture that a visitor brought, by its key; it is kept while the server runs."""

    key: str


Subject: TypeAlias = Words | KnownImage | Brought


@dataclass(frozen=True, slots=True)
class Part:
    """One thing beside the words in the box; with a negative weight, one to keep away from."""

    subject: Subject
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Filters:
    """Which images are looked at; each field unset lets all through.

    `folder` is a folder's path, or part of a path. `rating` is least that will do, `side_px` the least length of
    the longer side. `text` is in the name, a caption or a keyword, `colours` are all in the picture, and `area` is
    where it was taken.
    """

    after: date | None = None
    before: date | None = None
    folder: str = ""
    cameras: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    rating: int | None = None
    side_px: int | None = None
    captioned: bool = False
    text: str = ""
    colours: tuple[str, ...] = ()
    area: Area | None = None

    @property
    def count(self) -> int:
        """How many of them are set."""
        values = (
            *(self.after, self.before, self.folder, self.cameras, self.formats, self.rating, self.side_px),
            *(self.text, self.colours, self.area),
        )
        return sum(bool(value) for value in values) + self.captioned


@dataclass(frozen=True, slots=True)
class SearchState:
    """Everything a search page shows.

    `words` are those in the box; without any, the library is browsed in `order`. `budget_s` is how long reranking may
    take, 0 for none. `opened` is the image that is looked at. `shown` is how far one has scrolled.
    """

    words: str = ""
    parts: tuple[Part, ...] = ()
    filters: Filters = Filters()
    sort: Sort = Sort.SCORE
    shown: int = PAGE
    fold: bool = True
    budget_s: int = 0
    opened: int | None = None
    order: BrowseOrder = BrowseOrder.NEWEST

    @property
    def asks(self) -> bool:
        """Whether something is looked for."""
        return bool(self.words) or any(part.weight > 0 for part in self.parts)

    @property
    def avoids(self) -> bool:
        """Whether something is kept away from."""
        return any(part.weight < 0 for part in self.parts)

    def asking(self, words: str, parts: Sequence[Part]) -> SearchState:
        """Return the state that looks for this instead, from the top."""
        kept = tuple(parts)[-MOST_PARTS:]
        return replace(self, words=words.strip()[:LONGEST_TEXT], parts=kept, shown=PAGE, opened=None)

    def filtered(self, filters: Filters) -> SearchState:
        """Return the state that looks among these, from the top."""
        return replace(self, filters=filters, shown=PAGE, opened=None)

    def with_more(self) -> SearchState:
        """Return the state that shows more of the same: twice as much, as whoever scrolls on will scroll far."""
        return replace(self, shown=min(2 * self.shown, MOST_SHOWN))

    def looking_at(self, image_id: int | None) -> SearchState:
        """Return the state with this picture over the page, or with none."""
        return replace(self, opened=image_id)

    def to_params(self) -> dict[str, list[str]]:
        """Write the state as an address's parameters; what is at its default is left out."""
        filters = self.filters
        flags = {"fold": "" if self.fold else "0", "has": "caption" if filters.captioned else ""}
        params = {
            "q": [self.words],
            "t": [_written(part) for part in self.parts],
            "from": [filters.after.isoformat() if filters.after else ""],
            "to": [filters.before.isoformat() if filters.before else ""],
            "in": [filters.folder],
            "camera": list(filters.cameras),
            "format": list(filters.formats),
            "stars": [str(filters.rating or "")],
            "px": [str(filters.side_px or "")],
            **{name: [value] for name, value in flags.items()},
            "text": [filters.text],
            "colour": list(filters.colours),
            "at": [written_area(filters.area)],
            "by": ["" if self.order is BrowseOrder.NEWEST else self.order.value],
            "sort": ["" if self.sort is Sort.SCORE else self.sort.value],
            "n": [str(self.shown) if self.shown != PAGE else ""],
            "look": [str(self.budget_s or "")],
            "image": ["" if self.opened is None else str(self.opened)],
        }
        return {name: kept for name, values in params.items() if (kept := [value for value in values if value])}

    @classmethod
    def from_params(cls, params: Mapping[str, Sequence[str]]) -> SearchState:
        """Read an address's parameters; what makes no sense in them counts as not there."""

        def one(name: str) -> str:
            values = params.get(name, ())
            return values[-1][:LONGEST_TEXT] if values else ""

        def several(name: str) -> tuple[str, ...]:
            return tuple(value[:LONGEST_TEXT] for value in params.get(name, ()) if value)[:_MOST_VALUES]

        parts = tuple(part for text in params.get("t", ()) if (part := _read_part(text)) is not None)
        filters = Filters(
            _read_date(one("from")),
            _read_date(one("to")),
            one("in"),
            several("camera"),
            several("format"),
            _read_int(one("stars"), 1, 5),
            _read_int(one("px"), 1, 1_000_000),
            one("has") == "caption",
            one("text").strip(),
            several("colour"),
            read_area(one("at")),
        )
        return cls(
            one("q").strip(),
            parts[:MOST_PARTS],
            filters,
            Sort(one("sort")) if one("sort") in {sort.value for sort in Sort} else Sort.SCORE,
            _read_int(one("n"), 1, MOST_SHOWN) or PAGE,
            one("fold") != "0",
            _read_int(one("look"), 1, 600) or 0,
            _read_int(one("image"), 1, 2**62),
            BrowseOrder(one("by")) if one("by") in {order.value for order in BrowseOrder} else BrowseOrder.NEWEST,
        )


def _written(part: Part) -> str:
    sign = "-" if part.weight < 0 else ""
    weight = "" if abs(part.weight) == 1 else f"{abs(part.weight):.6g}:"
    match part.subject:
        case Words(text):
            return f"{sign}{weight}text:{text}"
        case KnownImage(image_id):
            return f"{sign}{weight}id:{image_id}"
        case Brought(key):
            return f"{sign}{weight}upload:{key}"


def _read_part(text: str) -> Part | None:
    found = _PART.fullmatch(text)
    if found is None:
        return None
    sign, weight_text, kind, value = found.groups()
    weight = _read_float(weight_text, HEAVIEST) if weight_text else 1.0
    subject = _read_subject(kind, value)
    return None if weight is None or subject is None else Part(subject, -weight if sign else weight)


def _read_subject(kind: str, value: str) -> Subject | None:
    if kind == "text":
        return Words(value[:LONGEST_TEXT]) if value[:LONGEST_TEXT].strip() else None
    if kind == "id":
        return KnownImage(int(value)) if _ID.fullmatch(value) else None
    return Brought(value) if _KEY.fullmatch(value) else None


def written_area(area: Area | None) -> str:
    """Write an area as south, west, north and east, in degrees."""
    return "" if area is None else ",".join(f"{side:.4f}" for side in (area.south, area.west, area.north, area.east))


def read_area(text: str) -> Area | None:
    """Read what `written_area` writes; None for what is none."""
    sides = text.split(",")
    if len(sides) != 4 or not all(_DEGREES.fullmatch(side) for side in sides):
        return None
    south, west, north, east = (float(side) for side in sides)
    return Area(max(-90.0, south), max(-180.0, west), min(90.0, north), min(180.0, east))


def _read_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _read_int(text: str, least: int, most: int) -> int | None:
    return min(int(text), most) if _ID.fullmatch(text) and int(text) >= least else None


def _read_float(text: str, most: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return min(value, most) if math.isfinite(value) and value > 0 else None


_VISIT: Final = "visit"
PAGES: Final = "pages"
"""Where this visit's pages are kept, by the names of their modules."""


def read_state() -> SearchState:
    """Return what the address asks for."""
    params = st.query_params
    return SearchState.from_params({name: params.get_all(name) for name in params})


def write_state(state: SearchState) -> None:
    """Have the address ask for this; the browser's history remembers the one before."""
    params = state.to_params()
    if params != {name: st.query_params.get_all(name) for name in st.query_params}:
        st.query_params.from_dict(params)


def visit() -> str:
    """Return a name for this visit, the same on all its pages."""
    name: str = st.session_state.setdefault(_VISIT, secrets.token_urlsafe(12))
    return name


def go_to_search(state: SearchState) -> None:
    """Leave this page for the search page, and have that show this state."""
    st.switch_page(st.session_state[PAGES]["search_page"], query_params=state.to_params())


def link_to(module: str, label: str, icon: str) -> None:
    """Draw a link to a page; nothing where this visit is not shown it."""
    page = st.session_state.get(PAGES, {}).get(module)
    if page is not None:
        st.page_link(page, label=label, icon=icon)
