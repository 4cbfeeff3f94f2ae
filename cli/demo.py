"""photoseek demo: scikit-image's sample photographs, a throw-away library, and a handful of questions."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import click

from ..library.errors import DemoUnavailable

_QUESTIONS = ("a cat", "a cup of coffee", "a rocket launch", "a motorcycle", "an astronaut")
_TOP = 3


def run_demo(echo: Callable[[str], None]) -> None:
    """Index the samples, ask the questions, and tell through `echo` what was found.

    Raises:
        DemoUnavailable: scikit-image is not installed.
    """
    from ..api import Library
    from ..search.query.query import Query, Term, Words

    photographs = _photographs()
    with tempfile.TemporaryDirectory(prefix="photoseek-demo-") as folder, Library(folder) as library:
        report = library.index([photographs])
        echo(f"indexed {report.new} pictures from {photographs}")
        for question in _QUESTIONS:
            echo(f'\nphotoseek search "{question}" -k {_TOP} --threshold auto')
            hits = library.search(Query((Term(Words(question)),), k=_TOP, threshold="auto"))
            for hit in hits:
                echo(f"{hit.score:6.3f}  {hit.image.path.name}")
            if not hits:
                echo("nothing here matches")
        first = library.search(_QUESTIONS[0], k=1)[0].image.path
        echo(f"\nphotoseek describe {first.name} --vocabulary imagenet")
        for label in library.describe(first, k=_TOP, vocabulary="imagenet"):
            echo(f"{label.score:6.3f}  {label.text}")
    echo(
        "\nThat was the built-in model. It is small and knows few people, so the astronaut among the samples stays\n"
        "unfound; a larger one, such as --model ViT-B-32/laion2b_s34b_b79k, knows more. Now your own pictures:\n"
        "  photoseek index ~/Pictures\n"
        '  photoseek search "a dog running on a beach"'
    )


def _photographs() -> Path:
    # Found without importing scikit-image, which would load half of SciPy.
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise DemoUnavailable
    return Path(spec.submodule_search_locations[0]) / "data"


@click.command("demo", short_help="Try it on sample photographs.")
def demo_command() -> None:
    """Index a few sample photographs into a throw-away library and ask it some questions."""
    run_demo(click.echo)
