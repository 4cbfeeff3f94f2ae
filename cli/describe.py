"""photoseek describe."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from .console import CountLine
from .options import json_option, library_at, model_options, path_or_id, top_option
from .output import print_json, print_scored


@click.command("describe", short_help="Say in words what an image shows.")
@click.argument("image", metavar="IMAGE|id:N")
@top_option(default=5)
@click.option(
    "--vocabulary",
    type=click.Choice(["nouns", "imagenet"]),
    default="nouns",
    show_default=True,
    help="Nouns: 12,000 things that can be photographed, or ImageNet's 1,000 classes.",
)
@click.option("--texts", is_flag=True, help="The library's nearest captions, titles and keywords as well.")
@model_options
@json_option
def describe_command(  # noqa: PLR0913 - one for each option
    *,
    image: str,
    top: int,
    vocabulary: str,
    texts: bool,
    folder: Path | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Say in words what IMAGE shows: the nearest labels, best first.

    A file needs no library, but for --texts; id:N is an image of the library, as `search --json` tells it. A model's
    first meeting with a vocabulary takes a minute or so; the vectors of its words are kept.
    """
    picture = path_or_id(image)
    with library_at(folder, model) as library:
        with CountLine(sys.stderr, "labels") as progress:
            labels = library.describe(picture, k=top, vocabulary=vocabulary, progress=progress)
        found = library.texts.search(picture, k=top) if texts else []
    if as_json:
        answer: object = [asdict(label) for label in labels]
        if texts:
            said = [
                {"score": hit.score, **asdict(hit.text), "image": hit.image.id, "path": str(hit.image.path)}
                for hit in found
            ]
            answer = {"labels": answer, "texts": said}
        print_json(answer)
        return
    for label in labels:
        print_scored(label.score, label.text)
    for hit in found:
        print_scored(hit.score, f'"{hit.text.body}"  {hit.text.kind} of {hit.image.path}')
