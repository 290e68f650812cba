"""Who answers in a rehearsal: ballots and attestations from a file, everybody else says GO; other runs are players."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.stage import RunKind
from launch.acts import attest, cast_ballot
from launch.ballots_file import Ballots, PlannedAttestation, PlannedBallot
from launch.gates import missing_seats
from launch.ledger import Ledger
from launch.plan import Check, Gate, Plan
from launch.state import fold
from launch.verdicts import Verdict
from sandbox.virtual_clock import VirtualClock


class ScriptedPeople:
    """The port `People` of a rehearsal: answers come at once, through the same acts as a person's."""

    def __init__(self, ledger: Ledger, clock: VirtualClock, ballots: Ballots) -> None:
        self._ledger = ledger
        self._clock = clock
        self._ballots = ballots

    async def ask_for_ballots(
        self, launch: str, plan: Plan, gate: Gate, opening: int, deadline: datetime
    ) -> Sequence[str]:
        """Casts the scripted ballots, then GO for every seat that is still free and not scripted."""
        del deadline
        scripted = self._ballots.gates.get(gate.id, ())
        cast = fold(self._ledger.records(launch)).gate(gate.id).ballots
        for ballot in scripted:
            if ballot.person not in cast and ballot.decision != "ABSENT":
                self._cast(launch, plan, gate, opening, ballot)
        silent = {ballot.person for ballot in scripted}
        current = fold(self._ledger.records(launch)).gate(gate.id)
        for role in missing_seats(gate, current):
            holders = [one for one in plan.people if role in one.roles]
            if any(one.id in silent for one in holders):
                continue
            taken = fold(self._ledger.records(launch)).gate(gate.id).ballots
            free = next((one for one in holders if one.id not in taken), None)
            if free is not None:
                self._cast(launch, plan, gate, opening, PlannedBallot(person=free.id, decision="GO"), seat=role)
        return ()

    def _cast(
        self, launch: str, plan: Plan, gate: Gate, opening: int, ballot: PlannedBallot, *, seat: str = ""
    ) -> None:
        held = next((one.roles for one in plan.people if one.id == ballot.person), ())
        fitting = next((place.role for place in gate.seats if place.role in held), gate.seats[0].role)
        cast_ballot(
            self._ledger, launch, gate=gate.id, opening=opening, seat=seat or fitting, person=ballot.person,
            decision=ballot.decision, reason=ballot.reason, proof="rehearsal", at=self._clock.now(), wall=wall_clock(),
        )  # fmt: skip

    async def ask_for_attestations(self, launch: str, plan: Plan, checks: Sequence[Check]) -> Sequence[str]:
        """Vouches for every check by the first person who may, or as scripted."""
        for check in checks:
            holder = next(one.id for one in plan.people if set(one.roles) & set(check.attested_by))
            said = self._ballots.attestations.get(
                check.id,
                PlannedAttestation(person=holder, verdict=Verdict.PASS, evidence="rehearsal: vouched for by default"),
            )
            attest(
                self._ledger, launch, check=check.id, person=said.person, verdict=said.verdict,
                evidence=said.evidence, at=self._clock.now(), wall=wall_clock(),
            )  # fmt: skip
        return ()

    async def wait_for_gate(self, launch: str, gate: Gate, opening: int, until: datetime) -> None:
        """Nobody else will come: jumps to the next moment."""
        del launch, gate, opening
        await self._clock.until(until)

    async def put_forms_away(self, launch: str, gate: Gate, opening: int) -> None:
        """There are none."""
        del launch, gate, opening


Starter = Callable[[str, str], Awaitable[State[Any]]]


class PlayedRuns:
    """The port `Runs` of a rehearsal: a scheduled run is a player that the virtual clock starts at its moment."""

    def __init__(self, clock: VirtualClock, starters: Mapping[RunKind, Starter]) -> None:
        self._clock = clock
        self._starters = starters
        self._kinds: dict[str, RunKind] = {}

    async def schedule(self, launch: str, kind: RunKind, at: datetime, *, key: str, subject: str = "") -> str:
        """Adds a player."""
        starter = self._starters[kind]
        self._kinds[key] = kind
        self._clock.enter(key, at, lambda: _played(starter(launch, subject)))
        return key

    async def wake(self, launch: str, kind: RunKind) -> None:
        """Players wake by themselves."""

    async def cancel(self, launch: str, kinds: Sequence[RunKind]) -> None:
        """Takes out players that have not started."""
        del launch
        for key, kind in list(self._kinds.items()):
            if kind in kinds:
                self._clock.leave(key)
                del self._kinds[key]

    async def alive(self, run: str) -> bool:
        """Within one process, a run that is asked about is the one that asks."""
        return run == self.current()

    def current(self) -> str:
        """Id of the Prefect flow run around this call."""
        return str(flow_run.get_id() or "")


async def _played(run: Awaitable[State[Any]]) -> object:
    """A run that failed or crashed ends the rehearsal with its error; one that was refused (STOP rule) is a course."""
    state = await run
    return await state.aresult() if state.is_failed() or state.is_crashed() else None


def wall_clock() -> datetime:
    """The machine's own clock, for time stamps that say when something was written."""
    return datetime.now(UTC)
