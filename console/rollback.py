"""`tminus rollback LAUNCH`: the captain's own call, or a trigger that somebody saw."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass

import click

from console.engine import asking_engine
from console.ledgers import existing_ledger, launch_clock, ledger_option, machine_clock, meant
from console.output import json_option, print_json
from launch.acts import may_roll_back, plan_of, report_trigger
from launch.errors import RefusedError
from launch.ledger import Ledger
from launch.state import LaunchState, fold
from launch.triggers import decides_alone


@click.command()
@click.argument("launch", required=False)
@click.option("--by", "person", required=True, metavar="PERSON", help="Id of the person who declares it.")
@click.option("--reason", required=True)
@click.option("--trigger", default="captain", show_default=True, help="Id of the plan's trigger, if one is meant.")
@click.option("--procedure", default="", help="Id of the procedure. Default: the trigger's, else the plan's first.")
@ledger_option
@json_option
def rollback(
    launch: str | None,
    url: str | None,
    *,
    person: str,
    reason: str,
    trigger: str,
    procedure: str,
    as_json: bool,
) -> None:
    """Take LAUNCH back (default: the open one).

    A trigger that PERSON may not decide alone is reported instead, and the gate of its tier opens. Exit 0 when the
    rollback is started or the trigger is reported, 1 when that is refused.
    """
    if not reason.strip():
        message = "a rollback needs a reason"
        raise RefusedError(message)
    with existing_ledger(url) as ledger:
        name = meant(ledger, launch)
        records = ledger.records(name)
        plan, state = plan_of(records), fold(records)
        named = next((one for one in plan.rollback.triggers if one.id == trigger), None)
        if named is not None and not decides_alone(plan, person, named.tier.value):
            _report(ledger, name, trigger, person, reason, as_json=as_json)
            return
        may_roll_back(plan, state, person, trigger, procedure)
        product = plan.product.id
    tier = named.tier.value if named is not None else "urgent"
    _start(name, state, product, _Call(trigger, tier, person, reason, procedure), as_json=as_json)


@dataclass(frozen=True)
class _Call:
    """A person's decision to go back, as the rollback flow takes it."""

    trigger: str
    tier: str
    by: str
    reason: str
    procedure: str


def _report(ledger: Ledger, name: str, trigger: str, person: str, reason: str, *, as_json: bool) -> None:
    wall = machine_clock()
    at = launch_clock(ledger.records(name), wall)
    event = report_trigger(ledger, name, trigger=trigger, person=person, reason=reason, at=at, wall=wall)
    if as_json:
        print_json({"launch": name, "taken": event.model_dump(mode="json")})
    else:
        click.echo(f"{name}: {trigger} is reported; its gate opens at the launch's next look")


def _start(name: str, state: LaunchState, product: str, call: _Call, *, as_json: bool) -> None:
    from flows.clocks import RealClock
    from flows.runs import PrefectRuns
    from flows.stage import RunKind

    parameters = {"launch": name, **asdict(call)}
    # A second call is a second run: the rollback flow itself is safe to start twice, the ledger knows who was first.
    key = f"{name}/roll-back/{call.by}/{state.sequence}"
    with asking_engine():
        run = asyncio.run(PrefectRuns(product, RealClock()).start(name, RunKind.ROLLBACK, parameters, key=key))
    if as_json:
        print_json({"launch": name, "run": str(run.id)})
    else:
        click.echo(f"{name}: rolling back in run {run.id}")
