"""The process in which files are read and decoded: whatever a codec does to it, the run goes on."""

from __future__ import annotations

import ctypes
import logging
import os
import pickle
import signal
import sys
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from ..library.images.sources import Failed
from .load import Loaded, Loader, ReadFile
from .plan import ToRead

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class Setup:
    """What a process is told first. `memory_bytes` may be allocated on top of what it starts with."""

    loader: Loader
    memory_bytes: int
    parent_id: int


@dataclass(frozen=True, slots=True)
class Question:
    """A file to load; `read` holds what it says where the parent has read it."""

    task: ToRead
    read: ReadFile | None


@dataclass(frozen=True, slots=True)
class Ready:
    """The process can be given files."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The process cannot run this loader: its preprocessing is not to be had there."""

    reason: str


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The file needed more than the process may have."""


@dataclass(frozen=True, slots=True)
class Raised:
    """What the model's preprocessing raised: an error of the program, not of the file."""

    error: Exception


Answer: TypeAlias = Ready | Refused | OutOfMemory | Raised | Loaded | Failed


def main() -> None:
    """Answer on stdout the tasks that come on stdin, one at a time, until it is closed."""
    tasks, answers = _take_streams()
    logging.disable()
    try:
        setup: Setup = pickle.load(tasks)  # noqa: S301 - the parent wrote it
    except EOFError:
        return
    except Exception as error:  # whatever importing the module of a foreign function raises
        _tell(answers, Refused(f"{type(error).__name__}: {error}"))
        return
    if not _die_with(setup.parent_id):
        return
    _limit_memory(setup.memory_bytes)
    _tell(answers, Ready())
    while True:
        try:
            question: Question = pickle.load(tasks)  # noqa: S301
        except EOFError:
            return
        except MemoryError:
            _tell(answers, OutOfMemory())
            return  # the rest of the question is still in the pipe
        _tell(answers, _answer(setup.loader, question))


def _answer(loader: Loader, question: Question) -> Answer:
    try:
        return loader.load(question.task, question.read)
    except MemoryError:
        return OutOfMemory()
    except Exception as error:  # whatever it is, the parent raises it in the run
        return Raised(_portable(error))


def _portable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _tell(answers: BinaryIO, answer: Answer) -> None:
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
