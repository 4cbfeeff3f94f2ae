"""Labelled queries, read from the formats in which people have them.

- JSON lines: `{"query": "a puppy", "kind": "phrase", "relevant": ["a.jpg", "b.jpg"]}`, `kind` optional;
- COCO captions: one JSON object with `images` (`id`, `file_name`) and `annotations` (`image_id`, `caption`);
- CSV of text and path, with or without a first line that says so; lines of the same text belong together.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ..library.errors import EvaluationError


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """A text and the files, by name or by the end of their paths, that answer it."""

    text: str
    kind: str
    relevant: frozenset[str]


def read_labelled_queries(path: Path) -> list[LabelledQuery]:
    """Read labelled queries; the suffix tells the format: .jsonl, .json for COCO captions, or .csv.

    Raises:
        EvaluationError: the file cannot be read, or holds no query.
    """
    readers = {".jsonl": _read_lines, ".json": _read_coco, ".csv": _read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        formats = "a .jsonl of query, kind and relevant, a .json of COCO captions, or a .csv of text,path"
        raise EvaluationError(path, f"labelled queries are {formats}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        queries = reader(text)
    except (ValueError, csv.Error, RecursionError) as error:
        raise EvaluationError(path, str(error)) from error
    if not queries:
        raise EvaluationError(path, "holds no labelled query")
    return queries


def _read_lines(text: str) -> list[LabelledQuery]:
    queries = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            message = f"line {number} is not JSON: {error.msg}"
            raise ValueError(message) from error
        match row:
            case {"query": str(query), "relevant": [*relevant]} if all(isinstance(name, str) for name in relevant):
                kind = row.get("kind", "query")
                queries.append(_checked(query, str(kind), cast("list[str]", relevant), f"line {number}"))
            case _:
                message = f'line {number} is not of the form {{"query": text, "kind": text, "relevant": [file, ...]}}'
                raise ValueError(message)
    return queries


def _read_coco(text: str) -> list[LabelledQuery]:
    try:
        match json.loads(text):
            case {"images": [*images], "annotations": [*annotations]}:
                names = {image["id"]: str(image["file_name"]) for image in images}
                pairs = [(str(one["caption"]).strip(), names[one["image_id"]]) for one in annotations]
            case _:
                raise ValueError("is not of COCO's form: an object with `images` and `annotations`")
    except json.JSONDecodeError as error:
        message = f"is not JSON: {error}"
        raise ValueError(message) from error
    except (KeyError, TypeError) as error:
        message = f"is not of COCO's form: an image or a caption lacks {error}"
        raise ValueError(message) from error
    return _grouped(pairs, "caption")


def _read_csv(text: str) -> list[LabelledQuery]:
    rows = [(number, row) for number, row in enumerate(csv.reader(io.StringIO(text), strict=True), start=1) if row]
    if rows and [cell.strip().lower() for cell in rows[0][1]] == ["text", "path"]:
        del rows[0]
    for number, row in rows:
        if len(row) != 2:
            message = f"row {number} has {len(row)} cells, not a text and a path"
            raise ValueError(message)
    return _grouped([(row[0].strip(), row[1].strip()) for _, row in rows], "text")


def _grouped(pairs: Iterable[tuple[str, str]], kind: str) -> list[LabelledQuery]:
    files: dict[str, list[str]] = {}
    for text, file in pairs:
        files.setdefault(text, []).append(file)
    return [_checked(text, kind, relevant, repr(text)) for text, relevant in files.items()]


def _checked(text: str, kind: str, relevant: list[str], place: str) -> LabelledQuery:
    if not text.strip() or not all(name.strip() for name in relevant):
        message = f"{place} has an empty text or file name"
        raise ValueError(message)
    return LabelledQuery(text, kind, frozenset(relevant))
