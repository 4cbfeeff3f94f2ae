"""Pictures from the web: http and https only, with limits of size and time, and never from a private network.

A name is resolved once, every address it has is checked, and the connection goes to a checked address: a name server
that answers differently the second time (DNS rebinding) changes nothing. Redirects are followed by hand and checked
like the first URL. Proxies of the environment are not used, since a proxy would resolve the name again.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from ..library.errors import AddressRefused, ImageUnreadable

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_BLOCK_BYTES: Final = 1 << 16
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What is fetched at most. `timeout_s` is for all of it, redirects included."""

    max_bytes: int = 64 << 20
    timeout_s: float = 20.0
    max_redirects: int = 5
    allow_private: bool = False  # addresses of this machine and of private networks


DEFAULT_FETCH: Final = FetchLimits()


def fetch_image(url: str, limits: FetchLimits = DEFAULT_FETCH) -> bytes:
    """Return the bytes at `url`, undecoded.

    Raises:
        AddressRefused: it is not http or https, carries a password, or leads to a private address.
        ImageUnreadable: nothing came back, or too much, or too slowly.
    """
    deadline_s = time.monotonic() + limits.timeout_s
    here = url
    try:
        for _ in range(limits.max_redirects + 1):
            connection = _connect(here, limits, deadline_s)
            try:
                answer = _ask(connection, urlsplit(here))
                if answer.status not in _REDIRECTS:
                    return _body(url, answer, connection, limits, deadline_s)
                here = urljoin(here, answer.getheader("Location") or "")
            finally:
                connection.close()
    except TimeoutError as error:
        raise ImageUnreadable(url, f"took longer than {limits.timeout_s:g} s") from error
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise ImageUnreadable(url, f"cannot be fetched: {str(error) or type(error).__name__}") from error
    raise ImageUnreadable(url, f"redirects more than {limits.max_redirects} times")


def _connect(url: str, limits: FetchLimits, deadline_s: float) -> http.client.HTTPConnection:
    """Open a connection to a checked address of the URL's host."""
    parts, port = _checked_url(url)
    host = parts.hostname or ""
    address = _checked_address(url, host, port, allow_private=limits.allow_private)
    plain = socket.create_connection((address, port), timeout=_left_s(deadline_s))
    try:
        # TLS is checked against the host's name, whatever address was dialled.
        secured = _secured(plain, host) if parts.scheme == "https" else plain
    except BaseException:
        plain.close()
        raise
    connection = http.client.HTTPConnection(host, port)
    connection.sock = secured
    return connection


def _secured(plain: socket.socket, host: str) -> socket.socket:
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)


def _checked_url(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise AddressRefused(url, f"it is no URL ({error})") from error
    if parts.scheme not in _PORTS:
        raise AddressRefused(url, "only http and https are")
    if not parts.hostname:
        raise AddressRefused(url, "it names no host")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(url, "it carries a user or a password")
    return parts, port


def _checked_address(url: str, host: str, port: int, *, allow_private: bool) -> str:
    """Resolve `host`; one address that may not be used refuses the host, so that no answer can be picked from it."""
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        if not allow_private and not _is_public(address):
            raise AddressRefused(url, f"{host} is at {address}, in a private network")
    return found[0]


def _is_public(address: str) -> bool:
    """Whether an address is of the public internet, also where it carries an IPv4 address within an IPv6 one."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is not None:
            return _is_public(str(inner))
        # NAT64 (RFC 6052) and Teredo (RFC 4380) lead to IPv4 addresses that are not seen here.
        if any(parsed in network for network in _TRANSLATED):
            return False
    return parsed.is_global and not parsed.is_multicast


_TRANSLATED: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("2001::/32"))


def _ask(connection: http.client.HTTPConnection, parts: SplitResult) -> http.client.HTTPResponse:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": "photoseek", "Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}
    connection.request("GET", target, headers=headers)
    return connection.getresponse()


def _body(
    url: str,
    answer: http.client.HTTPResponse,
    connection: http.client.HTTPConnection,
    limits: FetchLimits,
    deadline_s: float,
) -> bytes:
    if answer.status != http.client.OK:
        raise ImageUnreadable(url, f"the server answers {answer.status} {answer.reason}")
    blocks: list[bytes] = []
    size_bytes = 0
    while True:
        if connection.sock is not None:
            connection.sock.settimeout(_left_s(deadline_s))
        block = answer.read1(_BLOCK_BYTES)
        _left_s(deadline_s)
        if not block:
            return b"".join(blocks)
        size_bytes += len(block)
        if size_bytes > limits.max_bytes:
            raise ImageUnreadable(url, f"is larger than {limits.max_bytes:,} bytes")
        blocks.append(block)


def _left_s(deadline_s: float) -> float:
    """How long there is still; a server that sends a byte a second does not win more."""
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s
