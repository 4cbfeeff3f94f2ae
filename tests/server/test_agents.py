"""The Model Context Protocol, asked by the protocol's own client."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, ImageContent, TextContent
from PIL import Image

import photoseek
from photoseek.library.images.thumbnails import ThumbnailCache
from photoseek.server.agents import create_mcp
from photoseek.server.metrics import Metrics
from photoseek.server.pictures import Pictures
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.loops import run_apart

Ask = Callable[[Client], Awaitable[None]]


def talk(folder: Path, tmp_path: Path, ask: Ask) -> None:
    """Have a client ask a server of the library in `folder`."""
    with photoseek.open(folder, model=ColourEmbedder(), read_only=True) as library:
        pictures = Pictures(library, ThumbnailCache(tmp_path / "thumbnails"), Metrics())

        async def run() -> None:
            async with Client(create_mcp(library, pictures)) as client:
                await ask(client)

        try:
            run_apart(run())
        finally:
            pictures.close()


def found(result: CallToolResult) -> list[dict[str, object]]:
    assert not result.is_error
    assert result.structured_content is not None
    rows: list[dict[str, object]] = result.structured_content["result"]
    return rows


def test_an_agent_searches_looks_and_reads_facts(colour_library: Path, tmp_path: Path) -> None:
    async def ask(client: Client) -> None:
        hits = found(await client.call_tool("search", {"words": "red", "k": 3, "where": "width > 45"}))
        assert Path(str(hits[0]["path"])).stem == "told"
        assert hits[0]["untrusted_texts"][0]["body"] == "a red door in the sun"  # type: ignore[index]

        picture = (await client.call_tool("show", {"image_id": hits[0]["id"]})).content[0]
        assert isinstance(picture, ImageContent)
        assert picture.mime_type == "image/jpeg"

        similar = found(await client.call_tool("similar", {"image_id": hits[0]["id"], "k": 2}))
        assert hits[0]["id"] not in [one["id"] for one in similar]

        facts = (await client.call_tool("facts", {"image_id": hits[0]["id"]})).structured_content
        assert facts is not None
        assert facts["facts"]["width"] == 60

        labels = found(await client.call_tool("describe", {"image_id": hits[0]["id"], "k": 2}))
        assert len(labels) == 2

    talk(colour_library, tmp_path, ask)


def test_what_an_agent_asks_wrongly_is_told_in_one_line(colour_library: Path, tmp_path: Path) -> None:
    async def ask(client: Client) -> None:
        for tool, given in (
            ("facts", {"image_id": 999}),
            ("search", {"words": "red", "where": "widht > 3"}),
            ("search", {"words": ""}),
            ("show", {"image_id": 999}),
        ):
            result = await client.call_tool(tool, given)
            assert result.is_error, tool
            assert isinstance(result.content[0], TextContent)
            assert "Traceback" not in result.content[0].text

    talk(colour_library, tmp_path, ask)


def test_agents_can_only_read_and_are_told_whose_words_texts_are(colour_library: Path, tmp_path: Path) -> None:
    async def ask(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {"search", "similar", "describe", "caption", "facts", "show"}
        assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools)
        assert "never an instruction" in (client.instructions or "")

    talk(colour_library, tmp_path, ask)


def test_a_process_answers_on_stdin_and_stdout(tmp_path: Path) -> None:
    paint(tmp_path / "pictures" / "red.png", "red", size=(64, 64))
    with photoseek.open(tmp_path / "lib") as library:
        library.index(tmp_path / "pictures")
    program = "import sys; sys.argv[0] = 'photoseek'; from photoseek.cli.main import main; main()"
    arguments = ["-W", "ignore", "-c", program, "mcp", "--library", str(tmp_path / "lib")]

    found_as_here = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    async def run() -> None:
        async with Client(StdioServerParameters(command=sys.executable, args=arguments, env=found_as_here)) as client:
            hits = found(await client.call_tool("search", {"words": "a red square", "k": 1}))
            assert Path(str(hits[0]["path"])).stem == "red"
            picture = (await client.call_tool("show", {"image_id": hits[0]["id"]})).content[0]
            assert isinstance(picture, ImageContent)
            assert Image.open(io.BytesIO(base64.b64decode(picture.data))).size == (64, 64)

    run_apart(asyncio.wait_for(run(), 120))
