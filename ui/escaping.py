"""Text of others made safe for Streamlit, whose labels and messages are Markdown."""

from __future__ import annotations

import string
from pathlib import Path

from ..library.images.metadata.image_text import printable

_SIGNS = str.maketrans({sign: f"\\{sign}" for sign in string.punctuation})


def literal(text: str) -> str:
    """Return Markdown that shows `text` as it is, on one line: no link, picture, icon or formula comes of it.

    CommonMark lets a backslash stand before any ASCII punctuation.
    """
    return printable(text).translate(_SIGNS)


def shown_path(path: str | Path) -> str:
    """Return a path as text: bytes that are none are shown escaped."""
    return str(path).encode(errors="backslashreplace").decode()


def size_in_words(size_bytes: int) -> str:
    """Return a file's size, such as `2.1 MB`."""
    for unit, name in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.{1 if size_bytes < 10 * unit else 0}f} {name}"
    return f"{size_bytes} bytes"


def chance(probability: float) -> str:
    """Return a probability as people say it; what is nearly sure is not said to be sure."""
    if 0.995 <= probability < 1:
        return ">99%"
    return "<1%" if 0 < probability < 0.005 else f"{probability:.0%}"
