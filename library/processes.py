"""What processes of our own need: the pipes to them, and the memory there is to share out among them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, AnyStr


def pipe_of(stream: IO[AnyStr] | None) -> IO[AnyStr]:
    """Return a stream of a `subprocess.Popen` that was started with a pipe for it.

    Raises:
        BrokenPipeError: it was started without one.
    """
    if stream is None:
        raise BrokenPipeError
    return stream


def machine_memory_bytes() -> int:
    """Return the memory that this process may use: the machine's, or less where its control group is held to less.

    8 GiB where the system does not say.
    """
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        machine = 8 << 30
    return min([machine, *control_group_limits(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))])


def control_group_limits(membership: Path, mount: Path) -> Iterator[int]:
    """Yield the limits on memory, in bytes, of the control groups that a process is in, and of those above them.

    A container sees its own group at the root of the mount, whatever the group is called outside.

    Args:
        membership: as /proc/self/cgroup: lines of number, controllers and group.
        mount: where version 2 is mounted, or, in folders of their own, the controllers of version 1.
    """
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers == "":
            yield from _limits_upwards(mount, group, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _limits_upwards(mount / "memory", group, "memory.limit_in_bytes")


def _limits_upwards(root: Path, group: str, name: str) -> Iterator[int]:
    folder = root / group.lstrip("/")
    while True:
        with suppress(OSError, ValueError):  # none there, or "max"
            yield int((folder / name).read_text(encoding="ascii"))
        if folder == root:
            return
        folder = folder.parent
