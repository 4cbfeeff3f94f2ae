"""Captioned photographs in a folder of yours: what the scene part is taught with, and measured on.

For each split, `train` and, to measure on, `val`:

- the pictures, in `train.tar` or in a folder `train/`;
- their captions, several a picture, in `train.en.tsv` or `train.tsv`, a line each: NAME.jpg TAB caption; or in
  `train.json`, in the form of COCO's captions (`images` with `id` and `file_name`, `annotations` with `image_id` and
  `caption`);
- captions in Chinese, if the captioner is to write them, in `train.zh.tsv`.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from ..library.errors import ModelUnavailable

LAYOUT = "see training/captioned.py for the layout"


@dataclass(frozen=True, slots=True)
class Captioned:
    """Photographs by name, in order, each with its captions and its encoded file."""

    names: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]
    files: tuple[bytes | Path, ...]

    def picture(self, number: int) -> Image.Image:
        """Decode one photograph to RGB."""
        stored = self.files[number]
        with Image.open(io.BytesIO(stored) if isinstance(stored, bytes) else stored) as picture:
            return picture.convert("RGB")

    def flat(self) -> tuple[list[int], list[str]]:
        """Every caption, and beside it the number of its photograph."""
        rows = [(number, caption) for number, captions in enumerate(self.captions) for caption in captions]
        return [number for number, _ in rows], [caption for _, caption in rows]


def read_captioned(folder: Path, split: str) -> Captioned:
    """Read one split; photographs without a caption and captions without a photograph are left out.

    Raises:
        ModelUnavailable: the folder does not hold the split, or a file of it cannot be read.
    """
    captions: dict[str, list[str]] = {}
    tables = [folder / f"{split}.en.tsv", folder / f"{split}.tsv", folder / f"{split}.json"]
    for name, caption in _captions(folder, tables):
        if caption:
            captions.setdefault(name, []).append(caption)
    files = {name: stored for name, stored in _pictures(folder, split) if name in captions}
    if not files:
        raise ModelUnavailable("mini", f"no captioned photographs of {split} in {folder}", LAYOUT)
    names = sorted(files)
    return Captioned(tuple(names), tuple(tuple(captions[name]) for name in names), tuple(files[name] for name in names))


def captions_in(folder: Path, split: str, language: str, captioned: Captioned) -> tuple[tuple[str, ...], ...]:
    """Return another language's captions of the same photographs, from `train.zh.tsv` or the like; () where none are.

    Raises:
        ModelUnavailable: the file is not there or cannot be read.
    """
    found: dict[str, list[str]] = {}
    for name, caption in _captions(folder, [folder / f"{split}.{language}.tsv"]):
        if caption:
            found.setdefault(name, []).append(caption)
    return tuple(tuple(found.get(name, ())) for name in captioned.names)


def has_split(folder: Path, split: str) -> bool:
    """Whether the folder holds the photographs of a split."""
    return (folder / f"{split}.tar").is_file() or (folder / split).is_dir()


def _captions(folder: Path, tables: Sequence[Path]) -> Iterator[tuple[str, str]]:
    found = next((table for table in tables if table.is_file()), None)
    if found is None:
        raise ModelUnavailable("mini", f"none of {', '.join(table.name for table in tables)} in {folder}", LAYOUT)
    try:
        text = found.read_text(encoding="utf-8")
        if found.suffix == ".json":
            yield from _coco(json.loads(text))
            return
        for line in text.splitlines():
            name, tab, caption = line.partition("\t")
            if tab:
                yield PurePosixPath(name.strip()).name, caption.strip()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable("mini", f"{found} cannot be read ({_first_line(error)})", LAYOUT) from error


def _coco(stored: dict[str, list[dict[str, str | int]]]) -> Iterator[tuple[str, str]]:
    names = {image["id"]: PurePosixPath(str(image["file_name"])).name for image in stored["images"]}
    for annotation in stored["annotations"]:
        if annotation["image_id"] in names:
            yield names[annotation["image_id"]], str(annotation["caption"]).strip()


def _pictures(folder: Path, split: str) -> Iterator[tuple[str, bytes | Path]]:
    archive = folder / f"{split}.tar"
    if archive.is_file():
        try:
            with tarfile.open(archive) as tar:
                for member in tar:
                    file = tar.extractfile(member)
                    if file is not None:
                        yield PurePosixPath(member.name).name, file.read()
        except (OSError, tarfile.TarError) as error:
            raise ModelUnavailable("mini", f"{archive} cannot be read ({_first_line(error)})", LAYOUT) from error
        return
    for path in sorted((folder / split).rglob("*")):
        if path.is_file():
            yield path.name, path


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
