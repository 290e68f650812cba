"""Which ledger a command works on, and the launch in it that is meant."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from console.engine import STATE_DIRECTORY, UP_FILE, use_engine
from launch.errors import PlanError
from launch.events import ClockSet, LaunchOpened
from launch.ledger import Record, UnknownLaunchError
from launch.pace import Pace

if TYPE_CHECKING:
    from blocks.ledger import SqlLedger

Command = TypeVar("Command", bound=Callable[..., object])


def ledger_option(command: Command) -> Command:
    """Adds `--ledger` (or the environment variable TMINUS_LEDGER_URL)."""
    return click.option(
        "--ledger",
        "url",
        envvar="TMINUS_LEDGER_URL",
        help="URL of the ledger. Default: that of `tminus up` in this directory, else .tminus/ledger.db.",
    )(command)


def ledger_url(option: str | None) -> str:
    """The URL that is meant: the option, else what `tminus up` wrote here, else a file of this directory."""
    if option:
        return option
    try:
        written = json.loads(UP_FILE.read_text(encoding="utf-8"))
        return str(written["ledger"])
    except FileNotFoundError:
        return f"sqlite:///{STATE_DIRECTORY / 'ledger.db'}"
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = "it does not name a ledger; run tminus down and tminus up again, or use --ledger"
        raise PlanError(problem, where=str(UP_FILE)) from error


@contextmanager
def existing_ledger(option: str | None) -> Iterator[SqlLedger]:
    """A ledger that is there already. Raises `PlanError` for one that is not: a typing mistake makes no empty file.

    A launch that is not in it is a `PlanError` too.
    """
    # What keeps the ledger imports Prefect: afterwards it is too late to say which server is meant.
    use_engine()
    from blocks.ledger import open_ledger

    url = ledger_url(option)
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).expanduser().exists():
        problem = f"there is no ledger at {path}; open a launch first, or name the ledger with --ledger"
        raise PlanError(problem)
    ledger = open_ledger(url)
    try:
        yield ledger
    except UnknownLaunchError as error:
        raise PlanError(str(error)) from error
    finally:
        ledger.close()


def meant(ledger: SqlLedger, launch: str | None) -> str:
    """The launch that is named, else the only open one, else the newest. Raises `PlanError` if that is not clear."""
    if launch is not None:
        return launch
    launches = ledger.launches()
    if not launches:
        problem = "there is no launch in this ledger"
        raise PlanError(problem)
    open_ones = [one for one in launches if _is_open(ledger, one)]
    if len(open_ones) > 1:
        problem = f"{len(open_ones)} launches are open: {', '.join(open_ones)}; name one"
        raise PlanError(problem)
    return open_ones[0] if open_ones else launches[-1]


def machine_clock() -> datetime:
    """The machine's clock, aware UTC."""
    return datetime.now(UTC)


def launch_clock(records: Sequence[Record], wall: datetime) -> datetime:
    """What the launch's own clock shows at a wall instant: a compressed clock runs apart from the machine's."""
    return Pace(record.event for record in records if isinstance(record.event, ClockSet)).shows(wall)


def _is_open(ledger: SqlLedger, launch: str) -> bool:
    first = ledger.records(launch)[0].event
    return isinstance(first, LaunchOpened) and ledger.open_launch(first.product) == launch
