"""One seat's ballot: a run suspended on its own form. A resume is a ballot box, not a vote."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from prefect import flow, get_client, suspend_flow_run
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.blocks_stage import build_stage
from flows.forms import BallotForm, ballot_form, form_key, gate_words, holders
from flows.runs import call_off_wakes, close_forms, wake_gate
from flows.stage import Stage, staged
from launch.acts import cast_ballot, plan_of, settle_gate
from launch.events import BallotCast, BallotRefused
from launch.state import fold

_ATTEMPTS = 50


# Not async: in Prefect 3.8 the async suspension forgets the answer when the run is started again after a crash.
@flow(name="ballot", flow_run_name="ballot {gate} {seat} {launch}", persist_result=False)
def ballot(launch: str, gate: str, seat: str, opening: int = 1, place: int = 1) -> State[None]:
    """Collects one ballot for a seat of a gate: resume this run with your id, GO or NO-GO, and a reason.

    A ballot that does not count is written down with the reason and the form comes again. Started again after a crash
    it asks nothing twice: answers it has handled are in the ledger under this run's id.

    Args:
        launch: Id of the launch.
        gate: Id of the gate.
        seat: Role whose seat this is.
        opening: Which opening of the gate; a gate opens again after a HOLD.
        place: Which of the seat's places, where it has several.

    """
    del place  # tells two forms of one seat apart
    box = _Box(staged() or build_stage(launch), launch, gate, seat, opening, str(flow_run.get_id() or ""))
    note = ""
    for attempt in range(1, _ATTEMPTS + 1):
        event = box.heard(attempt)
        if event is None:
            closed, words = box.words(note)
            if closed:
                return Completed(message=closed, name="NotNeeded")
            answer = suspend_flow_run(wait_for_input=ballot_form(box.people, words), key=form_key("ballot", attempt))
            event = box.put_in(answer)
        if isinstance(event, BallotCast):
            return box.settle(event)
        note = event.reason
    return Completed(message=f"no valid ballot in {_ATTEMPTS} attempts", name="GaveUp")


@dataclass
class _Box:
    """One seat at one opening of a gate, as the ledger knows it."""

    stage: Stage
    launch: str
    gate: str
    seat: str
    opening: int
    run: str

    @property
    def people(self) -> list[str]:
        """Who may fill the seat."""
        return holders(plan_of(self.stage.ledger.records(self.launch)), [self.seat])

    def heard(self, attempt: int) -> BallotCast | BallotRefused | None:
        """What became of this run's n-th answer, if it was written down before a crash."""
        events = [record.event for record in self.stage.ledger.records(self.launch)]
        mine = [one for one in events if isinstance(one, BallotCast | BallotRefused) and one.run == self.run]
        return mine[attempt - 1] if len(mine) >= attempt else None

    def words(self, note: str) -> tuple[str, str]:
        """Why no ballot is needed any more (or ""), and the words above the form."""
        records = self.stage.ledger.records(self.launch)
        plan, state = plan_of(records), fold(records)
        current = state.gate(self.gate)
        if not current.open or current.opening != self.opening:
            return f"{self.gate} needs no ballot: {current.decision.value if current.decision else 'closed'}", ""
        gate = next(one for one in plan.gates if one.id == self.gate)
        return "", gate_words(plan, state, gate, now=self.stage.clock.now(), seat=self.seat, note=note)

    def put_in(self, answer: BallotForm) -> BallotCast | BallotRefused:
        """Writes the ballot, or its refusal."""
        return cast_ballot(
            self.stage.ledger,
            self.launch,
            gate=self.gate,
            opening=self.opening,
            seat=self.seat,
            person=answer.person.strip(),
            decision=answer.decision,
            reason=answer.reason,
            at=self.stage.clock.now(),
            wall=self.stage.wall(),
            run=self.run,
        )

    def settle(self, cast: BallotCast) -> State[None]:
        """Writes the gate's decision if this ballot made it, and lets the phase that waits for it go on."""
        ledger, now = self.stage.ledger, self.stage.clock.now()
        settle_gate(ledger, self.launch, gate=self.gate, at=now, wall=self.stage.wall())
        decision = fold(ledger.records(self.launch)).gate(self.gate).decision
        if decision is not None:
            asyncio.run(release(self.launch, self.gate, self.opening, self.run))
        told = f"; {self.gate} decided {decision.value}" if decision else ""
        return Completed(message=f"{cast.person}: {cast.decision.value}{told}", name=cast.decision.value.title())


async def release(launch: str, gate: str, opening: int, run: str) -> None:
    """Wakes the phase run at a decided gate, then takes away the forms and wake-ups that nobody needs any more."""
    async with get_client() as client:
        if await wake_gate(client, launch, gate, opening):
            # A phase that was not at the gate yet may still suspend there: then its deadline is what wakes it.
            await call_off_wakes(client, launch, gate, opening)
        await close_forms(client, launch, gate, opening, but=run)
