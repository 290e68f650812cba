"""Acts of a person: `attest`, `waive`, `hold`, `slip`. Exit 0 taken, 1 refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import click

from console.ledgers import existing_ledger, launch_clock, ledger_option, machine_clock, meant
from console.output import json_option, print_json
from launch import acts
from launch.errors import PlanError
from launch.events import AnyEvent
from launch.instants import parse_instant
from launch.ledger import Ledger
from launch.moments import parse_duration
from launch.verdicts import Verdict

Command = TypeVar("Command", bound=Callable[..., object])


def _act_options(command: Command) -> Command:
    """What every act takes: whose it is, and which launch of which ledger."""
    by = click.option("--by", "person", required=True, metavar="PERSON", help="Id of the person who acts.")
    launch = click.option("--launch", help="Id of the launch. Default: the open one.")
    return launch(by(ledger_option(json_option(command))))


def _take(
    url: str | None, launch: str | None, act: Callable[[Ledger, str, datetime, datetime], AnyEvent], *, as_json: bool
) -> None:
    """Does an act on the launch's clock and says what was written."""
    with existing_ledger(url) as ledger:
        name = meant(ledger, launch)
        wall = machine_clock()
        event = act(ledger, name, launch_clock(ledger.records(name), wall), wall)
    if as_json:
        print_json({"launch": name, "taken": event.model_dump(mode="json")})
    else:
        click.echo(f"{name}: {event.kind} is on the ledger")


@click.command()
@click.argument("check")
@click.option("--verdict", type=click.Choice(["pass", "fail"]), default="pass", show_default=True)
@click.option("--evidence", default="", help="What it rests on, in words or a link; needed for a fail.")
@_act_options
def attest(
    check: str, verdict: str, evidence: str, person: str, launch: str | None, url: str | None, *, as_json: bool
) -> None:
    """Vouch for CHECK, or against it."""

    def act(ledger: Ledger, name: str, at: datetime, wall: datetime) -> AnyEvent:
        given = Verdict(verdict)
        return acts.attest(ledger, name, check=check, person=person, verdict=given, evidence=evidence, at=at, wall=wall)

    _take(url, launch, act, as_json=as_json)


@click.command()
@click.argument("check")
@click.option("--reason", required=True)
@click.option("--for", "lasting", required=True, help="How long the waiver covers it: 4h, 2d.")
@_act_options
def waive(
    check: str, reason: str, lasting: str, person: str, launch: str | None, url: str | None, *, as_json: bool
) -> None:
    """Cover CHECK, which did not pass, for a time; its verdict stays what it is."""
    try:
        span = parse_duration(lasting)
    except ValueError as error:
        raise PlanError(str(error), where="--for") from error

    def act(ledger: Ledger, name: str, at: datetime, wall: datetime) -> AnyEvent:
        return acts.waive(ledger, name, check=check, person=person, reason=reason, lasting=span, at=at, wall=wall)

    _take(url, launch, act, as_json=as_json)


@click.command()
@click.option("--lift", is_flag=True, help="End the hold.")
@click.option("--reason", default="", help="Needed to hold.")
@_act_options
def hold(*, lift: bool, reason: str, person: str, launch: str | None, url: str | None, as_json: bool) -> None:
    """Hold the launch: no effect begins and no gate opens until the hold is lifted; checks and guards go on."""

    def act(ledger: Ledger, name: str, at: datetime, wall: datetime) -> AnyEvent:
        if lift:
            return acts.lift(ledger, name, person=person, reason=reason, at=at, wall=wall)
        return acts.hold(ledger, name, person=person, reason=reason, at=at, wall=wall)

    _take(url, launch, act, as_json=as_json)


@click.command()
@click.argument("t0")
@click.option("--reason", required=True)
@_act_options
def slip(t0: str, reason: str, person: str, launch: str | None, url: str | None, *, as_json: bool) -> None:
    """Move T0 to T0 (with zone); everything before go-live counts from the new one."""
    moment = parse_instant(t0)

    def act(ledger: Ledger, name: str, at: datetime, wall: datetime) -> AnyEvent:
        return acts.slip(ledger, name, t0=moment, person=person, reason=reason, at=at, wall=wall)

    _take(url, launch, act, as_json=as_json)
