"""Packs members into archives of every kind photoseek looks into."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

ARCHIVE_NAMES = ("shard.zip", "shard.tar", "shard.tar.gz", "shard.tgz", "shard.tar.bz2", "shard.tar.xz")
_PACK: dict[str, Callable[[bytes], bytes]] = {
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".gz": gzip.compress,
    ".tgz": gzip.compress,
}


def pack(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write an archive of the kind its name says, members in the given order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in members.items():
                packed.writestr(name, data)
        return path
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    compress = _PACK.get(path.suffix, bytes)
    path.write_bytes(compress(plain.getvalue()))
    return path
