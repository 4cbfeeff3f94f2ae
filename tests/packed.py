"""Packs members into archives of every kind photoseek looks into."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

ARCHIVE_NAMES = ("shard.zip", "shard.tar", "shard.tar.gz", "shard.tgz")


def pack(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write an archive of the kind its name says, members in the given order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in members.items():
                packed.writestr(name, data)
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path
