"""What a generation on disk says of itself: whose vectors it holds, how many, and the checksum of its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from .index_type import IndexRecipe, IvfParams
from .vector_file import PRECISIONS, Precision

FORMAT_VERSION: Final = 1
"""Raised when a manifest or index file changes so that an older photoseek would misread it."""


@dataclass(frozen=True, slots=True)
class GenerationIdentity:
    """Whose vectors: one model's, in one library. `dim` is their length."""

    library_id: str
    model_key: str
    dim: int


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file of a generation: its size, its SHA-256 (hexadecimal), and the sum of its 64-bit words; see checks.py."""

    size_bytes: int
    word_sum: int
    sha256: str

    @staticmethod
    def from_json(facts: Mapping[str, object]) -> FileFacts:
        """Read what `asdict` gave; see `Manifest.from_json`."""
        return FileFacts(_number(facts, "size_bytes"), _number(facts, "word_sum"), str(facts["sha256"]))


@dataclass(frozen=True, slots=True)
class GenerationManifest:
    """The facts of one generation.

    It holds `count` vectors, among them every one whose change in the catalogue is numbered `change_seq` or less;
    those of later changes are to be taken from the catalogue. `precision` is that of the file of vectors. `index` and
    `tuning` are those of the index beside it, None for a flat generation; `built_at` is in UTC.
    """

    identity: GenerationIdentity
    count: int
    change_seq: int
    recipe: IndexRecipe
    precision: Precision
    vectors: FileFacts
    index: FileFacts | None
    tuning: IvfParams | None
    built_at: datetime

    def to_json(self) -> str:
        """Word the manifest as one JSON object."""
        facts = {
            "format_version": FORMAT_VERSION,
            "library_id": self.identity.library_id,
            "model_key": self.identity.model_key,
            "dim": self.identity.dim,
            "count": self.count,
            "change_seq": self.change_seq,
            "recipe": {"factory": self.recipe.factory},
            "precision": self.precision,
            "vectors": asdict(self.vectors),
            "index": None if self.index is None else asdict(self.index),
            "tuning": None if self.tuning is None else asdict(self.tuning),
            "built_at": self.built_at.isoformat(),
        }
        return json.dumps(facts, indent=2) + "\n"

    @staticmethod
    def from_json(text: str) -> GenerationManifest:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is no manifest, or one in a newer format.
        """
        facts = json.loads(text)
        if not isinstance(facts, dict):
            raise ValueError("the manifest is no JSON object")  # noqa: TRY004 - the file is wrong, not the caller
        version = facts.get("format_version")
        if version != FORMAT_VERSION:
            message = f"the manifest's format is {version}, this photoseek reads {FORMAT_VERSION}"
            raise ValueError(message)
        try:
            index, tuning = facts.get("index"), facts.get("tuning")
            return GenerationManifest(
                identity=GenerationIdentity(str(facts["library_id"]), str(facts["model_key"]), int(facts["dim"])),
                count=int(facts["count"]),
                change_seq=int(facts["change_seq"]),
                recipe=IndexRecipe(str(facts["recipe"]["factory"])),
                precision=_precision(facts),
                vectors=FileFacts.from_json(facts["vectors"]),
                index=None if index is None else FileFacts.from_json(index),
                tuning=None if tuning is None else _tuning(tuning),
                built_at=datetime.fromisoformat(facts["built_at"]),
            )
        except (KeyError, TypeError, OverflowError) as error:
            message = f"the manifest lacks or garbles {error}"
            raise ValueError(message) from error


def _tuning(facts: Mapping[str, object]) -> IvfParams:
    recall = facts["recall"]
    if not isinstance(recall, int | float):
        raise TypeError("recall")
    tuning = IvfParams(
        _number(facts, "nprobe"), _number(facts, "careful_nprobe"), _number(facts, "candidates"), float(recall)
    )
    if min(tuning.nprobe, tuning.careful_nprobe, tuning.candidates) < 1:
        raise ValueError("the manifest's tuning visits nothing")
    return tuning


def _precision(facts: Mapping[str, object]) -> Precision:
    precision = str(facts["precision"])
    if precision not in PRECISIONS:
        message = f"the manifest's precision is {precision}"
        raise ValueError(message)
    return precision


def _number(facts: Mapping[str, object], name: str) -> int:
    value = facts[name]
    if not isinstance(value, int):
        raise TypeError(name)
    return value
