"""`tminus rehearse PLAN`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import JsonValue

from console.engine import STATE_DIRECTORY
from console.files import read_plan, read_text
from console.ledgers import ledger_url, machine_clock
from console.output import json_option, print_json
from launch.ballots_file import Ballots, load_ballots
from launch.errors import PlanError
from launch.events import Outcome
from launch.instants import parse_instant
from launch.moments import parse_offset
from launch.plan import Plan
from launch.release import Release
from launch.release_file import load_release

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from console.rehearsal import Rehearsed

_UNFINISHED = 6
EXIT = {Outcome.LIVE: 0, Outcome.NO_GO: 3, Outcome.ROLLED_BACK: 4, Outcome.PARTIAL: 5}


class _Rehearse(click.Command):
    """Lists the kinds of faults below the options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        from sandbox.faults import KINDS

        with formatter.section("Faults"):
            formatter.write_dl([(kind.example, kind.what) for kind in KINDS.values()])


@click.command(cls=_Rehearse)
@click.argument("plan")
@click.option("--t0", help="T0 with its zone. Default: the plan's usual weekday and time, soon enough for every phase.")
@click.option("--release", "release_path", help="Release file. Default: the versions that the plan names.")
@click.option("--fault", "faults", multiple=True, metavar="KIND[:TARGET]@MOMENT[=VALUE]", help="A fault; kinds below.")
@click.option("--ballots", "ballots_path", help="What people say: gate to person, decision, reason. Default: all GO.")
@click.option("--until", help="Stop the clock after this offset from T0, e.g. T+1h.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the sandbox's world.")
@click.option("--realtime", is_flag=True, help="Let the clock run as on the day instead of jumping.")
@click.option("--ledger", "url", help="URL of the ledger. Default: a new file under .tminus/rehearsals.")
@click.option("--quiet", is_flag=True, help="Show only the end.")
@json_option
def rehearse(
    plan: str, *, t0: str | None, release_path: str | None, faults: Sequence[str], ballots_path: str | None,
    until: str | None, seed: int, realtime: bool, url: str | None, quiet: bool, as_json: bool,
) -> int:  # fmt: skip
    """Run the whole launch of PLAN in the sandbox, on a virtual clock, through the flows that run it on the day.

    Exits 0 live (or stopped by --until), 3 NO-GO, 4 rolled back, 5 partial rollback, 6 at a standstill: it waits for
    what does not come in a rehearsal; 2 for something wrong in PLAN or an option.
    """
    loaded = read_plan(plan)
    release = release_of(release_path, loaded.plan)
    ballots = load_ballots(read_text(ballots_path), loaded.plan, ballots_path) if ballots_path else Ballots()
    moment = parse_instant(t0) if t0 else None
    last = _offset(until) if until else None
    from sandbox.faults import parse_fault

    injected = [parse_fault(fault) for fault in faults]
    silence_prefect()
    from console.prefect_server import RehearsalServer

    if not (quiet or as_json):
        click.secho("starting the sandbox and a Prefect server of its own", dim=True)
    # Its process starts while this one still imports.
    server = RehearsalServer(prefect_cache())
    from console.rehearsal import Request, default_t0, rehearse
    from console.telling import Teller

    instant: datetime = moment or default_t0(loaded.plan, machine_clock())
    where = url or new_ledger(loaded.plan.product.id)
    where_paths = {path: f"{plan}: line {line}" for path, line in loaded.lines.items()}
    request = Request(
        plan=loaded.plan, plan_hash=loaded.hash, plan_path=plan, ledger_url=where, release=release, t0=instant,
        ballots=ballots, faults=injected, until=last, seed=seed, realtime=realtime, where=where_paths,
    )  # fmt: skip
    with Teller(loaded.plan, instant, quiet=quiet or as_json) as teller:
        rehearsed = rehearse(request, server, teller.tell)
    document = _document(rehearsed, plan, where)
    if as_json:
        print_json(document)
    else:
        teller.close(rehearsed, where)
    outcome = rehearsed.state.outcome
    if outcome is None:
        return _UNFINISHED if rehearsed.standstill else 0
    return EXIT[outcome]


def release_of(path: str | None, plan: Plan) -> Release:
    if path is not None:
        return load_release(read_text(path), plan, path)
    services = {service.id: service.version for service in plan.rollout.services if service.version}
    return Release(version=next(iter(services.values()), "unversioned"), services=services)


def _offset(text: str) -> timedelta:
    try:
        return parse_offset(text)
    except ValueError as error:
        raise PlanError(str(error), where="--until") from error


def silence_prefect() -> None:
    """Prefect reads its settings when it is imported; a rehearsal's own lines are what the captain watches."""
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_LOGGERS_PREFECT_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")


def new_ledger(product: str) -> str:
    directory = STATE_DIRECTORY / "rehearsals"
    directory.mkdir(parents=True, exist_ok=True)
    return ledger_url(f"sqlite:///{directory / f'{product}-{machine_clock():%Y%m%dT%H%M%S%f}.db'}")


def prefect_cache() -> Path:
    return STATE_DIRECTORY / "cache"


def _document(rehearsed: Rehearsed, plan: str, url: str) -> JsonValue:
    from console.rehearsal_summary import summary

    return summary(rehearsed) | {"plan": plan, "ledger": url}
