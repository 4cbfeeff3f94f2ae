"""photoseek texts: the library's captions, titles and keywords, found by what they mean."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from .common import json_option, library_at, model_options, print_json, print_scored, top_option


@click.command("texts", short_help="Find captions, titles and keywords by what they mean.")
@click.argument("words", nargs=-1, required=True)
@top_option(default=10)
@model_options
@json_option
def texts_command(*, words: tuple[str, ...], top: int, folder: Path | None, model: str | None, as_json: bool) -> None:
    """Find the captions, titles and keywords nearest in meaning to WORDS, and the images that they are about.

    They need no word in common. `search --texts` looks for the words themselves, `search` in the pictures.
    """
    with library_at(folder, model) as library:
        found = library.texts.search_words(" ".join(words), k=top)
    if as_json:
        print_json(
            [
                {"score": hit.score, **asdict(hit.text), "image": hit.image.id, "path": str(hit.image.path)}
                for hit in found
            ]
        )
        return
    for hit in found:
        print_scored(hit.score, f'"{hit.text.body}"  {hit.text.kind} of {hit.image.path}')
    if not found:
        click.echo("no texts: none of the library's images has words of its own", err=True)
