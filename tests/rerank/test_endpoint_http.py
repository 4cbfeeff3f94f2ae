"""Requests to a server that is slow, busy, broken or rude: what is asked again, when, and what is given up."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable

import pytest

from photoseek.library.errors import EndpointRefused, EndpointUnavailable
from photoseek.rerank.endpoint import Endpoint, EndpointLimits, EndpointName
from photoseek.rerank.endpoint_http import Clock, EndpointClient, RateLimiter
from photoseek.tests.support.endpoints import BLUE, KEY, RED, SLOW, YES, Waited, endpoint, soon
from photoseek.tests.support.scripted_server import Answers, failed, scripted


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_passing_trouble_is_asked_again_after_ever_longer_waits(status: int) -> None:
    waited = Waited()
    with scripted(failed(status, "busy"), failed(status), YES) as server:
        assert endpoint(server, waited).judge([RED], "a car")[0].probability > 0.5
    assert len(server.asked) == 3
    assert waited.seconds == [0.5, 1.0]


def test_a_server_may_say_how_long_to_wait() -> None:
    waited = Waited()
    with scripted(failed(429, "slow down", {"Retry-After": "7"}), YES) as server:
        assert endpoint(server, waited).judge([RED], "a car")[0].probability > 0.5
    assert waited.seconds == [pytest.approx(7.0, abs=6.0)]


def test_a_wait_past_the_limits_patience_is_not_begun() -> None:
    waited = Waited()
    with (
        scripted(failed(429, "slow down", {"Retry-After": "3600"}), YES) as server,
        pytest.raises(EndpointUnavailable, match=r"answered 429 \(slow down\); try again later"),
    ):
        endpoint(server, waited).judge([RED], "a car")
    assert len(server.asked) == 1
    assert waited.seconds == []


@pytest.mark.parametrize("date", ["Fri, 31 Dec 1999 23:59:59 GMT", "soon", "-3", "nan"])
def test_a_wait_that_is_over_or_makes_no_sense_is_no_wait_for_long(date: str) -> None:
    waited = Waited()
    with scripted(failed(503, "", {"Retry-After": date}), YES) as server:
        assert endpoint(server, waited).judge([RED], "a car")[0].probability > 0.5
    assert sum(waited.seconds) <= 0.5


def test_a_trouble_that_does_not_pass_is_one_line_after_all_attempts() -> None:
    with scripted(failed(500, "CUDA error")) as server, pytest.raises(EndpointUnavailable) as caught:
        endpoint(server).judge([RED], "a car")
    assert str(caught.value) == (
        f"{server.url} (model tiny) answered 500 (CUDA error); "
        "try again later, or ask less at once (?concurrency=1&per_minute=30)"
    )
    assert len(server.asked) == 4


@pytest.mark.parametrize("fault", ["silent", "drip"])
def test_a_slow_server_is_given_up_after_the_timeout(fault: str) -> None:
    slow = Answers(body=YES.body, fault="silent" if fault == "silent" else "drip")
    with scripted(slow) as server:
        client = Endpoint(EndpointName(server.url, "tiny", EndpointLimits(timeout_s=0.05)), None)
        with pytest.raises(EndpointUnavailable, match=r"gave no answer within 0.05 s; ask fewer at once"):
            client.judge([RED], "a car")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "garbage",
    [
        Answers(body=b"<html>welcome</html>"),
        Answers(body=b"{}"),
        Answers(body=b'{"choices": []}'),
        Answers(body=b'{"choices": [{"message": {"content": 3}}]}'),
        Answers(body=b'{"choices": [{"message": null}]}'),
        Answers(body=b"[" * 100_000),
        Answers(body=b"\xff\xfe\x00"),
        Answers(body=b'{"choices": [{"message": {"content": "Yes"}, "logprobs": {"content": [{"token": 1}]}}]}'),
    ],
)
def test_garbage_is_asked_again_and_then_one_line(garbage: Answers) -> None:
    with scripted(garbage, YES) as server:
        assert endpoint(server).judge([RED], "a car")[0].probability > 0.5
    with (
        scripted(garbage) as server,
        pytest.raises(EndpointUnavailable, match="answers, but with no chat completion; check that the URL"),
    ):
        endpoint(server).judge([RED], "a car")


@pytest.mark.parametrize("fault", ["cut", "closed"])
def test_a_connection_that_is_cut_is_made_again(fault: str) -> None:
    broken = Answers(body=YES.body, fault="cut" if fault == "cut" else "closed")
    with scripted(broken, YES) as server:
        assert endpoint(server).judge([RED], "a car")[0].probability > 0.5
    with (
        scripted(broken) as server,
        pytest.raises(EndpointUnavailable, match=r"broke off \(.+\); see its log") as caught,
    ):
        endpoint(server).judge([RED], "a car")
    assert "\n" not in str(caught.value)
    assert len(server.asked) == 4


def test_a_server_that_does_not_run_is_one_line_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        waited = Waited()
        with pytest.raises(EndpointUnavailable, match=r"cannot be reached \(Connection refused\); start the server"):
            endpoint(url, waited).judge([RED], "a car")
    assert waited.seconds == []


def test_a_wrong_name_of_a_model_is_told_with_the_right_ones() -> None:
    with scripted(failed(404, "The model `tinny` does not exist.")) as server, pytest.raises(EndpointRefused) as caught:
        endpoint(server, model="tinny").judge([RED], "a car")
    assert str(caught.value) == (
        f"{server.url} (model tinny) has no such model: answered 404 (The model `tinny` does not exist.); "
        "it has tiny, large"
    )
    assert len(server.asked) == 1


def test_a_wrong_path_is_told_apart_from_a_wrong_name() -> None:
    with scripted(failed(404)) as server, pytest.raises(EndpointRefused, match="answered 404; correct the URL"):
        endpoint(server).judge([RED], "a car")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_names_the_variable_and_never_the_key(status: int, caplog: pytest.LogCaptureFixture) -> None:
    with scripted(failed(status, f"Incorrect API key: {KEY}")) as server, caplog.at_level(0, "photoseek"):
        with pytest.raises(EndpointRefused, match=r"it wants a key, and \$PHOTOSEEK_VLM_KEY is wrong$") as caught:
            endpoint(server).judge([RED], "a car")
        no_key = Endpoint(EndpointName(server.url, "tiny", EndpointLimits()), None)
        with pytest.raises(EndpointRefused, match=r"\$PHOTOSEEK_VLM_KEY is not set$"):
            no_key.judge([RED], "a car")
    assert "Authorization" not in server.asked[-1].headers
    assert caught.value.status == status
    for shown in (str(caught.value), repr(caught.value), repr(endpoint(server)), repr(vars(caught.value)), caplog.text):
        assert KEY not in shown
    assert KEY not in endpoint(server).spec.key


def test_a_redirect_is_refused_so_that_the_key_stays_here() -> None:
    with scripted(YES) as elsewhere:
        moved = Answers(307, b"", {"Location": f"{elsewhere.url}/chat/completions?token=x"})
        with (
            scripted(moved) as server,
            pytest.raises(EndpointRefused, match=r"answered 307; it sends on to http://127"),
        ):
            endpoint(server).judge([RED], "a car")
    assert elsewhere.asked == []


def test_a_refused_picture_says_what_to_check_without_another_attempt() -> None:
    with (
        scripted(failed(413, "too large")) as server,
        pytest.raises(EndpointRefused, match=r"answered 413 \(too large\); check that the model takes pictures"),
    ):
        endpoint(server).judge([RED], "a car")
    assert len(server.asked) == 1


def test_a_long_complaint_is_cut_to_one_line() -> None:
    with scripted(failed(413, "too\nlarge " * 1000)) as server, pytest.raises(EndpointRefused) as caught:
        endpoint(server).judge([RED], "a car")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 450


def test_what_came_before_the_deadline_is_kept_and_the_rest_is_none() -> None:
    with scripted(YES, SLOW) as server:
        limits = EndpointLimits(concurrency=1)
        client = Endpoint(EndpointName(server.url, "tiny", limits), None)
        answers = client.judge_until([RED, BLUE, RED], "a car", soon(3.0))
    assert answers[0] is not None
    assert answers[0].probability == pytest.approx(0.7 / 0.9)
    assert answers[1:] == [None, None]
    assert len(server.asked) == 2


def test_a_deadline_that_is_over_asks_nothing() -> None:
    with scripted(YES) as server:
        assert endpoint(server).judge_until([RED, BLUE], "a car", time.monotonic() - 1.0) == [None, None]
    assert server.asked == []


def test_one_picture_that_fails_does_not_lose_the_others(caplog: pytest.LogCaptureFixture) -> None:
    script = [YES, *[failed(500, "broken")] * 4, YES]
    with scripted(*script) as server, caplog.at_level(logging.WARNING, "photoseek"):
        client = endpoint(server, limits=EndpointLimits(concurrency=1, timeout_s=300.0))
        answers = client.judge_until([RED, BLUE, RED], "a car", soon(3600))
    assert [answer is None for answer in answers] == [False, True, False]
    assert "1 of 3 pictures were not judged" in caplog.text


def test_a_server_that_fails_throughout_raises_though_there_is_time() -> None:
    with scripted(failed(500, "broken")) as server, pytest.raises(EndpointUnavailable, match="answered 500"):
        endpoint(server).judge_until([RED, BLUE], "a car", soon(3600))
    with scripted(failed(404, "no model x")) as server, pytest.raises(EndpointRefused, match="has no such model"):
        endpoint(server).judge_until([RED, BLUE], "a car", soon(3600))


def test_requests_keep_the_pace_of_the_limits() -> None:
    pace = RateLimiter(per_minute=30.0)
    assert [pace.reserve(100.0) for _ in range(3)] == [0.0, 2.0, 4.0]
    assert pace.reserve(110.0) == 0.0
    pace.hold(120.0)
    assert pace.reserve(110.0) == 10.0
    waited = Waited()
    with scripted(YES) as server:
        endpoint(server, waited, EndpointLimits(concurrency=1, per_minute=60.0)).judge([RED] * 3, "a car")
    assert waited.seconds == [pytest.approx(1.0, abs=0.9)] * 2


def test_an_order_to_wait_is_obeyed_once_for_all_requests() -> None:
    waited = Waited()
    with scripted(failed(429, "", {"Retry-After": "9"}), YES) as server:
        client = endpoint(server, waited, EndpointLimits(concurrency=1))
        client.judge([RED, BLUE], "a car")
    assert waited.seconds == [pytest.approx(9.0, abs=8.0)]
    assert len(server.asked) == 3


def client(url: str, limits: EndpointLimits, clock: Clock) -> EndpointClient:
    return EndpointClient(EndpointName(url, "tiny", limits), None, clock)


def test_an_answer_larger_than_8_mb_is_not_read_to_its_end() -> None:
    endless = Answers(body=b" " * (9 << 20) + YES.body)
    with scripted(endless) as server, pytest.raises(EndpointUnavailable, match="its answer is larger than 8 MB"):
        endpoint(server, limits=EndpointLimits(attempts=1)).judge([RED], "a car")


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "60"}])
def test_a_wait_that_would_end_after_the_deadline_is_not_begun(headers: dict[str, str]) -> None:
    waited: list[float] = []
    clock = Clock(now_s=lambda: 100.0, wait=waited.append, chance=lambda: 0.0)
    with (
        scripted(failed(503, "warming up", headers)) as server,
        pytest.raises(EndpointUnavailable, match=r"answered 503 \(warming up\)"),
    ):
        client(server.url, EndpointLimits(), clock).complete(b"{}", deadline_s=100.4)
    assert (waited, len(server.asked)) == ([], 1)


def test_a_wait_that_took_longer_than_it_should_is_not_followed_by_a_request() -> None:
    now_s = [100.0]

    def oversleep(seconds: float) -> None:
        now_s[0] += seconds + 5.0

    with scripted(YES) as server:
        shared = client(server.url, EndpointLimits(per_minute=60.0), Clock(now_s=lambda: now_s[0], wait=oversleep))
        shared.complete(b"{}")
        with pytest.raises(EndpointUnavailable, match="is not asked in time; allow it a longer budget"):
            shared.complete(b"{}", deadline_s=102.0)
    assert len(server.asked) == 1


def at_once(*works: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_the_pace_holds_for_all_threads_together() -> None:
    waited: list[float] = []
    clock = Clock(now_s=lambda: 100.0, wait=waited.append)
    with scripted(YES) as server:
        shared = client(server.url, EndpointLimits(per_minute=60.0), clock)
        at_once(*[lambda: shared.complete(b"{}")] * 6)
    assert sorted(waited) == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_what_a_server_asked_one_thread_to_wait_the_others_wait_too() -> None:
    waited: dict[str, float] = {}
    now_s = 100.0

    def wait(seconds: float) -> None:
        """Have another thread ask while the first one waits as it was told."""
        waited[threading.current_thread().name] = seconds
        if threading.current_thread() is threading.main_thread():
            other = threading.Thread(target=lambda: shared.complete(b"{}"), name="other")
            other.start()
            other.join()

    with scripted(failed(429, "slow down", {"Retry-After": "30"}), YES) as server:
        shared = client(server.url, EndpointLimits(), Clock(now_s=lambda: now_s, wait=wait))
        shared.complete(b"{}")
    assert waited == {threading.main_thread().name: 30.0, "other": 30.0}


class Interrupted(RateLimiter):
    """A pace whose every first look at its next free moment is interrupted by another thread's work."""

    def __init__(self, other: Callable[[RateLimiter], object]) -> None:
        self._free_at_s = 0.0
        self._others: list[threading.Thread] = []
        self._other = other
        super().__init__(per_minute=60.0)

    @property
    def _free_s(self) -> float:
        seen = self._free_at_s
        if not self._others:
            self._others = [threading.Thread(target=self._other, args=(self,))]
            self._others[0].start()
            self._others[0].join(timeout=0.2)  # where the moment is taken as a whole, it waits for that
        return seen

    @_free_s.setter
    def _free_s(self, value: float) -> None:
        self._free_at_s = value

    def end(self) -> float:
        for thread in self._others:
            thread.join()
        return self._free_at_s


def test_two_threads_never_take_the_same_moment() -> None:
    pace = Interrupted(lambda shared: shared.reserve(100.0))
    assert pace.reserve(100.0) == 0.0
    assert pace.end() == 102.0


def test_an_order_to_wait_is_not_lost_to_another_thread() -> None:
    pace = Interrupted(lambda shared: shared.hold(500.0))
    assert pace.reserve(100.0) == 0.0
    assert pace.end() == 500.0
    pace = Interrupted(lambda shared: shared.hold(500.0))
    pace.hold(200.0)
    assert pace.end() == 500.0
