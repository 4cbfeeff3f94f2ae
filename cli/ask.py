"""photoseek ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..library.errors import NoVisionModel, PhotoseekError
from .console import plain
from .options import json_option, library_at, library_option, vlm_option
from .output import print_json

if TYPE_CHECKING:
    from ..api import Library


@click.command("ask", short_help="Ask a vision-language model about a picture.")
@click.argument("image", metavar="IMAGE")
@click.argument("question", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Ask anew what was answered before.")
@vlm_option
@library_option
@json_option
def ask_command(
    *, image: str, question: tuple[str, ...], force: bool, vlm: str | None, folder: Path | None, as_json: bool
) -> None:
    """Ask a vision-language model a QUESTION about one IMAGE: a file, or id:N for one of the library's images.

    An answer is kept, so that the same question about the same picture is answered at once. Needs no library.
    """
    from ..search.query.arithmetic import parse_image
    from ..search.query.query import KnownImage, Picture

    words = " ".join(question)
    subject = parse_image(image)
    if not isinstance(subject, KnownImage | Picture):
        raise click.UsageError("IMAGE is a file, or id:N for one of the library's images")
    with library_at(folder, judge=vlm) as library:
        picture = subject.image_id if isinstance(subject, KnownImage) else subject.path
        try:
            answer = library.ask(picture, words, force=force)
        except NoVisionModel:
            if not as_json:
                _offer(library, picture)
            raise
    if as_json:
        print_json({"image": image, "question": words, "answer": answer})
        return
    click.echo(plain(answer))


def _offer(library: Library, picture: Path | int) -> None:
    """Say on stderr what the built-in models can say of the picture, in place of the answer that they cannot give."""
    from ..search.query.query import KnownImage

    try:
        caption = library.caption_of(picture)
        labels = library.describe(KnownImage(picture) if isinstance(picture, int) else picture, vocabulary="imagenet")
    except PhotoseekError:  # the picture, not the model, is what is wrong: the error to come tells enough
        return
    click.echo(f"mini sees: {plain(caption)} ({', '.join(plain(label.text) for label in labels)})", err=True)
