"""A vision-language model behind a URL, against a real server that behaves well, badly and not at all."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest
from PIL import Image

from photoseek.library.errors import EndpointRefused, SettingsError
from photoseek.rerank.base import CaptionStyle, DeadlineJudge, Judgement, VisionLanguageModel
from photoseek.rerank.endpoint import Endpoint, EndpointLimits, EndpointName, parse_endpoint
from photoseek.tests.support.endpoints import BLUE, KEY, RED, YES, endpoint
from photoseek.tests.support.scripted_server import Answers, failed, said, scripted


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


@pytest.mark.parametrize("logprobs", [{"content": {"token": "Yes"}}, {"content": []}, {"content": None}, [], "none"])
def test_probabilities_in_no_known_form_count_as_none(logprobs: object) -> None:
    choice = {"message": {"content": "Yes"}, "logprobs": logprobs}
    with scripted(Answers(body=json.dumps({"choices": [choice]}).encode()), said("no")) as server:
        assert endpoint(server).judge([RED], "a car") == [Judgement(0.0)]
    assert [asked.body.get("logprobs") for asked in server.asked] == [True, None]


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
