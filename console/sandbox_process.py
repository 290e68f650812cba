"""The sandbox as a process of its own: `tminus up` starts it beside the Prefect server.

Its world follows the clock of the newest sandbox launch in the ledger, and begins anew with each launch: all parts
before the first, then those that the launch's plan uses.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from prefect import get_client
from prefect.variables import Variable
from pydantic import JsonValue

from blocks.ledger import SqlLedger, open_ledger
from deployments.registration import save_blocks, wait_for_server
from flows.open_launch import WORLD
from launch.acts import plan_of
from launch.events import ClockSet, LaunchOpened
from launch.pace import Pace
from sandbox.ports import free_port
from sandbox.town import Town
from sandbox.world import World

_LOOK_SECONDS = 0.5
_FRESH_SECONDS = 0.02
_SANDBOX = "sandbox"
_AHEAD = timedelta(days=8)


class FollowedClock:
    """The launch clock as the ledger tells it; the wall clock while no launch is open. Read from server threads."""

    def __init__(self, ledger: SqlLedger) -> None:
        self._ledger = ledger
        self._pace = Pace()
        self._launch = ""
        self._seen = 0
        self._read = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The moment the launch is at, by the anchors that are in the ledger now.

        An anchor seen late would put the world behind the launch: what is asked about the present would be its future.
        """
        with self._lock:
            if self._launch and time.monotonic() - self._read > _FRESH_SECONDS:
                self._catch_up()
            return self._pace.shows(datetime.now(UTC))

    def follow(self, launch: str) -> None:
        """Shows this launch's clock from now on."""
        with self._lock:
            if launch != self._launch:
                self._launch, self._seen, self._pace = launch, 0, Pace()
            self._catch_up()

    def _catch_up(self) -> None:
        for record in self._ledger.records(self._launch, after=self._seen):
            self._seen = record.sequence
            if isinstance(record.event, ClockSet):
                self._pace.take(record.event)
        self._read = time.monotonic()


@click.command()
@click.option("--ledger", "url", required=True)
@click.option("--ready", type=click.Path(path_type=Path), required=True, help="Written when the blocks are saved.")
def serve(url: str, ready: Path) -> None:
    """Runs the sandbox until it is ended, and saves its blocks on the Prefect server."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    ledger = open_ledger(url)
    clock = FollowedClock(ledger)
    port = free_port()
    opened = newest_sandbox_launch(ledger)
    town: Town | None = None
    saved: dict[str, Mapping[str, JsonValue]] = {}
    try:
        while not stopping.is_set():
            town = _build(clock, opened, port)
            _publish(town, ready, opened.launch if opened is not None else "", saved)
            shown = opened
            while not stopping.wait(_LOOK_SECONDS):
                opened = newest_sandbox_launch(ledger)
                if opened != shown:
                    break
                if opened is not None:
                    clock.follow(opened.launch)
                town.tick(clock.now())
            town.stop()
            town = None
    finally:
        if town is not None:
            town.stop()


@dataclass(frozen=True)
class Followed:
    """A launch in the sandbox: its T0, and the addresses of the blocks that its plan uses."""

    launch: str
    t0: datetime
    needs: frozenset[str]


def newest_sandbox_launch(ledger: SqlLedger) -> Followed | None:
    """The newest launch in the sandbox, open or over."""
    for launch in reversed(ledger.launches()):
        records = ledger.records(launch)
        first = records[0].event
        if isinstance(first, LaunchOpened) and first.environment == _SANDBOX:
            place = next(one for one in plan_of(records).environments if one.id == _SANDBOX)
            return Followed(launch, first.t0, frozenset(place.blocks.values()))
    return None


def _build(clock: FollowedClock, opened: Followed | None, port: int) -> Town:
    if opened is not None:
        clock.follow(opened.launch)
    t0 = opened.t0 if opened is not None else clock.now() + _AHEAD
    town = Town(World(now=clock.now, t0=t0), needs=opened.needs if opened is not None else None, port=port)
    town.start()
    town.tick(clock.now())
    return town


def _publish(town: Town, ready: Path, launch: str, saved: dict[str, Mapping[str, JsonValue]]) -> None:
    """Saves the blocks that are new or changed, and all as JSON beside the ready file for whoever wants to look."""
    fields = town.blocks()
    asyncio.run(
        _save({address: content for address, content in fields.items() if saved.get(address) != content}, launch)
    )
    saved.update(fields)
    document = {address: dict(content) for address, content in fields.items()}
    ready.with_name("sandbox-blocks.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
    ready.write_text(town.server.address, encoding="utf-8")


async def _save(fields: Mapping[str, Mapping[str, JsonValue]], launch: str) -> None:
    async with get_client() as client:
        await wait_for_server(client)
    await save_blocks(fields)
    await Variable.aset(f"{WORLD}{_SANDBOX}", launch, overwrite=True)


if __name__ == "__main__":
    sys.exit(serve.main(standalone_mode=False))
