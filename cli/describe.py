"""photoseek describe and photoseek classify: image to text."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from ..library.errors import ImageUnreadable
from .common import PATH, json_option, library_at, model_options, path_or_id, print_json, print_scored, top_option
from .console import CountLine, plain


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
@click.option("--language", metavar="CODE", help="Labels in this language, as in zh or pt, where its names are known.")
@click.option("--texts", is_flag=True, help="The library's nearest captions, titles and keywords as well.")
@model_options
@json_option
def describe_command(  # noqa: PLR0913 - one for each option
    *,
    image: str,
    top: int,
    vocabulary: str,
    language: str | None,
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
            labels = library.describe(picture, k=top, vocabulary=vocabulary, language=language, progress=progress)
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


@click.command("classify", short_help="Choose among your own labels for each image.")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=PATH)
@click.option("--labels", required=True, metavar="A,B,...", help="Two labels or more, with commas between them.")
@model_options
@json_option
def classify_command(
    *, images: tuple[Path, ...], labels: str, folder: Path | None, model: str | None, as_json: bool
) -> None:
    """Choose among your own labels for each IMAGE; the chances sum to 1. Needs no library.

    Files that cannot be read are told of, and end the command with exit code 1 when the others are done.
    """
    unreadable: list[ImageUnreadable] = []
    with library_at(folder, model) as library:
        answers = library.classify(images, labels.split(","), on_unreadable=unreadable.append)
    if as_json:
        print_json([{"path": str(one.path), "labels": [asdict(label) for label in one.labels]} for one in answers])
    else:
        for one in answers:
            chances = ", ".join(f"{label.text} {label.probability:.0%}" for label in one.labels)
            click.echo(f"{plain(str(one.path))}: {plain(chances)}")
    for error in unreadable:
        click.echo(f"photoseek: {plain(str(error))}", err=True)
    if unreadable:
        sys.exit(1)
