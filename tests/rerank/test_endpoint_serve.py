"""The client of servers against `transformers serve`, which runs a model that knows red pictures from others."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from photoseek.library.errors import EndpointRefused
from photoseek.rerank.base import CaptionStyle
from photoseek.rerank.registry import load_vlm
from photoseek.tests.support.tiny_vlms import OTHER_CAPTION, RED_CAPTION, red_loving_vlm  # it skips without torch

pytestmark = pytest.mark.slow

RED, BLUE = Image.new("RGB", (800, 600), "red"), Image.new("RGB", (600, 800), "blue")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    for module in ("fastapi", "openai", "uvicorn"):
        pytest.importorskip(module, reason="the server is not installed: pip install 'transformers[serving]'")
    folder = red_loving_vlm(tmp_path_factory.mktemp("served"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environ = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stderr is not None
        heard: list[str] = []
        for line in process.stderr:
            heard.append(line)
            if "running on" in line:
                break
        try:
            assert process.poll() is None, "".join(heard)
            yield f"http://127.0.0.1:{port}/v1", folder
        finally:
            process.kill()


def test_a_served_model_judges_captions_and_answers(served: tuple[str, Path]) -> None:
    url, folder = served
    model = load_vlm(f"{url}#{folder}")
    answers = model.judge([RED, BLUE, RED], "a car")
    assert [answer.probability > 0.5 for answer in answers] == [True, False, True]
    assert model.caption([RED, BLUE], CaptionStyle()) == [RED_CAPTION, OTHER_CAPTION]
    assert model.ask(RED, "What is it?") == RED_CAPTION


def test_a_model_that_is_not_served_is_one_line(served: tuple[str, Path]) -> None:
    with pytest.raises(EndpointRefused, match=r"answered 4\d\d \(.*other") as caught:
        load_vlm(f"{served[0]}#other").judge([RED], "a car")
    assert "\n" not in str(caught.value)
