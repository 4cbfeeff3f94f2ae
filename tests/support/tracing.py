"""Whom a program contacts and what it leaves on the disk, by the system calls that strace sees of it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_CALLS = (
    "connect,sendto,sendmsg,sendmmsg,open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,"
    "link,linkat,symlink,symlinkat,mknod,mknodat"
)
_DNS_PORT = 53
_RESOLVERS = ("resolve", "nscd")
"""Sockets of this machine's own services that look names up for others: systemd's, glibc's."""

_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_UNFINISHED = " <unfinished ...>"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FAILED = re.compile(r"\) += -1 E(?!INPROGRESS)\w+")
_FOLDER = re.compile(r"^(?:AT_FDCWD|\d+)<([^>]*)>")
_ADDRESS = re.compile(r'sa_family=AF_INET6?, .*?port=htons\((\d+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"')
_UNIX = re.compile(r'sa_family=AF_UNIX, sun_path=(@?"[^"]+")')


@dataclass(frozen=True, slots=True)
class Trace:
    """The log of one traced program; it is complete once the program has ended."""

    log: Path

    def command(self, *program: str | Path) -> list[str]:
        """Return what runs `program` under the tracer."""
        strace = shutil.which("strace")
        if strace is None:
            pytest.skip("who is contacted is not tested: there is no strace; apt-get install strace")
        options = ["-f", "-y", "--seccomp-bpf", "-s", "4096", "-o", str(self.log), "-e", f"trace={_CALLS}"]
        return [strace, *options, *map(str, program)]

    def contacts(self) -> list[str]:
        """Return whom it sent to, or asked for a name, beyond this machine's own addresses."""
        return sorted({contact for _, arguments in self._calls() for contact in _contacts(arguments)})

    def created(self, cwd: Path) -> list[Path]:
        """Return the files and folders it made, or opened to be made where missing; `cwd` is where it was started."""
        return sorted({path for name, arguments in self._calls() for path in _created(name, arguments, cwd)})

    def _calls(self) -> Iterator[tuple[str, str]]:
        """Yield the calls by name and arguments; those that another thread's interrupted are put together."""
        begun: dict[tuple[str, str], str] = {}
        with self.log.open(encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                if found := _CALL.match(line.rstrip("\n")):
                    thread, name, rest = found.groups()
                    if rest.endswith(_UNFINISHED):
                        begun[thread, name] = rest.removesuffix(_UNFINISHED)
                    else:
                        yield name, rest
                elif found := _RESUMED.match(line.rstrip("\n")):
                    thread, name, rest = found.groups()
                    yield name, begun.pop((thread, name), "") + rest
        for (_, name), rest in begun.items():  # it was ended in the middle of them
            yield name, rest


def outside(paths: Iterable[Path], *allowed: Path) -> list[Path]:
    """Return the paths that are neither in `allowed`, nor a folder around it, nor a device, nor compiled code.

    Nor a process's word to the kernel about itself, as which one to end when memory is short.
    """
    return [
        path
        for path in paths
        if not path.is_relative_to("/dev")
        and not path.is_relative_to("/proc/self")
        and "__pycache__" not in path.parts  # beside the modules, of Python and of numba: the installer's affair
        and not any(path.is_relative_to(place) or place.is_relative_to(path) for place in allowed)
    ]


def _contacts(arguments: str) -> Iterator[str]:
    for port, address in _ADDRESS.findall(arguments):
        is_here = address.removeprefix("::ffff:").startswith("127.") or address == "::1"
        if not is_here or int(port) == _DNS_PORT:
            yield f"{address}:{port}"
    for path in _UNIX.findall(arguments):
        if any(name in path for name in _RESOLVERS):
            yield path


def _created(name: str, arguments: str, cwd: Path) -> Iterator[Path]:
    if name.startswith(("open", "creat")) and name != "creat" and "O_CREAT" not in arguments:
        return
    if name in {"connect", "sendto", "sendmsg", "sendmmsg"} or _FAILED.search(arguments):
        return
    quoted = list(_QUOTED.finditer(arguments))
    if not quoted:
        return
    path = quoted[-1]
    # A descriptor stands before the path that it is for; strace says which folder it is.
    before = arguments[: path.start()].rstrip(", ").rpartition(", ")[2]
    folder = _FOLDER.match(before)
    text = path[1].encode("utf-8", "surrogateescape").decode("unicode_escape").encode("latin-1", "replace").decode()
    yield Path(os.path.normpath(Path(folder[1] if folder else cwd) / text))
