"""`tminus rollback LAUNCH`: the captain's own call."""

from __future__ import annotations

import asyncio

import click

from console.engine import use_engine
from console.ledgers import existing_ledger, ledger_option, meant
from console.output import json_option, print_json
from launch.acts import may_roll_back, plan_of
from launch.errors import RefusedError
from launch.state import fold


@click.command()
@click.argument("launch", required=False)
@click.option("--by", "person", required=True, metavar="PERSON", help="Id of the person who declares it.")
@click.option("--reason", required=True)
@click.option("--trigger", default="captain", show_default=True, help="Id of the plan's trigger, if one is meant.")
@ledger_option
@json_option
def rollback(launch: str | None, url: str | None, person: str, reason: str, trigger: str, *, as_json: bool) -> None:
    """Take LAUNCH back (default: the open one). Exit 0 when the rollback is started, 1 when it is refused."""
    if not reason.strip():
        message = "a rollback needs a reason"
        raise RefusedError(message)
    with existing_ledger(url) as ledger:
        name = meant(ledger, launch)
        records = ledger.records(name)
        plan, state = plan_of(records), fold(records)
        may_roll_back(plan, state, person, trigger)
        product = plan.product.id
    tier = next((one.tier.value for one in plan.rollback.triggers if one.id == trigger), "urgent")
    use_engine()
    from flows.clocks import RealClock
    from flows.runs import PrefectRuns
    from flows.stage import RunKind

    parameters = {"launch": name, "trigger": trigger, "tier": tier, "by": person, "reason": reason}
    # A second call is a second run: the rollback flow itself is safe to start twice, the ledger knows who was first.
    run = asyncio.run(
        PrefectRuns(product, RealClock()).start(
            name, RunKind.ROLLBACK, dict(parameters), key=f"{name}/roll-back/{person}/{state.sequence}"
        )
    )
    if as_json:
        print_json({"launch": name, "run": str(run.id)})
    else:
        click.echo(f"{name}: rolling back in run {run.id}")
