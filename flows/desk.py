"""The ballot desk on Prefect: each seat and each vouching role gets a run of its own, suspended on its own form.

One open form takes one press: of five presses at one form four are lost. Forms of their own never collide.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.flow_runs import asuspend_flow_run
from prefect.utilities.urls import url_for

from flows.clocks import PATIENCE, CompressedClock, LaunchClock
from flows.runs import (
    PrefectRuns,
    call_off_wakes,
    close_forms,
    gate_tag,
    kind_tag,
    launch_tag,
    pause_key,
    runs_with,
    waits_for,
    wake_mark,
)
from flows.stage import RunKind, WallClock
from launch.acts import note_resume
from launch.ledger import Ledger
from launch.moments import format_offset
from launch.plan import Check, Gate, Plan

_OPEN = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED)
_GRACE = timedelta(seconds=1)


class PrefectPeople:
    """The port `People`: forms are runs of the deployments `ballot` and `attest`, waiting is a suspension."""

    def __init__(self, ledger: Ledger, clock: LaunchClock, wall: WallClock, runs: PrefectRuns) -> None:
        self._ledger = ledger
        self._clock = clock
        self._wall = wall
        self._runs = runs

    async def ask_for_ballots(
        self,
        launch: str,
        plan: Plan,
        gate: Gate,
        opening: int,
        deadline: datetime,
    ) -> Sequence[str]:
        """One form for each seat; a seat for two people has two. The deadline is the wake run's affair."""
        del plan, deadline
        links = []
        for seat in gate.seats:
            for place in range(1, seat.count + 1):
                run = await self._runs.start(
                    launch,
                    RunKind.BALLOT,
                    {"launch": launch, "gate": gate.id, "seat": seat.role, "opening": opening, "place": place},
                    key=f"{launch}/{gate.id}/{opening}/{seat.role}/{place}",
                    name=f"ballot {gate.id} {seat.role}",
                    tags=[gate_tag(gate.id, opening)],
                )
                links.append(f"{seat.role}: {url_for('flow-run', run.id) or run.id}")
        return links

    async def ask_for_attestations(self, launch: str, plan: Plan, checks: Sequence[Check]) -> Sequence[str]:
        """One form for each set of roles, for those of these checks that are on no open form yet."""
        del plan
        async with get_client() as client:
            asked = await _asked_already(client, launch)
        groups: dict[tuple[str, ...], list[Check]] = {}
        for check in checks:
            if check.id not in asked:
                groups.setdefault(check.attested_by, []).append(check)
        links = []
        for roles, group in groups.items():
            names = [check.id for check in group]
            moment = format_offset(group[0].offset) if group[0].offset is not None else "rollback"
            digest = hashlib.sha256("/".join(sorted(names)).encode()).hexdigest()[:12]
            run = await self._runs.start(
                launch,
                RunKind.ATTEST,
                {"launch": launch, "checks": names, "roles": list(roles)},
                key=f"{launch}/attest/{digest}",
                name=f"attest {moment} {' or '.join(roles)}",
            )
            links.append(f"{', '.join(roles)}: {url_for('flow-run', run.id) or run.id}")
        return links

    async def wait_for_gate(self, launch: str, gate: Gate, opening: int, until: datetime) -> None:
        """Suspends the flow run around this call; it begins again from its first line when somebody wakes it.

        Where something is due within two minutes it keeps the process, and returns after a slice: guards are sampled
        while people vote, and a new process costs seconds each time. Each wake-up has a key of its own, so that a run
        resumed by hand suspends again. Such a resume is written down.
        """
        if isinstance(self._clock, CompressedClock):
            self._clock.pace(1.0)
        if until - self._clock.now() <= PATIENCE:
            await self._clock.until(until)
            return
        run = self._runs.current()
        async with get_client() as client:
            states = await client.read_flow_run_states(UUID(run))
            earlier = [str(one.state_details.pause_key) for one in states if one.type is StateType.PAUSED]
            if earlier and waits_for(earlier[-1], gate.id, opening) and not await _woken(client, run, earlier[-1]):
                self._note(launch, gate, run)
        key = pause_key(gate.id, opening, len(earlier))
        await self._runs.start(
            launch,
            RunKind.WAKE,
            {"launch": launch, "gate": gate.id, "opening": opening, "run": run},
            key=f"{run}/{key}",
            at=self._clock.comes(until) + _GRACE,
            name=f"wake {gate.id}",
            tags=[gate_tag(gate.id, opening)],
        )
        await asuspend_flow_run(key=key)

    async def put_forms_away(self, launch: str, gate: Gate, opening: int) -> None:
        """Forms that wait are cancelled, as are runs that were to wake a phase there."""
        async with get_client() as client:
            await call_off_wakes(client, launch, gate.id, opening)
            await close_forms(client, launch, gate.id, opening)

    def _note(self, launch: str, gate: Gate, run: str) -> None:
        note_resume(self._ledger, launch, gate=gate.id, at=self._clock.now(), wall=self._wall(), run=run)


async def _woken(client: PrefectClient, run: str, key: str) -> bool:
    mark = wake_mark(key)
    found = await client.filter_flow_run_input(UUID(run), key_prefix=mark, limit=10, exclude_keys=set())
    return any(one.key == mark for one in found)


async def _asked_already(client: PrefectClient, launch: str) -> set[str]:
    open_forms = await runs_with(client, [launch_tag(launch), kind_tag(RunKind.ATTEST)], _OPEN)
    return {str(check) for form in open_forms for check in form.parameters.get("checks", ())}
