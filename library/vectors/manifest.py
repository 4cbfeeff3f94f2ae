"""What a generation on disk says of itself: whose vectors it holds, how many, and the checksum of its file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .faiss_index import IndexRecipe

FORMAT_VERSION: Final = 1
"""Raised when a manifest or index file changes so that an older photoseek would misread it."""


@dataclass(frozen=True, slots=True)
class GenerationIdentity:
    """Whose vectors: one model's, in one library. `dim` is their length."""

    library_id: str
    model_key: str
    dim: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The facts of one generation.

    It holds `count` vectors, among them every one whose change in the catalogue is numbered `change_seq` or less;
    those of later changes are to be taken from the catalogue. `size_bytes` and `sha256` (hexadecimal) are those of the
    index file; `built_at` is in UTC.
    """

    identity: GenerationIdentity
    count: int
    change_seq: int
    recipe: IndexRecipe
    size_bytes: int
    sha256: str
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
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "built_at": self.built_at.isoformat(),
        }
        return json.dumps(facts, indent=2) + "\n"

    @staticmethod
    def from_json(text: str) -> Manifest:
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
            return Manifest(
                identity=GenerationIdentity(str(facts["library_id"]), str(facts["model_key"]), int(facts["dim"])),
                count=int(facts["count"]),
                change_seq=int(facts["change_seq"]),
                recipe=IndexRecipe(str(facts["recipe"]["factory"])),
                size_bytes=int(facts["size_bytes"]),
                sha256=str(facts["sha256"]),
                built_at=datetime.fromisoformat(facts["built_at"]),
            )
        except (KeyError, TypeError, OverflowError) as error:
            message = f"the manifest lacks or garbles {error}"
            raise ValueError(message) from error
