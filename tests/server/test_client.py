"""`photoseek.connect`: the verbs of a library, asked of a server in a process of its own; and that process."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import photoseek
from photoseek.search.query.query import Query, Term, Words
from photoseek.tests.support.fakes import paint


def _command(folder: Path, *arguments: str) -> list[str]:
    """`photoseek serve`, of the photoseek that is tested here."""
    paths = ";".join(f"sys.path.insert(0, {path!r})" for path in reversed(sys.path) if path)
    code = f"import sys;{paths};from photoseek.cli.main import main; main()"
    return [sys.executable, "-W", "ignore", "-c", code, "serve", "--library", str(folder), *arguments]


@contextmanager
def process(folder: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `photoseek serve`, and yield its address once it listens."""
    popen = subprocess.Popen(
        _command(folder, "--port", "0", *arguments),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert popen.stderr is not None
        line = popen.stderr.readline()
        assert line.startswith("photoseek answers at "), line
        # Nobody reads the log: its pipe must not fill.
        threading.Thread(target=popen.stderr.read, daemon=True).start()
        yield line.split()[-1], popen
    finally:
        popen.kill()
        popen.wait()


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of the built-in model, of squares in colours."""
    root = tmp_path_factory.mktemp("squares")
    for colour in ("red", "green", "blue"):
        paint(root / "pictures" / f"{colour}.png", colour, size=(64, 64))
    (root / "pictures" / "blue.txt").write_text("a blue square\n")
    with photoseek.open(root / "lib") as library:
        library.index(root / "pictures")
    return root


@pytest.fixture(scope="module")
def address(squares: Path) -> Iterator[str]:
    """Where a server answers for it."""
    with process(squares / "lib") as (url, _):
        yield url


def test_a_server_answers_as_the_library_does(address: str, squares: Path) -> None:
    with photoseek.connect(address) as remote, photoseek.open(squares / "lib") as library:
        assert remote.count() == 3
        for asked in ("a blue square", Query((Term(Words("red")), Term(Words("blue"), -0.5)), k=2, calibrated=True)):
            there, here = remote.search(asked), library.search(asked)
            assert [hit.image for hit in there] == [hit.image for hit in here]
            assert [hit.score for hit in there] == pytest.approx([hit.score for hit in here], abs=1e-5)
        blue = next(hit.image for hit in remote.search("a blue square") if hit.image.path.stem == "blue")
        assert remote.image(blue.id) == blue
        assert [text.body for text in remote.texts(blue.id)] == ["a blue square"]
        assert remote.original(blue.id) == blue.path.read_bytes()
        assert remote.thumbnail(blue.id, side_px=256).startswith(b"\xff\xd8")
        assert [hit.image.id for hit in remote.similar(blue.id)] != [blue.id]
        assert [label.text for label in remote.describe(blue.id, k=3)] == [
            label.text for label in library.labels(blue.id, k=3)
        ]
        assert remote.embed_texts(["a", "b"]) == pytest.approx(library.embed_texts(["a", "b"]), abs=1e-5)


def test_a_picture_of_this_machine_is_sent_and_filters_are_text(address: str, squares: Path) -> None:
    with photoseek.connect(address) as remote:
        assert remote.search(like=squares / "pictures" / "green.png", k=1)[0].image.path.stem == "green"
        assert remote.search("a square", where="width > 100") == []
        with pytest.raises(photoseek.QueryError, match="cannot be read"):
            remote.search(like=squares / "none.png")
        with pytest.raises(photoseek.RemoteError, match="widht"):
            remote.search("a square", where="widht > 100")


def test_a_rerank_streams_to_its_end(address: str) -> None:
    with photoseek.connect(address) as remote:
        rankings = list(remote.refine("a red square", depth=3))

    assert rankings[-1].is_final
    assert rankings[-1].judged_count == 3
    assert {hit.image.path.stem for hit in rankings[-1].hits} == {"red", "green", "blue"}


def test_no_server_and_no_address_are_told_in_a_line() -> None:
    with pytest.raises(photoseek.RemoteError, match="not reached"):
        photoseek.connect("http://127.0.0.1:9").count()
    with pytest.raises(photoseek.RemoteError):
        photoseek.connect("nonsense").count()


def test_clip_retrievals_own_client_is_answered(address: str, squares: Path) -> None:
    client = _clip_client()(f"{address}/knn-service", indice_name="photoseek", num_images=3, deduplicate=False)

    words = client.query(text="a blue square")
    picture = client.query(image=str(squares / "pictures" / "green.png"))
    vector = client.query(embedding_input=photoseek.connect(address).embed_texts(["a blue square"])[0].tolist())

    assert len(words) == 3
    assert [one["id"] for one in words] == [one["id"] for one in vector]
    assert {one["caption"] for one in words} <= {"a blue square", None}
    assert Path(picture[0]["image_path"]).stem == "green"


def _clip_client() -> type[Any]:
    """Return clip-retrieval's client from its own file: its package would import the whole of its back end."""
    package = importlib.util.find_spec("clip_retrieval")
    if package is None or not package.submodule_search_locations:
        pytest.skip("clip-retrieval is not installed: pip install --no-deps clip-retrieval")
    file = Path(package.submodule_search_locations[0]) / "clip_client.py"
    spec = importlib.util.spec_from_file_location("clip_client", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    client: type[Any] = module.ClipClient
    return client


def test_openais_own_client_is_answered(address: str) -> None:
    openai = pytest.importorskip("openai", reason="openai is not installed")
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none")
    model = client.models.list().data[0].id

    packed = client.embeddings.create(model=model, input=["a red square"]).data[0].embedding
    plain = client.embeddings.create(model=model, input=["a red square"], encoding_format="float").data[0].embedding

    assert packed == pytest.approx(plain)
    assert sum(number * number for number in plain) == pytest.approx(1, abs=1e-4)


def test_what_runs_is_finished_before_the_server_ends(squares: Path) -> None:
    with process(squares / "lib") as (url, popen), httpx.Client(base_url=url, timeout=60) as http:
        http.get("/ready").raise_for_status()
        answers: list[int] = []

        def ask() -> None:
            body = {"query": "a red square", "depth": 3}
            with http.stream("POST", "/v1/search/stream", json=body) as answer:
                begun.set()
                told = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
            answers.append(told[-1]["judged"])

        begun = threading.Event()
        thread = threading.Thread(target=ask)
        thread.start()
        assert begun.wait(60)
        popen.send_signal(signal.SIGTERM)
        thread.join(60)

        assert answers == [3]
        assert popen.wait(60) in {0, -signal.SIGTERM}


def test_two_processes_answer_at_one_address_and_count_together(squares: Path) -> None:
    with process(squares / "lib", "--workers", "2") as (url, _):
        for _ in range(20):
            # A connection each, so that both processes get some.
            assert httpx.get(f"{url}/v1/search", params={"q": "a red square", "k": 1}, timeout=60).status_code == 200
        page = httpx.get(f"{url}/metrics", timeout=60).text

    assert 'photoseek_requests_total{method="GET",route="/v1/search",status="200"} 20.0' in page


def test_a_taken_port_is_told_in_a_line(squares: Path, address: str) -> None:
    port = address.rpartition(":")[2]
    ended = subprocess.run(
        _command(squares / "lib", "--port", port),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("photoseek: the server cannot be run: cannot listen on 127.0.0.1")
    assert ended.stderr.count("\n") == 1
