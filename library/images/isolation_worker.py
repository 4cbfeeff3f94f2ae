"""A process in which files are decoded: whatever a codec does to it, the program that started it goes on."""

from __future__ import annotations

import ctypes
import logging
import os
import pickle
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Generic, TypeAlias, TypeVar

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Setup(Generic[_Job, _Result]):
    """What a process is told first: its work. `memory_bytes` may be allocated on top of what it starts with."""

    work: Callable[[_Job], _Result]
    memory_bytes: int
    parent_id: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The process can be given files."""


@dataclass(frozen=True, slots=True)
class Done(Generic[_Result]):
    """What the work made of one file."""

    result: _Result


@dataclass(frozen=True, slots=True)
class Refused:
    """The process cannot do this work: a part of it is not to be had there."""

    reason: str


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The file needed more than the process may have."""


@dataclass(frozen=True, slots=True)
class Raised:
    """What the work raised."""

    error: Exception


Answer: TypeAlias = Ready | Refused | OutOfMemory | Raised | Done[_Result]


def main() -> None:
    """Answer on stdout the tasks that come on stdin, one at a time, until it is closed."""
    tasks, answers = _take_streams()
    logging.disable()
    try:
        setup: Setup[object, object] = pickle.load(tasks)  # noqa: S301 - the parent wrote it
    except EOFError:
        return
    except Exception as error:  # whatever importing the module of a foreign function raises
        _tell(answers, Refused(f"{type(error).__name__}: {error}"))
        return
    if not _die_with(setup.parent_id):
        return
    _limit_memory(setup.memory_bytes)
    _be_the_first_to_go()
    _tell(answers, Ready())
    while True:
        try:
            job: object = pickle.load(tasks)  # noqa: S301
        except EOFError:
            return
        except MemoryError:
            _tell(answers, OutOfMemory())
            return  # the rest of the job is still in the pipe
        _tell(answers, _answer(setup.work, job))


def _answer(work: Callable[[_Job], _Result], job: _Job) -> Answer[_Result]:
    try:
        return Done(work(job))
    except MemoryError:
        return OutOfMemory()
    except Exception as error:  # whatever it is, the parent raises it
        return Raised(_portable(error))


def _portable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _tell(answers: BinaryIO, answer: Answer[object]) -> None:
    pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
    answers.flush()


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes from and to the parent, out of reach of codecs that print."""
    tasks, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    return tasks, answers


def _die_with(parent_id: int) -> bool:
    """Have the system end this process with its parent; return whether that is still alive.

    Elsewhere than on Linux it is the closed pipe that ends this process, between two files.
    """
    if sys.platform != "linux":
        return True
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent_id


def _be_the_first_to_go() -> None:
    """Where memory runs out, have the system kill this process, which costs one file a second try, and not the run."""
    if sys.platform == "linux":
        with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as stream:  # noqa: PTH123
            stream.write("800")


def _limit_memory(memory_bytes: int) -> None:
    """Bound the address space, where the system can, and write no core: a crash here is an everyday event."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as stream:  # noqa: PTH123 - no file of ours
            taken_bytes = int(stream.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        wanted = taken_bytes + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
