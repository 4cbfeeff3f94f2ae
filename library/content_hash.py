"""The hash by which the catalogue knows a file's content again."""

from __future__ import annotations

import hashlib
from typing import Final

HASH_BYTES: Final = 20
"""BLAKE2b-160: among a billion files, two of them share a hash by chance once in 10^30 libraries."""


def hash_bytes(data: bytes) -> str:
    """Return the content hash of a file's bytes, as `images.content_hash` holds it."""
    return hashlib.blake2b(data, digest_size=HASH_BYTES).hexdigest()
