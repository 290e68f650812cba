"""Acts of a person: `attest`, `waive`, `hold`, `slip`. Exit 0 taken, 1 refused with the reason."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import click

from console.ledgers import existing_ledger, launch_clock, ledger_option, machine_clock, meant
from console.output import json_option, print_json
from console.waking import settle_open_gates
from launch import acts
from launch.errors import PlanError
from launch.events import AnyEvent, CheckAttested, CheckWaived
from launch.instants import parse_instant
from launch.ledger import Ledger
from launch.moments import parse_duration
from launch.verdicts import Verdict

_ANSWERS = (CheckAttested, CheckWaived)
"""Acts that may be the last thing an open gate waits for."""


class Act(Protocol):
    """Something a person does to a launch, with the instants of both clocks. Raises `RefusedError`."""

    def __call__(self, ledger: Ledger, launch: str, *, at: datetime, wall: datetime) -> AnyEvent: ...


def _act(command: Callable[..., Act]) -> Callable[..., None]:
    """Makes a command of what builds an act: adds whose it is and on which launch, does it, says what was written."""

    @click.option("--by", "person", required=True, metavar="PERSON", help="Id of the person who acts.")
    @click.option("--launch", help="Id of the launch. Default: the open one.")
    @ledger_option
    @json_option
    @functools.wraps(command)
    def taken(*, launch: str | None, url: str | None, as_json: bool, **options: object) -> None:
        act = command(**options)
        with existing_ledger(url) as ledger:
            name = meant(ledger, launch)
            wall = machine_clock()
            at = launch_clock(ledger.records(name), wall)
            event = act(ledger, name, at=at, wall=wall)
            decided = settle_open_gates(ledger, name, at=at, wall=wall) if isinstance(event, _ANSWERS) else []
        if as_json:
            print_json({"launch": name, "taken": event.model_dump(mode="json"), "decided": list(decided)})
        else:
            click.echo(f"{name}: {event.kind} is on the ledger")
            for sentence in decided:
                click.echo(f"{name}: {sentence}")

    return taken


@click.command()
@click.argument("check")
@click.option("--verdict", type=click.Choice(["pass", "fail"]), default="pass", show_default=True)
@click.option("--evidence", default="", help="What it rests on, in words or a link; needed for a fail.")
@_act
def attest(check: str, verdict: str, evidence: str, person: str) -> Act:
    """Vouch for CHECK, or against it."""
    return functools.partial(acts.attest, check=check, person=person, verdict=Verdict(verdict), evidence=evidence)


@click.command()
@click.argument("check")
@click.option("--reason", required=True)
@click.option("--for", "lasting", required=True, help="How long the waiver covers it: 4h, 2d.")
@_act
def waive(check: str, reason: str, lasting: str, person: str) -> Act:
    """Cover CHECK, which did not pass, for a time; its verdict stays what it is."""
    try:
        span = parse_duration(lasting)
    except ValueError as error:
        raise PlanError(str(error), where="--for") from error
    return functools.partial(acts.waive, check=check, person=person, reason=reason, lasting=span)


@click.command()
@click.option("--lift", is_flag=True, help="End the hold.")
@click.option("--exposure", is_flag=True, help="Hold only the rollout at its exposure; all other work goes on.")
@click.option("--reason", default="", help="Needed to hold.")
@_act
def hold(*, lift: bool, exposure: bool, reason: str, person: str) -> Act:
    """Hold the launch: no effect begins and no gate opens until the hold is lifted; checks and guards go on.

    With --exposure only the rollout is held: no step advances, everything else goes on.
    """
    if exposure:
        return functools.partial(acts.release_exposure if lift else acts.hold_exposure, person=person, reason=reason)
    return functools.partial(acts.lift if lift else acts.hold, person=person, reason=reason)


@click.command()
@click.argument("t0")
@click.option("--reason", required=True)
@_act
def slip(t0: str, reason: str, person: str) -> Act:
    """Move T0 to the instant T0 (with zone); everything before go-live counts from the new one."""
    return functools.partial(acts.slip, t0=parse_instant(t0), person=person, reason=reason)
