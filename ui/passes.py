"""The passes of visitors who gave the password: signed values that expire, kept by the browser as a cookie."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
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
