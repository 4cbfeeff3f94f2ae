"""Isolation: files are decoded in processes of their own, which may crash, hang or run out of memory."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import IO, Generic, TypeVar

from ..errors import DecodingUnavailable
from ..processes import machine_memory_bytes, pipe_of
from .isolation_worker import Answer, Done, OutOfMemory, Raised, Ready, Refused, Setup

_log = logging.getLogger(__name__)

# Ctrl-C in a terminal reaches every process of a run: only the parent decides. One thread each, since the cores are
# shared out already and every thread of OpenBLAS reserves memory. The paths are the parent's, however it got them.
_START = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "os.environ.update(OPENBLAS_NUM_THREADS='1', OMP_NUM_THREADS='1'); "
    f"sys.path[:] = sys.argv[1:]; from {__package__}.isolation_worker import main; main()"
)
_START_LIMIT_S = 120.0
_SLOWEST_BYTES_PER_S = 4e6
"""A second more for each 4 MB of file: no network drive in use is slower for long."""

_MOST_BETWEEN_LOOKS_S = 0.5

_SMALLEST_MEMORY_BYTES = 1 << 30
_LARGEST_MEMORY_BYTES = 4 << 30
"""A file at every limit of `DecodeLimits` takes 3 GB: its own bytes, the picture, and a copy on its way to RGB."""

_PARENT_BYTES = 300 << 20
_PROCESS_BYTES = 90 << 20
"""What a run takes with the built-in model, and a process of its that decodes photographs (benchmarks/indexing.py)."""

_LEAST_MEMORY_BYTES = 128 << 20

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


NO_MEMORY = "needs more memory than there is"
"""The reason of a file that this process itself had no room for."""


class DecoderLost(Exception):
    """A file cost its process, or its share. `is_final` says that a second try would tell nothing new."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class IsolationLimits:
    """What one file may take.

    Attributes:
        timeout_s: of time, for a small file; a large one gets a second more for each 4 MB.
        memory_bytes: of memory, on top of what a bare process takes; held to on Linux.
        alone_bytes: the same for the second try, of which there is one at a time.
    """

    timeout_s: float = 60.0
    memory_bytes: int = _SMALLEST_MEMORY_BYTES
    alone_bytes: int = _LARGEST_MEMORY_BYTES

    @classmethod
    def of_machine(cls, workers: int, timeout_s: float) -> IsolationLimits:
        """Share out half of the machine's memory among `workers` processes; a second try may take that half alone.

        A share is no less than 1 GiB, since few files use theirs up; where there is no such room, it is what is left
        beside the run itself.
        """
        memory = machine_memory_bytes()
        small = memory < _SMALLEST_MEMORY_BYTES
        least = max(memory - _PARENT_BYTES, _LEAST_MEMORY_BYTES) if small else _SMALLEST_MEMORY_BYTES
        alone = max(min(memory // 2, _LARGEST_MEMORY_BYTES), least)
        return cls(timeout_s, max(min(memory // 2 // workers, alone), least), alone)


def fitting_workers() -> int:
    """Return how many processes to decode in: one for each core, or fewer where memory has no room for them."""
    room = (machine_memory_bytes() - _PARENT_BYTES) // _PROCESS_BYTES
    return max(1, min(os.cpu_count() or 1, room))


class IsolatedPool(Generic[_Job, _Result]):
    """Does some work on one file after another, in processes that start when first needed. Thread-safe.

    On Linux a process ends with the thread that first needed it: use threads that live as long as this.

    Each process has one file at a time, so that whatever befalls it can only be that file's doing, an earlier one's,
    or an outsider's: the file is tried once more, alone in a new process, before it is blamed.

    Args:
        work: what is done to a file. One that cannot be pickled is done here, unprotected, with a note in the log.
        limits: what one file may take.
    """

    def __init__(self, work: Callable[[_Job], _Result], limits: IsolationLimits) -> None:
        self._work = work
        self._limits = limits
        self._lock = Lock()
        self._alone = Lock()
        self._processes: set[_Process] = set()
        self._idle: list[_Process] = []
        self._closed = Event()
        self._is_isolated = True
        self._watching: Thread | None = None

    @property
    def is_isolated(self) -> bool:
        """Whether the work is done in processes, as far as is known."""
        return self._is_isolated

    def run(self, job: _Job, size_bytes: int) -> _Result:
        """Do the work on one file of this size; what the work raises comes through.

        Raises:
            DecoderLost: the file crashed its process, or took more time or memory than it may.
            DecodingUnavailable: no process can be started, or this pool was closed.
        """
        if not self._is_isolated:
            return self._run_here(job)
        limit_s = self._limits.timeout_s + size_bytes / _SLOWEST_BYTES_PER_S
        try:
            try:
                return self._asked(job, limit_s, self._limits.memory_bytes)
            except DecoderLost as loss:
                if loss.is_final:
                    raise
            with self._alone:
                return self._asked(job, limit_s, self._limits.alone_bytes, alone=True)
        except _CannotIsolate as error:
            self._note(error.reason)
            return self._run_here(job)

    def close(self) -> None:
        """End every process, whatever it is doing."""
        with self._lock:
            self._closed.set()
            processes = list(self._processes)
        for process in processes:
            process.end()
        if self._watching is not None:
            self._watching.join()

    def __enter__(self) -> IsolatedPool[_Job, _Result]:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _run_here(self, job: _Job) -> _Result:
        try:
            return self._work(job)
        except MemoryError as error:
            raise DecoderLost(NO_MEMORY, is_final=True) from error

    def _asked(self, job: _Job, limit_s: float, memory_bytes: int, *, alone: bool = False) -> _Result:
        process = self._new(memory_bytes) if alone else self._taken(memory_bytes)
        try:
            answer: Answer[_Result] = process.ask(job, limit_s)
        except BaseException:
            self._discard(process)
            if self._closed.is_set():
                raise DecodingUnavailable("the run has ended") from None
            raise
        if isinstance(answer, OutOfMemory) or alone:
            self._discard(process)
        else:
            with self._lock:
                self._idle.append(process)
        match answer:
            case Done(result=result):
                return result
            case OutOfMemory():
                raise DecoderLost(f"needed more than {memory_bytes >> 20:,} MB")
            case Raised(error=error):
                raise error
            case other:
                raise DecoderLost(f"the decoder answered with {type(other).__name__}")

    def _taken(self, memory_bytes: int) -> _Process:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._new(memory_bytes)

    def _new(self, memory_bytes: int) -> _Process:
        with self._lock:
            if self._closed.is_set():
                raise DecodingUnavailable("the run has ended")
            if self._watching is None:
                self._watching = Thread(target=self._watch, name="photoseek-watch", daemon=True)
                self._watching.start()
            process = _Process()
            self._processes.add(process)
        try:
            process.greet(Setup(self._work, memory_bytes, os.getpid()))
        except BaseException:
            self._discard(process)
            raise
        return process

    def _discard(self, process: _Process) -> None:
        process.end()
        with self._lock:
            self._processes.discard(process)

    def _watch(self) -> None:
        """Kill what is overdue. Time in which this process itself was stopped or asleep does not count."""
        interval_s = min(self._limits.timeout_s / 4, _MOST_BETWEEN_LOOKS_S)
        seen: dict[_Process, tuple[_Turn, float]] = {}
        while not self._closed.wait(interval_s):
            with self._lock:
                turns = [(process, process.turn) for process in self._processes]
            before, seen = seen, {}
            for process, turn in turns:
                if turn is not None:
                    same, passed_s = before.get(process, (turn, 0.0))
                    passed_s = passed_s + interval_s if same is turn else 0.0
                    seen[process] = (turn, passed_s)
                    if passed_s >= turn.limit_s:
                        process.end_turn(turn)

    def _note(self, reason: str) -> None:
        with self._lock:
            first, self._is_isolated = self._is_isolated, False
        if first:
            _log.warning("files are decoded unprotected, in threads: %s", reason)


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """One question to a process; told from others by identity."""

    limit_s: float


@dataclass(slots=True, eq=False)
class _Process:
    """One decoding process and the pipes to it."""

    popen: subprocess.Popen[bytes] = field(init=False)
    turn: _Turn | None = None
    _overdue: _Turn | None = None

    def __post_init__(self) -> None:
        if not sys.executable:
            raise _CannotIsolate("this Python does not know its own program")
        # An empty entry means the current folder, which is another one's business.
        paths = [path or os.getcwd() for path in sys.path]  # noqa: PTH109
        try:
            self.popen = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-W", "ignore", "-c", _START, *paths],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise DecodingUnavailable(error.strerror or str(error)) from error

    def greet(self, setup: Setup[_Job, _Result]) -> None:
        """Tell a new process what to do."""
        try:
            data = pickle.dumps(setup, protocol=pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # pickle promises no list of what objects that refuse may raise
            raise _CannotIsolate(f"the work cannot be sent to a process ({error})") from error
        try:
            answer: Answer[object] = self._exchange(lambda stream: stream.write(data), _START_LIMIT_S)
        except DecoderLost as loss:
            raise DecodingUnavailable(f"a new process ended at once: {loss.reason}") from loss
        if isinstance(answer, Refused):
            raise _CannotIsolate(f"the work does not run in a process ({answer.reason})")
        if not isinstance(answer, Ready):
            raise DecodingUnavailable(f"a new process answered with {type(answer).__name__}")

    def ask(self, job: _Job, limit_s: float) -> Answer[_Result]:
        """Have the work done on one file; raises DecoderLost when the process does not live to answer."""

        def send(stream: IO[bytes]) -> None:  # without a copy of what was read
            pickle.dump(job, stream, protocol=pickle.HIGHEST_PROTOCOL)

        return self._exchange(send, limit_s)

    def end_turn(self, turn: _Turn) -> None:
        """Kill the process for taking too long over `turn`."""
        self._overdue = turn
        self.popen.kill()

    def end(self) -> None:
        """Kill the process; it holds nothing that could be lost."""
        self.popen.kill()
        self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _exchange(self, send: Callable[[IO[bytes]], object], limit_s: float) -> Answer[_Result]:
        turn = self.turn = _Turn(limit_s)
        try:
            send(pipe_of(self.popen.stdin))
            pipe_of(self.popen.stdin).flush()
            answer: Answer[_Result] = pickle.load(pipe_of(self.popen.stdout))  # noqa: S301 - from our own process
        except Exception as error:  # a broken pipe, an early end, or the garbage of a damaged heap
            raise self._loss(turn) from error
        finally:
            self.turn = None
        return answer

    def _loss(self, turn: _Turn) -> DecoderLost:
        if self._overdue is turn:
            return DecoderLost(f"took longer than {turn.limit_s:.3g} s", is_final=True)
        self.popen.kill()
        code = self.popen.wait()
        if code < 0:
            with suppress(ValueError):
                return DecoderLost(f"the decoder crashed ({signal.Signals(-code).name})")
        return DecoderLost("the decoder crashed")


class _CannotIsolate(Exception):
    """The work cannot be done in a process of its own."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
