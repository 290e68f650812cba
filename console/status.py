"""`tminus status [LAUNCH]`."""

from __future__ import annotations

import time

import click

from console.ledgers import existing_ledger, launch_clock, ledger_option, machine_clock, meant
from console.output import json_option, print_json, print_table
from launch.acts import plan_of
from launch.ledger import Ledger
from launch.moments import format_duration
from launch.state import fold
from launch.status import Status, StepLine
from launch.status import status as status_of

_SECONDS_BETWEEN_LOOKS = 1.0


@click.command()
@click.argument("launch", required=False)
@click.option("--watch", is_flag=True, help="Look again every second until the launch is over.")
@ledger_option
@json_option
def status(launch: str | None, url: str | None, *, watch: bool, as_json: bool) -> None:
    """Show where LAUNCH stands (default: the open launch): clock, phases, gates, guards, what is next, what blocks."""
    if watch and as_json:
        raise click.UsageError("--watch and --json do not go together; --json prints one document")
    with existing_ledger(url) as ledger:
        name = meant(ledger, launch)
        while True:
            seen = _look(ledger, name)
            if as_json:
                print_json(seen)
                return
            if watch:
                click.clear()
            _show(seen)
            if not watch or seen.outcome:
                return
            time.sleep(_SECONDS_BETWEEN_LOOKS)


def _look(ledger: Ledger, name: str) -> Status:
    records = ledger.records(name)
    state = fold(records)
    now = launch_clock(records, machine_clock())
    # A launch that is over is shown as it ended.
    return status_of(plan_of(records), state, state.last_at if state.outcome and state.last_at else now)


def step_words(step: StepLine) -> str:
    """The step of the rollout in a line or two: where it is, for how long yet, and why it stays."""
    planned = "" if step.percent is None else f" {step.percent:g} %"
    live = _share(step.exposure)
    hold = f"{format_duration(step.hold_left)} of its hold left" if step.entered else "not entered"
    clean = f", {step.clean} of {step.clean_needed} clean samples" if step.clean_needed else ""
    stays = f"\n  stays: {step.held}" if step.held else ""
    return f"Step {step.n}{planned} ({step.target}): live exposure {live}, {hold}{clean}{stays}"


def _share(exposure: float | None) -> str:
    return "not known" if exposure is None else f"{exposure:g} %"


def _show(seen: Status) -> None:
    held = f"  HELD by {seen.held}" if seen.held else ""
    ended = f"  {seen.outcome.upper()}" if seen.outcome else ""
    click.echo(f"{seen.clock}  {seen.launch}  {seen.product} {seen.release}  ({seen.environment}){held}{ended}\n")
    if seen.exposure_held:
        click.echo(f"EXPOSURE HELD by {seen.exposure_held}\n")
    print_table(("Phase", "Standing", "Reason"), [(one.phase, one.standing, one.reason) for one in seen.phases])
    click.echo(f"\nChecks: {', '.join(f'{count} {name}' for name, count in seen.checks.items())}\n")
    print_table(
        ("Gate", "Standing", "Ballots", "Waits for"),
        [(one.id, one.standing, ", ".join(one.ballots), ", ".join(one.missing)) for one in seen.gates],
    )
    if seen.guards:
        click.echo()
        values = [(one.id, one.state, "no data" if one.value is None else f"{one.value:g}") for one in seen.guards]
        print_table(("Guard", "State", "Value"), values)
    if seen.step:
        click.echo(f"\n{step_words(seen.step)}")
    if seen.services:
        click.echo()
        rows = [(one.id, one.version, one.standing, _share(one.exposure)) for one in seen.services]
        print_table(("Service", "Version", "Change", "Live exposure"), rows)
    if seen.next:
        click.echo()
        print_table(("Next", "Kind", "Id"), [(one.clock, one.kind, one.id) for one in seen.next])
    if seen.blocks:
        click.echo("\nBlocks:")
        for sentence in seen.blocks:
            click.echo(f"  {sentence}")
