"""A real HTTP server that answers as a test says: one behaviour after the other, and the last one for good."""

from __future__ import annotations

import base64
import io
import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from PIL import Image


@dataclass(frozen=True)
class Answers:
    """One answer. `fault` is what goes wrong with the connection: no answer, an answer cut short, a slow drip of it."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Literal["", "silent", "cut", "drip", "closed"] = ""


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, object]

    @property
    def image(self) -> Image.Image:
        """The picture in it, decoded."""
        url = self._content()[0]["image_url"]["url"]  # type: ignore[index]
        kind, _, data = str(url).partition(",")
        assert kind == "data:image/jpeg;base64"
        return Image.open(io.BytesIO(base64.b64decode(data)))

    @property
    def text(self) -> str:
        """The words in it."""
        return str(self._content()[1]["text"])

    def _content(self) -> list[dict[str, object]]:
        messages = self.body["messages"]
        assert isinstance(messages, list)
        content: list[dict[str, object]] = messages[0]["content"]
        return content


class ScriptedServer(ThreadingHTTPServer):
    """Answers from its script and remembers what was asked; where `sees_red`, by the picture instead."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, script: Sequence[Answers], *, sees_red: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = list(script)
        self.sees_red = sees_red
        self.asked: list[Asked] = []
        self.models: list[str] = ["tiny", "large"]
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.most_at_once = 0
        self.at_once = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, *_about: object) -> None:
        """Clients that leave are part of the script."""


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedServer

    def do_GET(self) -> None:
        self._send(Answers(body=json.dumps({"data": [{"id": name} for name in self.server.models]}).encode()))

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = Asked(self.path, dict(self.headers.items()), body)
        with server.lock:
            server.asked.append(asked)
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            scripted = Answers()
            if server.script:
                scripted = server.script.pop(0) if len(server.script) > 1 else server.script[0]
        try:
            self._send(red_or_not(asked) if server.sees_red else scripted)
        finally:
            with server.lock:
                server.at_once -= 1

    def _send(self, answers: Answers) -> None:
        if answers.fault == "silent":
            self.server.ended.wait()
            return
        if answers.fault == "closed":
            return
        self.send_response(answers.status)
        for name, value in {"Content-Length": str(len(answers.body)), **answers.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if answers.fault == "cut":
            self.wfile.write(answers.body[: len(answers.body) // 2])
            return
        if answers.fault == "drip":
            for place in range(len(answers.body)):
                self.wfile.write(answers.body[place : place + 1])
                self.wfile.flush()
                if self.server.ended.wait(0.01):
                    return
        self.wfile.write(answers.body)

    def log_message(self, *_about: object) -> None:
        """Keep the terminal quiet."""


@contextmanager
def scripted(*script: Answers, sees_red: bool = False) -> Iterator[ScriptedServer]:
    """Run a server while the block lasts."""
    server = ScriptedServer(script, sees_red=sees_red)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def said(text: str, listed: Mapping[str, float] | None = None) -> Answers:
    """A chat completion; `listed` holds the first token's alternatives with their probabilities."""
    choice: dict[str, object] = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    if listed is not None:
        top = [{"token": token, "logprob": math.log(share), "bytes": None} for token, share in listed.items()]
        choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    return Answers(body=json.dumps({"object": "chat.completion", "choices": [choice]}).encode())


def failed(status: int, message: str = "", headers: Mapping[str, str] | None = None) -> Answers:
    """A refusal in the words of OpenAI's interface."""
    body = json.dumps({"error": {"message": message, "type": "x"}}).encode() if message else b"<html>no</html>"
    return Answers(status, body, headers or {})


def red_or_not(asked: Asked) -> Answers:
    """Say yes to a red picture, no to another."""
    red, green, blue = asked.image.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    is_red = red > 200 and green < 90 and blue < 90
    return said("Yes" if is_red else "No", {"Yes": 0.9, "No": 0.05} if is_red else {"No": 0.8, " yes": 0.1})
