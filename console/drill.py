"""`tminus drill PLAN`: deploy and roll back where no user is, timed step by step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from console.engine import use_engine
from console.files import read_plan
from console.ledgers import existing_ledger, ledger_option, machine_clock
from console.output import json_option, print_json, print_table
from console.rehearse import new_ledger, prefect_cache, release_of, silence_prefect
from launch.drill import LEAD, drill_plan, refuse_guarded
from launch.drill_figures import DrillFigures, drill_figures, drill_rows
from launch.plan_file import Loaded, plan_hash
from launch.release import Release

if TYPE_CHECKING:
    from sandbox.faults import Fault

SANDBOX = "sandbox"
_NOT_PASSED = 1
_SECONDS_BETWEEN_LOOKS = 1.0


@click.command()
@click.argument("plan")
@click.option("--env", "environment", default=SANDBOX, show_default=True, help="Environment of the plan.")
@click.option("--release", "release_path", metavar="FILE", help="Release file. Default: the plan's versions.")
@click.option("--procedure", help="Rollback procedure. Default: the plan's first.")
@click.option("--by", "person", default="release-captain", show_default=True, metavar="PERSON", help="Who opens it.")
@click.option("--fault", "faults", multiple=True, metavar="KIND[:TARGET]@MOMENT[=VALUE]", help="Sandbox only.")
@click.option("--quiet", is_flag=True, help="Show only the end.")
@ledger_option
@json_option
def drill(
    plan: str, *, environment: str, release_path: str | None, procedure: str | None, person: str,
    faults: Sequence[str], quiet: bool, url: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Deploy PLAN's changes and roll them back, and time both: no gates, no messages, no users.

    In the sandbox it runs here, on a virtual clock; in any other environment on the Prefect server, at its own pace,
    and this command follows it. An environment that a gate guards is refused. Exits 0 when the drill passed (rolled
    back without residue, within every budget of the procedure), 1 when it did not, 2 for something wrong in PLAN.
    """
    loaded = read_plan(plan)
    release = release_of(release_path, loaded.plan)
    refuse_guarded(loaded.plan, environment)
    drilled = drill_plan(loaded.plan, procedure)
    if environment == SANDBOX:
        practice = replace(loaded, plan=drilled, hash=plan_hash(drilled))
        figures = _here(practice, plan, release, faults, url, quiet=quiet or as_json)
    else:
        if faults:
            raise click.UsageError("--fault is for the sandbox; a real environment brings its own")
        figures = _on_the_server(loaded, plan, release, environment, person, procedure, url, quiet=quiet or as_json)
    if as_json:
        print_json(figures.model_dump(mode="json") | {"passed": figures.passed})
    else:
        _show(figures)
    return 0 if figures.passed else _NOT_PASSED


def _here(
    loaded: Loaded, path: str, release: Release, faults: Sequence[str], url: str | None, *, quiet: bool
) -> DrillFigures:
    from sandbox.faults import parse_fault

    injected: list[Fault] = [parse_fault(fault) for fault in faults]
    silence_prefect()
    from console.prefect_server import RehearsalServer

    if not quiet:
        click.secho("starting the sandbox and a Prefect server of its own", dim=True)
    server = RehearsalServer(prefect_cache())
    from console.rehearsal import Request, rehearse
    from console.telling import Teller

    t0 = machine_clock().replace(second=0, microsecond=0) + LEAD + timedelta(minutes=15)
    where = {place: f"{path}: line {line}" for place, line in loaded.lines.items()}
    request = Request(
        plan=loaded.plan, plan_hash=loaded.hash, plan_path=path, ledger_url=url or new_ledger(loaded.plan.product.id),
        release=release, t0=t0, faults=injected, where=where, drill=True,
    )  # fmt: skip
    with Teller(loaded.plan, t0, quiet=quiet) as teller:
        rehearsed = rehearse(request, server, teller.tell)
    return drill_figures(rehearsed.records)


def _on_the_server(  # noqa: PLR0917  one option of the command each
    loaded: Loaded, path: str, release: Release, environment: str, person: str, procedure: str | None,
    url: str | None, *, quiet: bool,
) -> DrillFigures:  # fmt: skip
    use_engine()
    from console.telling import Teller
    from flows.open_drill import open_and_start
    from flows.open_launch import Opening

    opening = Opening(loaded, path, release, machine_clock(), environment, person)
    launch = asyncio.run(open_and_start(opening, procedure or ""))
    if not quiet:
        click.secho(f"{launch} is open; it goes on when this command is interrupted", dim=True)
    with existing_ledger(url) as ledger:
        records = ledger.records(launch)
        figures, told = drill_figures(records), 0
        with Teller(loaded.plan, records[0].at + LEAD, quiet=quiet) as teller:
            while True:
                for record in records[told:]:
                    teller.tell(record)
                told, figures = len(records), drill_figures(records)
                if figures.ended_at is not None:
                    return figures
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                records = ledger.records(launch)


def _show(figures: DrillFigures) -> None:
    click.echo()
    rows = list(drill_rows(figures))
    print_table(("", "Step", "Began", "Took", "Budget", "Result"), [tuple(row.values()) for row in rows])
    click.echo()
    click.secho(f"{figures.launch} in {figures.environment}: {'PASSED' if figures.passed else 'NOT PASSED'}", bold=True)
    for failure in figures.failures:
        click.echo(f"  {failure}")
