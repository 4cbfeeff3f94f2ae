"""How the pages are served, as a value, and what of it is refused."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..library.errors import UiUnavailable
from ..library.settings import UI_PASSWORD_VARIABLE

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8501


@dataclass(frozen=True, slots=True)
class UiOptions:
    """What is shown, where it listens, and who may look.

    `folder` and `model` are as `open_library` takes them. `base_path` is the path below which a reverse proxy shows the
    pages, without slashes at its ends. With `read_only` nothing is written to the library, and what would is
    hidden. Pages ask for `password` first, unless it is None. `allowed_hosts` are names that they answer to beside this
    machine's own. `proxies` are addresses, or networks as `10.0.0.0/8`, whose `X-Forwarded-For` is believed.

    Raises:
        UiUnavailable: other machines could reach the pages, and no password is set; or a proxy is no address.
    """

    folder: Path | None = None
    model: str | None = None
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    base_path: str = ""
    read_only: bool = False
    password: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.password is None and not is_loopback(self.host):
            raise UiUnavailable(
                f"{self.host} can be reached from other machines",
                f"set a password in {UI_PASSWORD_VARIABLE}, or leave --host away",
            )
        for proxy in self.proxies:
            try:
                ipaddress.ip_network(proxy, strict=False)
            except ValueError as error:
                raise UiUnavailable(
                    f"{proxy} is no address of a proxy", "write it as 10.0.0.2 or 10.0.0.0/8"
                ) from error

    @property
    def is_shared(self) -> bool:
        """Whether the pages are for guests, who may not write; they are shown no paths of this machine."""
        return self.read_only


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
