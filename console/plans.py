"""`tminus plans ids PLAN`."""

from __future__ import annotations

import click

from console.files import read_plan
from console.output import json_option, print_json
from launch.plan_ids import ids_by_kind


@click.group()
def plans() -> None:
    """Look into plans."""


@plans.command()
@click.argument("plan")
@json_option
def ids(plan: str, *, as_json: bool) -> None:
    """Print every id of PLAN by kind."""
    found = ids_by_kind(read_plan(plan).plan)
    if as_json:
        print_json({kind: list(names) for kind, names in found.items()})
        return
    for kind, names in found.items():
        for name in names:
            click.echo(f"{kind}\t{name}")
