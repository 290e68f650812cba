"""How fast a rollback is: from a breach to its first effect, what a kill switch costs, and eight services side by side.

The engine is that of `tminus up`: a Prefect server and a ledger on a PostgreSQL of their own.

    uv run python benchmarks/rollback.py [RUNS] [ROUNDS]

RUNS launches are watched by the real phase flow, guards, triggers and rollback flow, on a clock that jumps over every
wait and runs by the machine's own time in between; the systems answer at once. The breach becomes sustained at a moment
of its own in each. ROUNDS rollbacks of eight services run on the machine's clock; each takes two seconds to go back.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")

from prefect import flow

from blocks.ledger import open_ledger
from console.prefect_server import RehearsalServer
from console.rehearsal_desk import ScriptedPeople
from deployments.postgres import PostgresServer
from flows.clocks import RealClock
from flows.phases import run_phase
from flows.roll_back import roll_back
from flows.runs import PrefectRuns
from flows.stage import Stage, on_stage
from launch.acts import open_launch
from launch.ballots_file import Ballots
from launch.effects.web import SetFlag
from launch.events import AnyEvent, Decision, EffectBegun, EffectFinished, EffectResult, PhaseEnded, WentLive
from launch.ledger import Ledger
from launch.plan import Plan
from launch.plan.schedule import FlowPhase
from launch.plan_file import load_plan
from launch.ports import Clock, Observation, Occasion, Sample, Standing, State
from launch.release import Release
from launch.state import fold
from sandbox.virtual_clock import VirtualClock

T0 = datetime(2030, 1, 7, 7, tzinfo=UTC)
EVERY = timedelta(seconds=15)
SUSTAINED = timedelta(minutes=5)
TAKES = 2.0

PLAN = """
schema_version: 1
product: {id: benchmark, name: Benchmark}
launch_time: {t0: now}
roles: [{id: captain, title: Captain}]
people: [{id: ana, name: Ana, roles: [captain]}]
systems:
  - {id: flags, integration: flags, what: Flags}
  - {id: metrics, integration: metrics, what: Metrics}
environments: [{id: sandbox, title: Sandbox, blocks: {flags: flags/sandbox, metrics: metrics/sandbox}}]
phases:
  - {id: countdown, title: Countdown, flow_phase: countdown, start: T-60m, end: T0}
  - {id: watch, title: Watch, flow_phase: stabilization, start: T0, end: T+4h}
  - {id: back, title: Back, flow_phase: rollback}
actions: [ACTIONS]
rollout: {strategy: rolling}
thresholds:
  - id: errors
    metric: error_rate
    comparator: ">"
    value: 5
    unit: "%"
    sustained: 5m
    gap: 1m
    polarity: breach
    query: {of: metrics, query: errors, step: 15s}
    watched: [{start: T0, end: T+4h, every: 15s}]
rollback:
  triggers: [{id: too-many, tier: immediate, condition: Errors, guards: [errors], decision_window: 0m}]
  authority: [{tier: all, who: [captain]}]
  procedures:
    - id: full
      title: Full
      steps:
        - {n: 1, what: FIRST}
"""
ACTION = (
    "{id: %s, phase: countdown, offset: T-30m, what: Go, integration: [flags], role: changes, after: [%s],"
    ' effect: {do: set-flag, on: flags, flag: %s, state: "on"}, undo: {how: restore}}'
)
GRAPH = {
    "gateway": (), "users": ("gateway",), "orders": ("gateway",), "search": ("gateway",),
    "mail": ("users",), "billing": ("orders",), "reports": ("billing",), "export": ("billing",),
}  # fmt: skip
"""Eight services; the longest chain is four."""
CRITICAL_PATH = 4 * TAKES


def plan_of(graph: dict[str, tuple[str, ...]]) -> Plan:
    """A plan that changes these things in this order."""
    actions = ", ".join(ACTION % (name, ", ".join(after), name) for name, after in graph.items())
    first = "Flag off, takes_back: [switch], kill_switch: true" if "switch" in graph else "Verify"
    return load_plan(PLAN.replace("ACTIONS", actions).replace("FIRST", first), "benchmark").plan


class Flags:
    """Flags that turn when told, after `takes` seconds; `turned` is when by the machine's clock."""

    effects: ClassVar[tuple[type[SetFlag], ...]] = (SetFlag,)

    def __init__(self, takes: float) -> None:
        self._takes = takes
        self._off: set[str] = set()
        self.turned: list[float] = []

    def observe(self, effect: SetFlag, occasion: Occasion) -> Observation:
        raise NotImplementedError(effect, occasion)

    def apply(self, effect: SetFlag, occasion: Occasion) -> None:
        raise NotImplementedError(effect, occasion)

    def observe_restored(self, effect: SetFlag, before: State, occasion: Occasion) -> Observation:
        del before, occasion
        return Observation(standing=Standing.HOLDS if effect.flag in self._off else Standing.ABSENT)

    def restore(self, effect: SetFlag, before: State, occasion: Occasion) -> None:
        del before, occasion
        self.turned.append(time.perf_counter())
        time.sleep(self._takes)
        self._off.add(effect.flag)


@dataclass
class Metrics:
    """Errors at 12 % from `bad` on; `told` is when the newest answer left by the machine's clock."""

    bad: datetime
    told: float = 0.0

    def series(self, query: str, *, start: datetime, end: datetime, step_seconds: float) -> Sequence[Sample]:
        del query
        step = timedelta(seconds=step_seconds)
        # As a metric store does: on a grid of its own, not on the moment of the question.
        first = T0 + step * -((T0 - start) // step)
        moments = [first + step * n for n in range(int((end - first) / step) + 1)]
        found = [Sample(at=at, value=12.0 if at >= self.bad else 0.1) for at in moments]
        self.told = time.perf_counter()
        return found


@dataclass
class JumpingClock:
    """Stands where it was waited for, and runs on from there by the machine's own time."""

    start: datetime
    _since: float = field(default_factory=time.perf_counter)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=time.perf_counter() - self._since)

    async def until(self, moment: datetime) -> None:
        if moment > self.now():
            self.start, self._since = moment, time.perf_counter()

    def holds_process(self, moment: datetime) -> bool:
        return moment > self.start


def done(plan: Plan) -> list[AnyEvent]:
    """A launch that has gone live: what every measured one has behind it."""
    events: list[AnyEvent] = []
    for action in plan.actions:
        before: State = {"state": "off"}
        events.append(EffectBegun(action=action.id, attempt=1, key=action.id, before=before))
        events.append(EffectFinished(action=action.id, attempt=1, result=EffectResult.APPLIED))
    return [*events, PhaseEnded(phase=FlowPhase.COUNTDOWN, decision=Decision.GO, reason=""), WentLive()]


def staged(name: str, plan: Plan, ledger: Ledger, clock: Clock, systems: dict[str, object], *, t0: datetime) -> Stage:
    """The stage of a launch that has gone live at `t0`."""

    def wall() -> datetime:
        return datetime.now(UTC)

    # Nothing of what is measured asks a person.
    people, runs = ScriptedPeople(ledger, VirtualClock(t0), Ballots()), PrefectRuns("benchmark", RealClock())
    stage = Stage(ledger, clock, wall, lambda _plan, _place: systems, people, runs)
    open_launch(
        stage.ledger, name, plan=plan, plan_hash="", plan_path="", release=Release(version="v1"), t0=t0,
        environment="sandbox", opened_by="benchmark", at=t0 - timedelta(hours=1), wall=wall(),
    )  # fmt: skip
    for event in done(plan):
        stage.ledger.append(name, event, at=t0, wall=wall())
    return stage


async def breached(name: str, ledger: Ledger, share: float) -> tuple[float, float]:
    """Seconds to the first effect: from the sustained breach by the launch clock, from the sample by the machine's."""
    plan = plan_of({"switch": (), "deploy": ("switch",)})
    bad = T0 + timedelta(minutes=1) + EVERY * share
    flags, metrics = Flags(0.0), Metrics(bad)
    systems: dict[str, object] = {"flags": flags, "metrics": metrics}
    stage = staged(name, plan, ledger, JumpingClock(T0 + SUSTAINED), systems, t0=T0)
    with on_stage(stage):
        await run_phase(stage, name, FlowPhase.STABILIZATION)
    records = stage.ledger.records(name)
    claimed = next(at for at, record in enumerate(records) if record.event.kind == "rollback-claimed")
    first = next(record.at for record in records[claimed:] if isinstance(record.event, EffectBegun))
    return (first - (bad + SUSTAINED)).total_seconds(), flags.turned[0] - metrics.told


async def eight(name: str, ledger: Ledger) -> float:
    """Seconds from the claim to the end of the last step."""
    plan = plan_of(GRAPH)
    systems: dict[str, object] = {"flags": Flags(TAKES), "metrics": Metrics(T0)}
    now = datetime.now(UTC)
    stage = staged(name, plan, ledger, RealClock(), systems, t0=now)
    with on_stage(stage):
        await roll_back(launch=name, by="benchmark", reason="measured")
    records = stage.ledger.records(name)
    rollback = fold(records).rollback
    ends = [record.at for record in records if isinstance(record.event, EffectFinished)]
    if rollback is None or rollback.outcome is None or len(ends) != 2 * len(GRAPH):
        sys.exit("the measured rollback did not come to its end")
    return (max(ends) - rollback.claimed_at).total_seconds()


@flow(name="benchmark", persist_result=False)
async def measured(runs: int, rounds: int, url: str) -> list[dict[str, str | float]]:
    """One line a question. The first of each warms up connections and code."""
    ledger = open_ledger(url)
    found = [await breached(f"breach-{at}", ledger, at / (runs + 1)) for at in range(runs + 1)][1:]
    after, overhead = ([one[place] for one in found] for place in (0, 1))
    together = [await eight(f"eight-{at}", ledger) for at in range(rounds + 1)][1:]
    return [
        {
            "measured": "sustained breach to first effect",
            "runs": runs,
            "interval_s": EVERY.total_seconds(),
            "p50_s": round(statistics.median(after), 2),
            "p99_s": round(_p99(after), 2),
            "p99_over_interval_s": round(_p99(after) - EVERY.total_seconds(), 2),
        },
        {
            "measured": "sample to kill switch",
            "p50_s": round(statistics.median(overhead), 3),
            "p99_s": round(_p99(overhead), 3),
        },
        {
            "measured": "eight services of two seconds",
            "critical_path_s": CRITICAL_PATH,
            "took_s": round(statistics.median(together), 2),
            "ratio_to_critical_path": round(statistics.median(together) / CRITICAL_PATH, 3),
        },
    ]


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)]


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asked = [int(one) for one in sys.argv[1:]]
    runs, rounds = (*asked, *(200, 3)[len(asked) :])
    directory = Path(tempfile.mkdtemp(prefix="tminus-benchmark-"))
    postgres = PostgresServer(directory)
    postgres.start()
    for database in ("prefect", "ledger"):
        postgres.create_database(database)
    server = RehearsalServer(database=postgres.url("prefect").replace("postgresql://", "postgresql+asyncpg://"))
    try:
        server.ready()
        with server.used():
            for one in asyncio.run(measured(runs, rounds, postgres.url("ledger"))):
                print(json.dumps(one))
    finally:
        server.stop()
        postgres.stop()
        shutil.rmtree(directory)
