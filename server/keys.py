"""The keys by which programs are let in: created once, kept as hashes, revoked at once."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from threading import Lock
from typing import Final

from ..library.errors import LibraryNotFound, SettingsError
from ..library.files import atomic_write

FOLDER_NAME: Final = "keys"

_KEY = re.compile(r"psk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_NO_DIGEST: Final = "0" * 64
_SETTLED_NS: Final = 100_000_000
"""Longer than any file system's clock ticks: a folder changed within it may change again under the same date."""
_LONGEST_NAME: Final = 80


class Scope(IntEnum):
    """What a key allows; each allows what those before it do."""

    READ = 1
    """Search, look at pictures, have them described and reranked, and read the metrics."""
    WRITE = 2
    """Also caption pictures for good, and index again what was indexed before."""
    ADMIN = 3
    """Also index other folders of the server's machine."""

    @property
    def word(self) -> str:
        """Its name, as people write it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Key:
    """One key: everything about it but the secret, of which only `digest`, its SHA-256 in hexadecimal, is known.

    A secret has 256 random bits: nobody guesses one from its hash, however fast the hash is.
    """

    id: str
    name: str
    scope: Scope
    created_at: str
    digest: str


class KeyStore:
    """The keys of one library, a file each, in a folder that only its owner may read.

    Thread-safe, and several processes may share it: a key that is made or revoked is known at the next request.
    """

    def __init__(self, library: Path) -> None:
        """Take the library's folder."""
        self._library = library
        self._folder = library / FOLDER_NAME
        self._lock = Lock()
        self._seen: int | None = None
        self._keys: dict[str, Key] = {}

    def all(self) -> list[Key]:
        """Return the keys, the oldest first.

        Raises:
            SettingsError: one cannot be read or makes no sense.
        """
        with self._lock:
            self._refresh()
            return sorted(self._keys.values(), key=lambda key: (key.created_at, key.id))

    def create(self, name: str, scope: Scope) -> tuple[Key, str]:
        """Make a key, and return it with the text that is its secret; nothing keeps that.

        Raises:
            LibraryNotFound: there is no library in the folder.
            SettingsError: the name is empty, too long or not printable, or the key cannot be written.
        """
        if not self._library.is_dir():
            raise LibraryNotFound(self._library)
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            raise SettingsError("a key's name", f"it must be of 1 to {_LONGEST_NAME} printable letters")
        identity, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        created = datetime.now(UTC).isoformat(timespec="microseconds")
        key = Key(identity, name.strip(), scope, created, _digest(secret))
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with atomic_write(self._file(identity)) as stream:
                stream.write(json.dumps(asdict(key) | {"scope": scope.word}, indent=1).encode() + b"\n")
        except OSError as error:
            raise SettingsError(str(self._folder), f"no key can be written: {error.strerror or error}") from error
        return key, f"psk_{identity}_{secret}"

    def revoke(self, identity: str) -> Key:
        """Forget a key, by its id; running servers refuse it from their next request on.

        Raises:
            SettingsError: there is no such key, or it cannot be removed.
        """
        found = next((key for key in self.all() if key.id == identity), None)
        if found is None:
            raise SettingsError(identity, "it is the id of no key; `photoseek keys list` shows them")
        try:
            self._file(identity).unlink(missing_ok=True)
        except OSError as error:
            raise SettingsError(str(self._file(identity)), f"cannot be removed: {error.strerror or error}") from error
        return found

    def find(self, text: str) -> Key | None:
        """Return the key of which this is the secret text, compared in a time that tells nothing; None for no key.

        Raises:
            SettingsError: a key cannot be read or makes no sense.
        """
        read = _KEY.fullmatch(text)
        with self._lock:
            self._refresh()
            key = self._keys.get(read[1]) if read else None
        is_right = hmac.compare_digest(_digest(read[2] if read else ""), key.digest if key else _NO_DIGEST)
        return key if is_right else None

    def _refresh(self) -> None:
        """Read the keys anew where one was made or revoked since."""
        try:
            state = self._folder.stat().st_mtime_ns
            if state == self._seen:
                return
            # Not yet kept as seen: a key made in the same instant as this reading would else stay unknown.
            is_settled = time.time_ns() - state > _SETTLED_NS
            files = sorted(self._folder.glob("*.json"))
        except FileNotFoundError:
            self._seen, self._keys = None, {}
            return
        except OSError as error:
            raise SettingsError(str(self._folder), f"cannot be read: {error.strerror or error}") from error
        keys = [key for key in map(_read, files) if key is not None]
        self._keys = {key.id: key for key in keys}
        self._seen = state if is_settled else None

    def _file(self, identity: str) -> Path:
        return self._folder / f"{identity}.json"


def _read(file: Path) -> Key | None:
    """Read one key; None where it was revoked meanwhile."""
    try:
        row = json.loads(file.read_bytes())
        return Key(**{**row, "scope": Scope[row["scope"].upper()]})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        # A broken file lets nobody in, and nobody thinks that no keys are needed.
        raise SettingsError(
            str(file), "is no key: remove it, and make a new one with `photoseek keys create`"
        ) from error


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
