"""The password of the pages, and where they may listen."""

from __future__ import annotations

import pytest

from photoseek.library.errors import UiUnavailable
from photoseek.ui import password
from photoseek.ui.hosts import Hosts
from photoseek.ui.launch import server_config
from photoseek.ui.options import UiOptions, is_loopback
from photoseek.ui.password import FREE_TRIES, LIFETIME_S, LONGEST_WAIT_S, LoginThrottle, Passes


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_the_password_admits_and_nothing_else_does() -> None:
    gate = LoginThrottle("correct horse")
    assert gate.admits("a", "correct horse")
    assert not any(gate.admits("a", wrong) for wrong in ("", "correct hors", "correct horse ", "Correct horse"))


def test_wrong_tries_wait_longer_and_longer_and_even_the_right_one_waits() -> None:
    clock = Clock()
    gate = LoginThrottle("right", clock)
    for _ in range(FREE_TRIES):
        assert gate.wait_s("a") == 0
        gate.admits("a", "wrong")
    waits = []
    for _ in range(9):
        waits.append(gate.wait_s("a"))
        clock.now_s += waits[-1]
        gate.admits("a", "wrong")
    assert waits == [1, 2, 4, 8, 16, 32, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]
    assert not gate.admits("a", "right")
    clock.now_s += LONGEST_WAIT_S
    assert gate.admits("a", "right")


def test_one_address_does_not_make_another_wait() -> None:
    gate = LoginThrottle("right", Clock())
    for _ in range(50):
        gate.admits("a", "wrong")
    assert gate.wait_s("b") == 0
    assert gate.admits("b", "right")


def test_the_right_password_forgets_the_wrong_ones() -> None:
    gate = LoginThrottle("right", Clock())
    for _ in range(FREE_TRIES - 1):
        gate.admits("a", "wrong")
    gate.admits("a", "right")
    gate.admits("a", "wrong")
    assert gate.wait_s("a") == 0


def test_wrong_tries_from_everywhere_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "_MOST_ADDRESSES", 3)
    gate = LoginThrottle("right", Clock())
    for number in range(20):
        gate.admits(f"address {number}", "wrong")
    assert list(gate._records) == ["address 17", "address 18", "address 19"]
    for _ in range(FREE_TRIES - 1):
        gate.admits("address 19", "wrong")
    assert gate.wait_s("address 19") > 0


def test_a_pass_is_good_until_it_expires_and_on_the_server_that_issued_it() -> None:
    clock = Clock()
    passes = Passes(b"secret", clock)
    issued = passes.issue()
    assert passes.is_good(issued)
    assert not Passes(b"another", clock).is_good(issued)
    clock.now_s = LIFETIME_S - 1
    assert passes.is_good(issued)
    clock.now_s = LIFETIME_S
    assert not passes.is_good(issued)


@pytest.mark.parametrize("proxy", ["localhost", "10.0.0.0/99", "", "*"])
def test_a_proxy_is_named_by_its_address(proxy: str) -> None:
    with pytest.raises(UiUnavailable, match="address of a proxy"):
        UiOptions(password="x", proxies=(proxy,))


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("", "10.0.0.1"),
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4, 5.6.7.8", "5.6.7.8"),
        ("1.2.3.4, 10.0.0.9", "1.2.3.4"),
        ("1.2.3.4, nonsense", "10.0.0.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
    ],
)
def test_a_proxys_word_counts_and_nobody_elses(forwarded: str, expected: str) -> None:
    headers = [(b"x-forwarded-for", forwarded.encode())]
    hosts = Hosts.of(UiOptions(password="x", proxies=("10.0.0.0/24",)))
    assert hosts.visitor({"type": "http", "client": ("10.0.0.1", 1), "headers": headers}) == expected
    assert hosts.visitor({"type": "http", "client": ("127.0.0.1", 1), "headers": headers}) == "127.0.0.1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "photos.example.org"])
def test_other_machines_are_let_in_by_password_only(host: str) -> None:
    with pytest.raises(UiUnavailable, match="PHOTOSEEK_UI_PASSWORD"):
        UiOptions(host=host)
    assert UiOptions(host=host, password="x").host == host


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)]
)
def test_loopback_is_known(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_the_server_tells_nobody() -> None:
    config = server_config(UiOptions())
    assert config["browser.gatherUsageStats"] is False
    assert config["server.address"] == "127.0.0.1"
    assert config["server.enableXsrfProtection"] is True
