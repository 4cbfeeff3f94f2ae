"""A vision-language model behind a URL, against a real server that behaves well, badly and not at all."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from PIL import Image

from photoseek.library.errors import EndpointRefused, EndpointUnavailable, SettingsError
from photoseek.rerank.base import CaptionStyle, DeadlineJudge, Judgement, VisionLanguageModel
from photoseek.rerank.endpoint import Endpoint, EndpointLimits, EndpointName, parse_endpoint
from photoseek.rerank.endpoint_http import Clock, RateLimiter
from photoseek.tests.support.scripted_server import Answers, ScriptedServer, failed, said, scripted

KEY = "sk-very-secret"
RED, BLUE = Image.new("RGB", (64, 48), "red"), Image.new("RGB", (48, 64), "blue")
YES = said("Yes", {"Yes": 0.6, "No": 0.2, " yes": 0.1, "Maybe": 0.05})
SLOW = Answers(fault="silent")


@dataclass
class Waited:
    """A clock on which waiting takes no time but is counted, and chance is always the least."""

    seconds: list[float] = field(default_factory=list)
    started_s: float = field(default_factory=time.monotonic)

    def clock(self) -> Clock:
        return Clock(now_s=lambda: time.monotonic() + sum(self.seconds), wait=self.seconds.append, chance=lambda: 0.0)


def endpoint(
    server: ScriptedServer | str,
    waited: Waited | None = None,
    limits: EndpointLimits | None = None,
    model: str = "tiny",
) -> Endpoint:
    url = server if isinstance(server, str) else server.url
    name = EndpointName(url, model, limits or EndpointLimits(timeout_s=300.0))
    return Endpoint(name, KEY, clock=(waited or Waited()).clock())


def soon(seconds: float = 30.0) -> float:
    return time.monotonic() + seconds


def test_it_judges_captions_answers_and_keeps_a_deadline() -> None:
    assert isinstance(endpoint("http://127.0.0.1:1/v1"), VisionLanguageModel)
    assert isinstance(endpoint("http://127.0.0.1:1/v1"), DeadlineJudge)


def test_probabilities_come_from_the_listed_first_tokens() -> None:
    with scripted(YES) as server:
        answer = endpoint(server).judge([RED], 'a "red" car')[0]
    assert answer.probability == pytest.approx(0.7 / 0.9)
    assert answer.mass == pytest.approx(0.9)
    asked = server.asked[0]
    assert asked.path == "/v1/chat/completions"
    assert asked.text == "Does this figure show \"a 'red' car\"? Please answer yes or no."
    assert {name: asked.body[name] for name in ("model", "max_tokens", "temperature", "logprobs", "top_logprobs")} == {
        "model": "tiny",
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 20,
    }
    assert asked.headers["Authorization"] == f"Bearer {KEY}"


def test_pictures_go_out_small_as_jpeg_and_come_back_in_order() -> None:
    colours = ["red", "blue", "white", "red", "green", "red", "black", "red"]
    images = [Image.new("RGB", (1500 - 100 * n, 1000), name) for n, name in enumerate(colours)]
    with scripted(sees_red=True) as server:
        answers = endpoint(server).judge(images, "something red")
    assert [answer.probability > 0.5 for answer in answers] == [name == "red" for name in colours]
    assert sorted(max(asked.image.size) for asked in server.asked) == [720] * 8
    assert {asked.image.format for asked in server.asked} == {"JPEG"}
    assert server.most_at_once <= 4


def test_what_came_with_a_picture_stays_here() -> None:
    told = Image.new("RGB", (64, 48), "red")
    told.info = {"comment": b"at home", "exif": b"Exif\x00\x00private", "icc_profile": b"mine"}
    with scripted(YES) as server:
        endpoint(server).judge([told], "a car")
    sent = server.asked[0].image
    assert not {"comment", "exif", "icc_profile"} & sent.info.keys()
    assert told.info["comment"] == b"at home"


def test_one_request_at_a_time_where_the_limits_say_so() -> None:
    with scripted(sees_red=True) as server:
        endpoint(server, limits=EndpointLimits(concurrency=1)).judge([RED, BLUE] * 3, "a car")
    assert server.most_at_once == 1
    assert len(server.asked) == 6


def test_a_side_that_is_not_listed_counts_for_what_it_could_be_at_most() -> None:
    with scripted(said("Yes", {"Yes": 0.97, "The": 0.01, "It": 0.005})) as server:
        answer = endpoint(server).judge([RED], "a car")[0]
    assert answer.probability == pytest.approx(0.97 / 0.975)
    assert answer.mass == pytest.approx(0.97)


def test_an_answer_that_is_neither_tells_nothing() -> None:
    with scripted(said("The", {"The": 0.9, "A": 0.1})) as server:
        assert endpoint(server).judge([RED], "a car") == [Judgement(0.5, 0.0)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" Yes.", Judgement(1.0)),
        ("**no**", Judgement(0.0)),
        ("NO, it does not.", Judgement(0.0)),
        ("I cannot tell", Judgement(0.5, 0.0)),
        ("", Judgement(0.5, 0.0)),
    ],
)
def test_without_probabilities_a_plain_yes_or_no_is_asked_for(
    caplog: pytest.LogCaptureFixture, text: str, expected: Judgement
) -> None:
    with scripted(said("Y"), said(text)) as server, caplog.at_level(logging.WARNING, "photoseek"):
        client = endpoint(server)
        assert client.judge([RED], "a car") == [expected]
        assert client.judge([BLUE], "a car") == [expected]
    # The second picture is asked about once: the server is known by then.
    assert [asked.body.get("logprobs") for asked in server.asked] == [True, None, None]
    assert [asked.body["max_tokens"] for asked in server.asked] == [1, 8, 8]
    assert "is asked for a plain yes or no: its answer had none" in caplog.records[0].getMessage()
    assert sum("plain yes or no" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_knows_fewer_alternatives_or_none_is_asked_for_fewer(status: int) -> None:
    refusal = failed(status, "top_logprobs must be at most 5")
    with scripted(refusal, YES) as server:
        assert endpoint(server).judge([RED], "a car")[0].mass == pytest.approx(0.9)
    assert [asked.body.get("top_logprobs") for asked in server.asked] == [20, 5]
    with scripted(refusal, refusal, said("no")) as server:
        assert endpoint(server).judge([RED], "a car") == [Judgement(0.0)]
    assert [asked.body.get("top_logprobs") for asked in server.asked] == [20, 5, None]


def test_a_picture_that_is_refused_does_not_change_how_others_are_asked_about() -> None:
    refusals = [failed(400, "cannot decode this picture")] * 3
    with scripted(*refusals, YES) as server:
        client = endpoint(server)
        with pytest.raises(EndpointRefused, match=r"answered 400 \(cannot decode this picture\)"):
            client.judge([BLUE], "a car")
        assert client.judge([RED], "a car")[0].mass == pytest.approx(0.9)
    assert [asked.body.get("top_logprobs") for asked in server.asked] == [20, 5, None, 20]


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


def test_captions_and_answers_come_as_words() -> None:
    with scripted(said("This image shows a dog on a beach.\nThe sun sets. It is warm.")) as server:
        client = endpoint(server)
        assert client.caption([RED, BLUE], CaptionStyle(language="de")) == ["A dog on a beach. The sun sets."] * 2
        assert client.ask(RED, "What is it?").startswith("This image shows a dog on a beach. The sun")
    assert server.asked[0].text.endswith("Write in German.")
    assert server.asked[2].text == "What is it?"
    assert "logprobs" not in server.asked[0].body


def test_the_identity_names_server_model_and_prompts() -> None:
    spec = Endpoint(parse_endpoint("https://api.example.org/v1/?concurrency=9#org/Model-7B"), KEY).spec
    assert (spec.key, spec.name, spec.device) == (
        "https://api.example.org/v1#org/Model-7B",
        "org/Model-7B",
        "https://api.example.org/v1",
    )
    assert spec.batch_size == 9
    assert spec.prompt_version == "vqascore-1+caption-1+alt-text-1"


def test_a_setting_names_server_model_and_limits() -> None:
    assert parse_endpoint("http://[::1]:8000/v1?per_minute=30&timeout_s=1.5#m#1") == EndpointName(
        "http://[::1]:8000/v1", "m#1", EndpointLimits(per_minute=30.0, timeout_s=1.5)
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000/v1 names no model; write http://HOST:PORT/v1#MODEL"),
        ("http:///v1#m", "names no server"),
        ("http://host:port/v1#m", "the server's URL makes no sense"),
        (
            "http://h/v1?speed=9#m",
            "has no setting 'speed'; known are concurrency, per_minute, timeout_s, attempts, pat",
        ),
        ("http://h/v1?concurrency=0#m", "concurrency of a server's URL must be a whole number from 1, not '0'"),
        ("http://h/v1?attempts=1.5#m", "attempts of a server's URL must be a whole number from 1, not '1.5'"),
        ("http://h/v1?timeout_s=soon#m", "timeout_s of a server's URL must be a number from 0.001, not 'soon'"),
        ("http://h/v1?per_minute=nan#m", "per_minute of a server's URL must be a number from 0.0, not 'nan'"),
        (f"http://user:{KEY}@h/v1#m", r"may hold no user or password; put its key in \$PHOTOSEEK_VLM_KEY"),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_line_without_a_key(text: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as caught:
        parse_endpoint(text)
    assert KEY not in str(caught.value)


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOSEEK_VLM_KEY", "from-outside")
    with scripted(YES) as server:
        Endpoint.at(f"{server.url}#tiny").judge([RED], "a car")
    assert server.asked[0].headers["Authorization"] == "Bearer from-outside"


def test_no_key_is_sent_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOTOSEEK_VLM_KEY", raising=False)
    build: Callable[[str], Endpoint] = Endpoint.at
    with scripted(YES) as server:
        build(f"{server.url}#tiny").judge([RED], "a car")
    assert "Authorization" not in server.asked[0].headers


def test_an_answer_with_half_a_character_is_made_whole() -> None:
    with scripted(said("a cat \ud83d and a dog")) as server:
        assert endpoint(server).ask(RED, "what?") == "a cat \ufffd and a dog"
        assert endpoint(server).caption([RED], CaptionStyle())[0].encode()


def test_a_server_without_probabilities_is_named_as_people_know_it(caplog: pytest.LogCaptureFixture) -> None:
    with scripted(said("Yes")) as server, caplog.at_level(logging.WARNING):
        endpoint(server).judge([RED], "red")
    assert f"{server.url} (model tiny) gives no probabilities" in caplog.text
    assert "Endpoint(" not in caplog.text
