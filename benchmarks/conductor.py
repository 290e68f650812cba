"""What the conductor adds to a due item, against a bare Prefect task submitted by hand. Target: at most 1.3 times.

    uv run python benchmarks/conductor.py [ITEMS] [ROUNDS]

One flow run on one Prefect server does both in turn. The items are checks whose system answers at once, so what is
timed is the conductor itself: agenda, Prefect task, judgement, ledger (SQLite). Items due at one moment are held
against tasks begun together, items at moments of their own against tasks begun one after another. A bare task is
begun in two ways: by `submit`, and by awaiting its call, which costs less.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")

import yaml
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait

from blocks.ledger import open_ledger
from console.prefect_server import RehearsalServer
from console.rehearsal_desk import ScriptedPeople
from flows.clocks import RealClock
from flows.conductor import Conductor
from flows.handling import Callbacks, PhaseHandler
from flows.runs import PrefectRuns
from flows.stage import Stage
from launch.acts import open_launch
from launch.agenda import Scope
from launch.ballots_file import Ballots
from launch.events import Decision
from launch.plan import Plan
from launch.plan.schedule import FlowPhase
from launch.plan_file import load_plan
from launch.ports import Answers, Occasion, Systems
from launch.probes.base import Probe
from launch.readings import Reading, quantities
from launch.release import Release
from sandbox.virtual_clock import VirtualClock

T0 = datetime(2030, 1, 7, 7, tzinfo=UTC)
START = T0 - timedelta(days=7)


class Instant:
    """A system that answers at once: its own work is nothing."""

    answers: ClassVar[tuple[type[Probe], ...]] = ()

    def answer(self, probe: Probe, occasion: Occasion) -> Reading:
        return Reading(values=quantities("s", replication_lag=0.0), where=probe.of, at=occasion.now)


class Jumping:
    """A clock that is where it is waited for."""

    def __init__(self) -> None:
        self._now = START

    def now(self) -> datetime:
        return self._now

    async def until(self, moment: datetime) -> None:
        self._now = moment

    def holds_process(self, moment: datetime) -> bool:
        return moment > self._now


def plan_of(items: int, *, apart: bool) -> Plan:
    """A plan of checks only: all due at T-6d, or one each minute from there."""
    checks = [
        {
            "id": f"check-{at}",
            "phase": "hardening",
            "offset": f"T-{6 * 24 * 60 - at * apart}m",
            "what": "the standby is near",
            "mode": "automated",
            "integration": ["postgres"],
            "thresholds": [{"metric": "replication_lag", "comparator": "<", "value": 5, "unit": "s"}],
            "probes": [{"ask": "replication", "of": "database"}],
        }
        for at in range(items)
    ]
    small = yaml.safe_load((Path("tests") / "data" / "small.yaml").read_text(encoding="utf-8"))
    kept = {"schema_version", "product", "roles", "people", "environments", "systems", "launch_time"}
    document = {key: value for key, value in small.items() if key in kept}
    document["launch_time"]["time"] = "07:00"
    document["environments"][0]["blocks"].pop("room")
    document["systems"] = [one for one in document["systems"] if one["id"] == "database"]
    document |= {"rollout": {"strategy": "rolling"}, "rollback": {}}
    document["phases"] = [one for one in small["phases"] if one["id"] == "hardening"]
    return load_plan(yaml.safe_dump(document | {"checks": checks}), "benchmark").plan


def staged(plan: Plan, ledger: Path) -> Conductor:
    """A conductor on a launch that was just opened."""

    def systems(plan: Plan, environment: str) -> Systems:
        del plan, environment
        instant: Answers = Instant()
        return {"database": instant}

    def wall() -> datetime:
        return datetime.now(UTC)

    kept = open_ledger(f"sqlite:///{ledger}")
    # The measured plan has nobody to ask and starts no other run.
    people, runs = ScriptedPeople(kept, VirtualClock(START), Ballots()), PrefectRuns("benchmark", RealClock())
    stage = Stage(kept, Jumping(), wall, systems, people, runs, patient=False)
    open_launch(
        stage.ledger, "benchmark", plan=plan, plan_hash="", plan_path="", release=Release(version="v1"), t0=T0,
        environment="sandbox", opened_by="benchmark", at=START, wall=wall(),
    )  # fmt: skip
    return Conductor(stage, "benchmark")


async def conducted(conductor: Conductor) -> None:
    """The phase from its first item to its end."""

    async def never(*words: str) -> None:
        raise NotImplementedError(words)

    scope = Scope(phase=FlowPhase.HARDENING)
    conductor.begin(FlowPhase.HARDENING)
    ended = await conductor.conduct(scope, PhaseHandler(conductor, scope, Callbacks(never)))
    if getattr(ended, "decision", None) is not Decision.GO:
        sys.exit(f"the measured phase did not end GO: {ended}")


@task(cache_policy=NO_CACHE, persist_result=False)
async def bare() -> None:
    """A Prefect task that does nothing."""


async def submitted(items: int, *, apart: bool) -> None:
    """By `submit`: all at once, or each after the one before."""
    for _ in range(items if apart else 1):
        await asyncio.to_thread(wait, [bare.submit() for _ in range(1 if apart else items)])


async def awaited(items: int, *, apart: bool) -> None:
    """By calling it: the cheapest way there is, and the one the conductor takes."""
    for _ in range(items if apart else 1):
        await asyncio.gather(*(bare() for _ in range(1 if apart else items)))


async def timed(work: Awaitable[None], items: int) -> float:
    """Milliseconds an item."""
    started = time.perf_counter()
    await work
    return (time.perf_counter() - started) * 1000 / items


@flow(name="benchmark", persist_result=False)
async def compared(items: int, rounds: int, directory: str) -> list[dict[str, str | float]]:
    """Median milliseconds an item. The ways take turns, so that a busy machine weighs on all."""
    found: list[dict[str, str | float]] = []
    for apart in (False, True):
        plan = plan_of(items, apart=apart)
        by_hand, called, conductors = [], [], []
        for turn in range(rounds + 1):
            conductor = staged(plan, Path(directory) / f"{apart}-{turn}.db")
            by_hand.append(await timed(submitted(items, apart=apart), items))
            called.append(await timed(awaited(items, apart=apart), items))
            conductors.append(await timed(conducted(conductor), items))
        # The first round warms up connections and code.
        by_submit, by_call, conducting = (statistics.median(one[1:]) for one in (by_hand, called, conductors))
        found.append(
            {
                "items": "one after another" if apart else "at one moment",
                "submitted_ms": round(by_submit, 2),
                "awaited_ms": round(by_call, 2),
                "conducted_ms": round(conducting, 2),
                "ratio_to_submitted": round(conducting / by_submit, 2),
                "ratio_to_awaited": round(conducting / by_call, 2),
            }
        )
    return found


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asked = [int(one) for one in sys.argv[1:]]
    items, rounds = (*asked, *(60, 5)[len(asked) :])
    server = RehearsalServer(Path(".tminus") / "cache")
    try:
        server.ready()
        with tempfile.TemporaryDirectory() as directory, server.used():
            for one in asyncio.run(compared(items, rounds, directory)):
                print(json.dumps(one))
    finally:
        server.stop()
