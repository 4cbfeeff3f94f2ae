"""photoseek demo."""

from __future__ import annotations

import click


@click.command("demo", short_help="Try it on sample photographs.")
def demo_command() -> None:
    """Index a few sample photographs into a throw-away library and ask it some questions."""
    from .demo_run import run_demo

    run_demo(click.echo)
