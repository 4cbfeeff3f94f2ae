"""The password of the pages: compared in constant time, slower to guess with every wrong try, good for a while."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

LIFETIME_S: Final = 7 * 24 * 3_600

_PASS = re.compile(r"([0-9]{1,12})\.([0-9a-f]{32})\.([0-9a-f]{64})", re.ASCII)


class Passes:
    """Makes and checks passes. Their secret is this process's: a server that starts anew asks everybody again."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock

    def issue(self) -> str:
        """Return a new pass, good for `LIFETIME_S`."""
        claim = f"{int(self._clock()) + LIFETIME_S}.{secrets.token_hex(16)}"
        return f"{claim}.{self._sign(claim)}"

    def is_good(self, value: str) -> bool:
        """Whether this is a pass that `issue` made, and not too long ago."""
        read = _PASS.fullmatch(value)
        if read is None or not hmac.compare_digest(self._sign(f"{read[1]}.{read[2]}"), read[3]):
            return False
        return int(read[1]) > self._clock()

    def _sign(self, claim: str) -> str:
        return hmac.new(self._secret, claim.encode(), hashlib.sha256).hexdigest()


FREE_TRIES: Final = 5
"""Wrong passwords from one address before it has to wait."""

LONGEST_WAIT_S: Final = 60.0
_MOST_ADDRESSES: Final = 10_000


@dataclass(slots=True)
class _Record:
    """The wrong tries of one address."""

    wrong: int = 0
    until_s: float = 0.0


class LoginThrottle:
    """Knows the password and who guessed wrong. Thread-safe.

    From the sixth wrong try on an address waits a second, two, four, and at last a minute before the next.
    """

    def __init__(self, password: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._password = password.encode()
        self._clock = clock
        self._records: dict[str, _Record] = {}
        self._lock = Lock()

    def wait_s(self, address: str) -> float:
        """Return for how many seconds this address must wait; 0 when it may try."""
        with self._lock:
            record = self._records.get(address)
            return max(0.0, record.until_s - self._clock()) if record else 0.0

    def admits(self, address: str, password: str) -> bool:
        """Whether this is the password; a try made while waiting counts as wrong whatever it is."""
        is_right = hmac.compare_digest(password.encode(), self._password)
        with self._lock:
            record = self._records.setdefault(address, _Record())
            now_s = self._clock()
            if record.until_s > now_s or not is_right:
                record.wrong += 1
                if record.wrong >= FREE_TRIES:
                    record.until_s = now_s + min(2.0 ** min(record.wrong - FREE_TRIES, 30), LONGEST_WAIT_S)
                if len(self._records) > _MOST_ADDRESSES:
                    self._records.pop(next(iter(self._records)))
                return False
            del self._records[address]
            return True
