"""Any OpenAI-compatible server as a vision-language model: how a setting names it, and how it is asked."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

from PIL import Image

from ..library.errors import EndpointRefused, EndpointUnavailable, SettingsError
from ..library.settings import VLM_KEY_VARIABLE, vlm_key
from ..search.thumbnails import jpeg_bytes
from .answers import UNDECIDED, MassWatch, judgement_of_listed, judgement_of_text, tidy_caption
from .base import CaptionStyle, Judgement, JudgeSpec
from .endpoint_http import Clock, EndpointClient, Reply
from .image_input import resize_for_vlm
from .prompts import DEFAULT_JUDGING, caption_prompt, judging_prompt, judging_template, prompts_key

logger = logging.getLogger(__name__)

_LEAST: Final[Mapping[str, int | float]] = MappingProxyType(
    {"concurrency": 1, "per_minute": 0.0, "timeout_s": 0.001, "attempts": 1, "patience_s": 0.0}
)
"""The limits that a URL may set, and the least that each may be, of its type."""

_FORM: Final = "write http://HOST:PORT/v1#MODEL"


@dataclass(frozen=True, slots=True)
class EndpointLimits:
    """How hard a server is pressed.

    `concurrency` requests are under way at once. `per_minute` requests are begun each minute at most; 0 for as many as
    come. `timeout_s` is for one request, and `attempts` for how often it is made before it is given up. `patience_s`
    bounds the waiting between attempts.
    """

    concurrency: int = 4
    per_minute: float = 0.0
    timeout_s: float = 60.0
    attempts: int = 4
    patience_s: float = 60.0


@dataclass(frozen=True, slots=True)
class EndpointName:
    """A server's URL, up to and with its version, the model to ask there, and the limits."""

    url: str
    model: str
    limits: EndpointLimits


def parse_endpoint(text: str) -> EndpointName:
    """Take a setting apart.

    Raises:
        SettingsError: it has a password or no model, or its limits make no sense.
    """
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError("vlm", f"the server's URL makes no sense ({error}); {_FORM}") from error
    if parts.username is not None or parts.password is not None:
        # The URL is not repeated, since what stands before the @ may be the key.
        raise SettingsError("vlm", f"a server's URL may hold no user or password; put its key in ${VLM_KEY_VARIABLE}")
    url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    if parts.scheme not in {"http", "https"} or not host:
        raise SettingsError("vlm", f"{url} names no server; {_FORM}")
    if not parts.fragment:
        raise SettingsError("vlm", f"{url} names no model; {_FORM}")
    return EndpointName(url, parts.fragment, _limits(parts.query))


def _limits(query: str) -> EndpointLimits:
    given: dict[str, float] = asdict(EndpointLimits())
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _LEAST:
            raise SettingsError("vlm", f"a server's URL has no setting {name!r}; known are {', '.join(_LEAST)}")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        least = _LEAST[name]
        if not least <= number < float("inf") or (isinstance(least, int) and not number.is_integer()):
            kind = "whole number" if isinstance(least, int) else "number"
            raise SettingsError("vlm", f"{name} of a server's URL must be a {kind} from {least}, not {value!r}")
        given[name] = number
    return EndpointLimits(
        concurrency=int(given["concurrency"]),
        per_minute=given["per_minute"],
        timeout_s=given["timeout_s"],
        attempts=int(given["attempts"]),
        patience_s=given["patience_s"],
    )


T = TypeVar("T")

CAPTION_TOKENS: Final = 120
ANSWER_TOKENS: Final = 300
_WORD_TOKENS: Final = 8  # in which a plain yes or no finds room, with a space or an asterisk before it

# How many alternatives to the first token are asked for: 20 is the most that OpenAI's interface allows, some servers
# are set to fewer, some have none.
_ALTERNATIVES: Final = (20, 5, 0)
_UNSUPPORTED: Final = frozenset({400, 422, 501})  # how servers answer what they do not know of the interface


class Endpoint:
    """A VisionLanguageModel behind a URL; construction is cheap, and the server is asked when it is used.

    Pictures go out as JPEG, their longest side 720 pixels at most. A server that gives no probabilities is asked for
    a plain yes or no instead, which counts as 1 or 0. May be used from several threads.
    """

    def __init__(
        self, name: EndpointName, key: str | None, *, clock: Clock | None = None, judging: str = DEFAULT_JUDGING
    ) -> None:
        self._name = name
        self._client = EndpointClient(name, key, clock)
        self._judging = judging_template(judging)
        self._masses = MassWatch(name.model)
        self._step = 0  # a place in _ALTERNATIVES: how the server is asked for them

    @classmethod
    def at(cls, setting: str) -> Endpoint:
        """Return the endpoint of a setting, `http://HOST:PORT/v1#MODEL`, with the key of the environment.

        Raises:
            SettingsError: the setting makes no sense.
        """
        return cls(parse_endpoint(setting), vlm_key())

    def __repr__(self) -> str:
        return f"Endpoint({self._name.url}#{self._name.model})"

    @property
    def spec(self) -> JudgeSpec:
        """The model's identity, as far as a server tells: its URL and its name for the model."""
        return JudgeSpec(
            key=f"{self._name.url}#{self._name.model}",
            name=self._name.model,
            device=self._name.url,
            batch_size=self._name.limits.concurrency,
            prompt_version=prompts_key(self._judging),
        )

    def judge(self, images: Sequence[Image.Image], query: str) -> list[Judgement]:
        """Judge n RGB images; n judgements in their order.

        Raises:
            EndpointRefused: the server says no and will again.
            EndpointUnavailable: it gave no answer about one of them.
        """
        prompt = judging_prompt(self._judging, query)
        answers = self._at_once(lambda image: self._judged(image, prompt, None), images)
        self._masses.note(answers)
        return answers

    def judge_until(self, images: Sequence[Image.Image], query: str, deadline_s: float) -> list[Judgement | None]:
        """Judge n RGB images until `deadline_s` by time.monotonic(); n answers in order, None where none came.

        Raises:
            EndpointRefused: the server says no and will again.
            EndpointUnavailable: time was left, and it gave no answer about any of them.
        """
        prompt = judging_prompt(self._judging, query)
        troubles: list[EndpointUnavailable] = []

        def judged(image: Image.Image) -> Judgement | None:
            try:
                return self._judged(image, prompt, deadline_s)
            except EndpointUnavailable as error:
                troubles.append(error)
                return None

        answers = self._at_once(judged, images)
        self._masses.note([answer for answer in answers if answer is not None])
        if troubles and len(troubles) == len(images) and time.monotonic() < deadline_s:
            raise troubles[0]
        if troubles:
            logger.warning("%d of %d pictures were not judged: %s", len(troubles), len(images), troubles[0])
        return answers

    def caption(self, images: Sequence[Image.Image], style: CaptionStyle) -> list[str]:
        """Caption n RGB images; n texts in their order, each of one or two sentences.

        Raises:
            QueryError: there is no such style or language.
            EndpointRefused: the server says no and will again.
            EndpointUnavailable: it gave no answer about one of them.
        """
        prompt = caption_prompt(style)
        return self._at_once(lambda image: tidy_caption(self._ask(image, prompt, CAPTION_TOKENS).text), images)

    def ask(self, image: Image.Image, question: str) -> str:
        """Answer a question about one RGB image.

        Raises:
            EndpointRefused: the server says no and will again.
            EndpointUnavailable: it gave no answer.
        """
        return " ".join(self._ask(image, question, ANSWER_TOKENS).text.split())

    def _at_once(self, work: Callable[[Image.Image], T], images: Sequence[Image.Image]) -> list[T]:
        """Do some work for every image, as many at once as the limits allow."""
        if len(images) <= 1:
            return [work(image) for image in images]
        with ThreadPoolExecutor(self._name.limits.concurrency, thread_name_prefix="photoseek-endpoint") as pool:
            return list(pool.map(work, images))

    def _judged(self, image: Image.Image, prompt: str, deadline_s: float | None) -> Judgement:
        data, step, reason = _data_url(image), self._step, ""
        while True:
            alternatives = _ALTERNATIVES[step]
            try:
                reply = self._send(
                    data, prompt, 1 if alternatives else _WORD_TOKENS, alternatives=alternatives, deadline_s=deadline_s
                )
            except EndpointRefused as refused:
                # It may be the alternatives that it does not know. What else is wrong is refused without them too.
                if refused.status not in _UNSUPPORTED or not alternatives:
                    raise
                step, reason = step + 1, str(refused)
                continue
            if alternatives and not reply.listed:
                step, reason = len(_ALTERNATIVES) - 1, "its answer had none"
                continue
            self._remember(step, reason)
            return judgement_of_listed(reply.listed) if alternatives else judgement_of_text(reply.text) or UNDECIDED

    def _remember(self, step: int, reason: str) -> None:
        """Ask from now on as what was answered was asked, unless another thread is ahead."""
        if step > self._step:
            self._step = step
            if not _ALTERNATIVES[step]:
                name = self._name
                told = "%s (model %s) gives no probabilities, and is asked for a plain yes or no: %s"
                logger.warning(told, name.url, name.model, reason)

    def _ask(self, image: Image.Image, prompt: str, max_tokens: int) -> Reply:
        return self._send(_data_url(image), prompt, max_tokens, alternatives=0, deadline_s=None)

    def _send(
        self, data_url: str, prompt: str, max_tokens: int, *, alternatives: int, deadline_s: float | None
    ) -> Reply:
        content = [{"type": "image_url", "image_url": {"url": data_url}}, {"type": "text", "text": prompt}]
        request: dict[str, object] = {
            "model": self._name.model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": max_tokens,
            "temperature": 0,
        }
        if alternatives:
            request |= {"logprobs": True, "top_logprobs": alternatives}
        return self._client.complete(json.dumps(request).encode(), deadline_s)


def _data_url(image: Image.Image) -> str:
    """Encode a picture, and nothing of what came with it: Pillow would write a JPEG's comment into the next one."""
    bare = resize_for_vlm(image).convert("RGB")  # a copy
    bare.info = {}
    return "data:image/jpeg;base64," + base64.b64encode(jpeg_bytes(bare)).decode("ascii")
