"""`tminus lint PLAN`."""

from __future__ import annotations

from collections.abc import Sequence

import click
from pydantic import JsonValue

from console.files import read_plan
from console.output import json_option, print_json
from launch.findings import InvalidFileError, PlanFinding, on_lines
from launch.plan_rules import remarks

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
        return _told(plan, error.findings, as_json=as_json)
    found = on_lines(remarks(loaded.plan), loaded.lines)
    if found:
        return _told(plan, found, as_json=as_json, of=loaded.hash)
    if as_json:
        print_json({"plan": plan, "findings": [], "hash": loaded.hash})
    else:
        plural = f"{len(loaded.plan.checks)} checks, {len(loaded.plan.actions)} actions, {len(loaded.plan.gates)} gates"
        click.echo(f"{plan}: valid; {plural}")
    return CLEAN


def _told(plan: str, findings: Sequence[PlanFinding], *, as_json: bool, of: str = "") -> int:
    """Tells the findings; `of` is the hash of a plan that can be launched all the same."""
    if as_json:
        document: dict[str, JsonValue] = {
            "plan": plan,
            "findings": [finding.model_dump(mode="json") for finding in findings],
        }
        print_json(document | {"hash": of} if of else document)
        return FOUND
    for finding in findings:
        place = f"{plan}:{finding.line}" if finding.line else plan
        click.echo(f"{place}: {finding.model_copy(update={'line': 0})}")
    click.echo(f"{len(findings)} findings", err=True)
    return FOUND
