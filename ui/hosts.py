"""Which names and origins the pages answer to, and whose address a request comes from."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from .options import UiOptions

_Address: TypeAlias = IPv4Address | IPv6Address

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?", re.ASCII)
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_IPV6_SITE: Final = 64
"""One customer of a provider has at least so much of an IPv6 address: within it addresses cost nothing."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names that are ours, and the proxies whose word is taken for who asks.

    With `any_address`, a host that is written as a number is ours too: no other site's page can have such a name.
    """

    names: frozenset[str]
    any_address: bool
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, options: UiOptions) -> Hosts:
        """Return the rules for pages that are served like this."""
        names = {"localhost", options.host.lower(), *(name.lower() for name in options.allowed_hosts)}
        if options.password is not None:
            own = socket.gethostname().lower()
            names |= {own, f"{own}.local"}
        proxies = tuple(ip_network(proxy, strict=False) for proxy in options.proxies)
        return cls(frozenset(names), options.password is not None, proxies)

    def is_ours(self, headers: Headers) -> bool:
        """Whether a request names one host, and it is ours.

        A page elsewhere can have its own name resolve to this machine's address, and then reads what we answer; the
        name is what it cannot forge.
        """
        hosts = headers.getlist("host")
        read = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if read is None:
            return False
        name = read[1].lower().strip("[]").rstrip(".")
        if name in self.names:
            return True
        address = _address(name)
        return address is not None and (self.any_address or address.is_loopback)

    def is_same_origin(self, headers: Headers) -> bool:
        """Whether a request comes from a page of ours, or from no page at all; asked where the host is ours.

        Another port on this machine is another origin: whatever listens there is not to drive these pages.
        """
        origins = headers.getlist("origin")
        if not origins:
            return True
        origin, host = urlsplit(origins[0].lower()), headers["host"].lower()
        if len(origins) > 1 or origin.scheme not in _DEFAULT_PORTS:
            return False
        return host in {origin.netloc, origin.netloc + _DEFAULT_PORTS[origin.scheme]}

    def visitor(self, scope: Scope) -> str:
        """Return the address that asks, as far as that can be believed, an IPv6 one by its site.

        What a proxy of ours says counts, and of that the last address that is not a proxy of ours as well: the ones
        left of it are whatever the visitor wrote.
        """
        peer = _peer(scope)
        address = _address(peer)
        if address is not None and self._is_proxy(address):
            for said in reversed(",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")):
                forwarded = _address(said.strip())
                if forwarded is None:
                    break
                address = forwarded
                if not self._is_proxy(forwarded):
                    break
        if isinstance(address, IPv6Address):
            return str(ip_network((address, _IPV6_SITE), strict=False))
        return peer if address is None else str(address)

    def is_https(self, scope: Scope) -> bool:
        """Whether the visitor's browser speaks TLS, with us or with a proxy of ours."""
        address = _address(_peer(scope))
        is_told = address is not None and self._is_proxy(address)
        scheme = str(scope["scheme"])
        return (Headers(scope=scope).get("x-forwarded-proto", scheme) if is_told else scheme) == "https"

    def _is_proxy(self, address: _Address) -> bool:
        return any(address in network for network in self.proxies)


def _peer(scope: Scope) -> str:
    return str(scope["client"][0]) if scope.get("client") else ""


def _address(text: str) -> _Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
