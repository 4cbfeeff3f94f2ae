"""The hash by which the catalogue knows a file's content again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

HASH_BYTES: Final = 20
"""BLAKE2b-160: among a billion files, two of them share a hash by chance once in 10^30 libraries."""


_READ_BLOCK_BYTES: Final = 1 << 20


def hash_bytes(data: bytes) -> str:
    """Return the content hash of a file's bytes, as `images.content_hash` holds it."""
    return hashlib.blake2b(data, digest_size=HASH_BYTES).hexdigest()


def hash_file(path: str) -> str | None:
    """Return the content hash of a file, None when it cannot be read."""
    digest = hashlib.blake2b(digest_size=HASH_BYTES)
    try:
        with Path(path).open("rb") as stream:
            while block := stream.read(_READ_BLOCK_BYTES):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()
