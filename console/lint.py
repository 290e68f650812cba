"""`tminus lint PLAN`."""

from __future__ import annotations

import click
from pydantic import JsonValue

from console.files import read_plan
from console.output import json_option, print_json
from launch.findings import InvalidFileError

CLEAN, FOUND = 0, 1


@click.command()
@click.argument("plan")
@json_option
def lint(plan: str, *, as_json: bool) -> int:
    """Validate and review PLAN.

    Each finding has a code, a path, a line, what is wrong and what would be right. Exits 0 clean, 1 with findings,
    2 for a file that cannot be read or is not YAML.
    """
    try:
        loaded = read_plan(plan)
    except InvalidFileError as error:
        if as_json:
            found: list[JsonValue] = [finding.model_dump(mode="json") for finding in error.findings]
            print_json({"plan": plan, "findings": found})
        else:
            for finding in error.findings:
                place = f"{plan}:{finding.line}" if finding.line else plan
                click.echo(f"{place}: {finding.model_copy(update={'line': 0})}")
            click.echo(f"{len(error.findings)} findings", err=True)
        return FOUND
    if as_json:
        print_json({"plan": plan, "findings": [], "hash": loaded.hash})
    else:
        plural = f"{len(loaded.plan.checks)} checks, {len(loaded.plan.actions)} actions, {len(loaded.plan.gates)} gates"
        click.echo(f"{plan}: valid; {plural}")
    return CLEAN
