"""An embedder whose preprocessing does to its process what broken codecs do, told by the picture's colour."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

from PIL import Image

from photoseek.library.types import Pixels
from photoseek.tests.support.fakes import ColourEmbedder

CRASH, HANG, EAT, DIE_ONCE, INTERRUPT, PRINT, RAISE = ((number, 200, 100) for number in range(1, 8))
_MOST_EATEN = 8 << 30  # where no limit holds, the test fails before the machine does


class FaultyEmbedder(ColourEmbedder):
    """The colours' embedder, less the pictures of the colours above. `scratch` is a folder for its notes."""

    def __init__(self, scratch: Path) -> None:
        super().__init__()
        self.scratch = scratch

    def preprocess(self, image: Image.Image) -> Pixels:
        match image.getpixel((0, 0)):
            case colour if colour == CRASH:
                ctypes.string_at(0)
            case colour if colour == HANG:
                hang(self.scratch)
            case colour if colour == EAT:
                eat()
            case colour if colour == DIE_ONCE:
                die_once(self.scratch / "died")
            case colour if colour == INTERRUPT:
                os.kill(os.getpid(), signal.SIGINT)
            case colour if colour == PRINT:
                os.write(1, b"a codec's chatter")
                sys.stderr.write("more of it\n")
            case colour if colour == RAISE:
                raise ZeroDivisionError("the model's preprocessing broke")
        return super().preprocess(image)


def hang(scratch: Path) -> None:
    """Hold a lock for as long as this process lives, and stop, with the interpreter's lock held."""
    import fcntl

    lock = (scratch / "hanging").open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    (scratch / "hangs").touch()
    ctypes.PyDLL(None).pause()


def eat() -> None:
    """Take memory until there is no more."""
    eaten: list[bytearray] = []
    while 64 * len(eaten) < _MOST_EATEN >> 20:
        eaten.append(bytearray(os.urandom(1)) * (64 << 20))
    raise AssertionError("nothing bounds the memory of a decoder")


def die_once(note: Path) -> None:
    """Be killed by an outsider, the first time only."""
    try:
        note.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
