"""Small disks of their own for tests, where this user may mount them, and users who may not write everywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


class SmallDisk:
    """A tmpfs at `path`; made and removed by the fixture `small_disk`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mounted = False

    def mount(self, *, size_kb: int) -> None:
        """Mount it, or skip the test where that is refused."""
        if sys.platform != "linux":
            pytest.skip("a disk of its own is mounted as on Linux")
        self.path.mkdir(exist_ok=True)
        done = _run("mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(self.path))
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        self._mounted = True

    def remount(self, *options: str) -> None:
        """Change its size, or whether it may be written."""
        done = _run("mount", "-o", ",".join(["remount", *options]), str(self.path))
        assert done.returncode == 0, done.stderr

    def unmount(self) -> None:
        """Take it away with all that is on it."""
        if self._mounted:
            assert _run("umount", "-l", str(self.path)).returncode == 0
            self._mounted = False


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def humbly() -> list[str]:
    """Return what to put before a command for permissions to bind it: even the superuser needs a right to pass them."""
    if os.geteuid():
        return []
    setpriv = shutil.which("setpriv")
    assert setpriv, "apt-get install util-linux: without setpriv, a superuser cannot test what others may not do"
    return [setpriv, "--bounding-set=-dac_override,-dac_read_search"]
