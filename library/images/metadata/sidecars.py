"""Files beside an image that tell of it: `IMG.txt`, `IMG.jpg.txt` and the like, as .txt, .json and .xmp."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping

from ...errors import ImageUnreadable
from ..archives import split_member
from ..sources import read_bytes
from .image_text import ImageText, Sidecar, TextKind, distinct, texts_of
from .xmp import read_xmp

SIDECAR_SUFFIXES = (".txt", ".json", ".xmp")

_LARGEST_BYTES = 1 << 20
_KEYS: tuple[tuple[str, TextKind], ...] = (
    ("caption", "caption"),
    ("description", "caption"),
    ("title", "title"),
    ("keywords", "keyword"),
    ("tags", "keyword"),
)
"""What is read of a JSON object: the names img2dataset and the exporters of photo services use."""

_BETWEEN_KEYWORDS = re.compile(r"[,;\n]")


def is_sidecar_name(name: str) -> bool:
    """Whether a file of this name may tell of an image."""
    return name.lower().endswith(SIDECAR_SUFFIXES)


def by_image(names: Iterable[str]) -> dict[str, list[str]]:
    """Group the sidecars among `names` by what comes before their suffix: an image's stem, or its whole name."""
    groups: dict[str, list[str]] = {}
    for name in sorted(filter(is_sidecar_name, names)):
        groups.setdefault(name[: name.rindex(".")], []).append(name)
    return groups


def state_of(name: str, sidecars: Mapping[str, list[str]], look: Callable[[str], tuple[int, int] | None]) -> str:
    """Describe an image's sidecars so that any change of them shows.

    Args:
        name: the image's file name.
        sidecars: those of its folder, as `by_image` groups them.
        look: tells size in bytes and mtime_ns of one of them, None when it is gone.

    Returns:
        For each sidecar the end of its name after the image's stem, its size and its date, as ".txt:12:1700"; several
        are separated by slashes.
    """
    stem = _stem(name)
    found = []
    for sidecar in dict.fromkeys((*sidecars.get(stem, ()), *sidecars.get(name, ()))):
        state = look(sidecar)
        if state is not None:
            found.append(f"{sidecar[len(stem) :]}:{state[0]}:{state[1]}")
    return "/".join(found)


def folder_of_root(root: str) -> str:
    """Return the folder, its links followed, out of which no sidecar of the images at `root` may lead."""
    return os.path.realpath(root if os.path.isdir(root) else os.path.dirname(root))  # noqa: PTH112, PTH120


def is_inside(path: str, folder: str) -> bool:
    """Whether what `path` leads to lies in `folder`, which `folder_of_root` returned: a link could name any file."""
    return os.path.realpath(path).startswith(folder.rstrip("/") + "/")


def read_sidecars(path: str, state: str, root: str) -> Sidecar:
    """Read the sidecars of the image at `path` that `state` describes, found below `root`.

    One that cannot be read, or by now leads out of `root`, says nothing.
    """
    folder, slash, name = path.rpartition("/")
    texts: list[ImageText] = []
    rating: int | None = None
    for part in filter(None, state.split("/")):
        end = part.rsplit(":", 2)[0]
        sidecar = f"{folder}{slash}{_stem(name)}{end}"
        if split_member(sidecar) is None and not is_inside(sidecar, folder_of_root(root)):
            continue
        try:
            data = read_bytes(sidecar, _LARGEST_BYTES)
        except (OSError, ImageUnreadable):
            continue
        told = _read(data, end.lower(), name)
        texts += told.texts
        rating = rating if told.rating is None else told.rating
    return Sidecar(distinct(texts), rating)


def _stem(name: str) -> str:
    return name[: name.rindex(".")] if "." in name[1:] else name


def _read(data: bytes, end: str, name: str) -> Sidecar:
    if end.endswith(".xmp"):
        xmp = read_xmp(data, "sidecar")
        return Sidecar(xmp.texts, xmp.rating)
    if end.endswith(".json"):
        return Sidecar(tuple(_json_texts(_text(data), name)))
    return Sidecar(tuple(texts_of("sidecar", "caption", [_text(data)])))


def _json_texts(text: str, name: str) -> list[ImageText]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if not isinstance(told, dict):
        return []
    texts = []
    for key, kind in _KEYS:
        given = told.get(key)
        bodies = [body for body in (given if isinstance(given, list) else [given]) if isinstance(body, str)]
        if kind == "keyword":
            bodies = [word for body in bodies for word in _BETWEEN_KEYWORDS.split(body)]
        # Google Takeout's title is the file's name.
        texts += texts_of("sidecar", kind, [body for body in bodies if body not in {name, _stem(name)}])
    return texts


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
