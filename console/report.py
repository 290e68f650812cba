"""`tminus report LAUNCH`."""

from __future__ import annotations

import click

from console.ledgers import existing_ledger, ledger_option, meant
from launch.report import markdown


@click.command()
@click.argument("launch", required=False)
@ledger_option
@click.option("--format", "form", type=click.Choice(["md"]), default="md", show_default=True)
def report(launch: str | None, url: str | None, form: str) -> None:  # noqa: ARG001  one format so far, checked by click
    """Print the report of LAUNCH (default: the open launch), built from the ledger alone."""
    with existing_ledger(url) as ledger:
        records = ledger.records(meant(ledger, launch))
    click.echo(markdown(records), nl=False)
