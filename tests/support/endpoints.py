"""An endpoint over a scripted server, on a clock on which waiting takes no time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from PIL import Image

from photoseek.rerank.endpoint import Endpoint, EndpointLimits, EndpointName
from photoseek.rerank.endpoint_http import Clock
from photoseek.tests.support.scripted_server import Answers, ScriptedServer, said

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
