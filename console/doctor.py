"""`tminus doctor PLAN`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from pydantic import JsonValue

from console.engine import UP_FILE
from console.files import read_plan
from console.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from console.examination import Diagnosis

READY, NOT_READY = 0, 1
_SANDBOX = "sandbox"


@click.command()
@click.argument("plan")
@click.option("--env", "environment", default=_SANDBOX, show_default=True, help="Environment of the plan.")
@click.option(
    "--longest",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long one system may take.",
)
@json_option
def doctor(plan: str, *, environment: str, longest: float, as_json: bool) -> int:
    """Resolve and check every block that PLAN needs in an environment, before anything is touched.

    Nothing is changed: each block proves that its system answers, takes the credentials and grants what a launch
    needs. The sandbox is that of `tminus up` in this directory, else one that is started for the question. Exits 0 when
    all are ready, 1 when one is missing or fails, 2 for something wrong in PLAN or an option.
    """
    loaded = read_plan(plan)
    if not as_json:
        click.secho(f"checking the systems of environment {environment}", dim=True, err=True)
    from console.shelves import checked_in_a_sandbox, checked_on_the_server, environment_of

    place = environment_of(loaded.plan, environment)
    if environment == _SANDBOX and not UP_FILE.exists():
        found = checked_in_a_sandbox(loaded.plan, place, longest)
    else:
        found = checked_on_the_server(loaded.plan, place, longest)
    faulty = [one for one in found if one.condition != "ready"]
    if as_json:
        print_json(_document(plan, environment, found))
    else:
        rows = [(one.system, one.block, one.condition.value, one.sentence) for one in found]
        print_table(("system", "block", "is", "because"), rows)
        click.echo(f"{len(found) - len(faulty)} of {len(found)} are ready")
    return NOT_READY if faulty else READY


def _document(plan: str, environment: str, found: Sequence[Diagnosis]) -> JsonValue:
    systems: list[JsonValue] = [one.model_dump(mode="json") for one in found]
    return {
        "plan": plan,
        "environment": environment,
        "ready": all(one.condition == "ready" for one in found),
        "systems": systems,
    }
