"""Tiles of hits: what is written on them, and near-duplicates folded under one or laid out beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import streamlit as st

from .. import Hit, Stack
from .components import chance
from .grid import Tile

_UNFOLDED: Final = "unfolded"


def tile_of(hit: Hit, caption: str, *, is_ranked: bool) -> Tile:
    """Return a hit's tile."""
    return Tile(hit.image, caption, facts_of(hit, is_ranked=is_ranked))


def facts_of(hit: Hit, *, is_ranked: bool) -> str:
    """Return a hit's score, the chance that it matches, and its day, in a few characters."""
    day = "" if hit.image.taken_at is None else f"{hit.image.taken_at.day} {hit.image.taken_at:%b %Y}"
    score = f"score {hit.score:.2f}" if is_ranked else ""
    likely = "" if hit.probability is None else f"{chance(hit.probability)} match"
    return " · ".join(part for part in (likely, score, day) if part)


def laid_out(stacks: Iterable[Stack], line: int, tile: Callable[[Hit], Tile]) -> tuple[list[Tile], int]:
    """Return the tiles of stacks, those that the visitor unfolded one beside the other, and the place of the line.

    Args:
        stacks: in order.
        line: the place of the first stack that is a weaker match, 0 for none.
        tile: makes one hit's tile.
    """
    unfolded = _unfolded()
    tiles: list[Tile] = []
    line_at = 0
    for place, stack in enumerate(stacks):
        if place == line:
            line_at = len(tiles)
        is_weak = 0 < line <= place
        is_open = stack.hit.image.id in unfolded and stack.count > 1
        head = replace(tile(stack.hit), folded=stack.count - 1, is_unfolded=is_open, is_weak=is_weak)
        tiles.append(head)
        if is_open:
            tiles += [replace(tile(hit), is_unfolded=True, is_weak=is_weak) for hit in stack.duplicates]
    return tiles, line_at


def unfold(image_id: object) -> None:
    """Lay out what is folded under this image, or fold it again."""
    if isinstance(image_id, int):
        _unfolded().symmetric_difference_update({image_id})


def _unfolded() -> set[int]:
    unfolded: set[int] = st.session_state.setdefault(_UNFOLDED, set())
    return unfolded
