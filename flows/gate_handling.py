"""Carries out what is due at a gate, in a phase or in a rollback: open it, call its seats, settle it, tell of it."""

from __future__ import annotations

from flows.artifacts import show_gate
from flows.conductor import Conductor, Doing
from flows.speaking import Speaker
from launch import gates
from launch.agenda import AnnounceDecision, CallSeats, OpenGate, SettleGate
from launch.events import GateDecided, GateExtended, GateOpened


class GateHandler:
    """One short method for each kind of entry."""

    def __init__(self, conductor: Conductor, speaker: Speaker) -> None:
        self.conductor = conductor
        self.speaker = speaker

    def open(self, due: OpenGate) -> Doing:
        """Writes that the gate is open, with the evidence on show."""
        conductor, gate = self.conductor, due.gate
        now, state = conductor.now(), conductor.reader.state
        event = GateOpened(
            gate=gate.id,
            opening=due.opening,
            plan_hash=state.opened.plan_hash if state.opened else "",
            evidence_hash=gates.evidence_hash(conductor.plan, state, gate, now),
            deadline=now + gate.window,
            because=due.because,
        )
        return Doing([event])

    async def call(self, due: CallSeats) -> Doing:
        """Gives every seat its form, and says so in the war room."""
        conductor, gate = self.conductor, due.gate
        deadline = conductor.reader.state.gate(gate.id).deadline or conductor.now() + gate.window
        links = await conductor.stage.people.ask_for_ballots(
            conductor.launch,
            conductor.plan,
            gate,
            due.opening,
            deadline,
        )
        conductor.memory.asked_people.add(f"{gate.id}/{due.opening}")
        conductor.reader.refresh()
        await show_gate(conductor.plan, conductor.reader.state, gate, conductor.now())
        return Doing(list(await self.speaker.gate_opened(gate, due.opening, links)))

    async def announce(self, due: AnnounceDecision) -> Doing:
        """Puts the gate's forms away and tells the war room what it decided."""
        conductor = self.conductor
        decided = conductor.reader.state.gate(due.gate.id)
        await conductor.stage.people.put_forms_away(conductor.launch, due.gate, decided.opening)
        await show_gate(conductor.plan, conductor.reader.state, due.gate, conductor.now())
        return Doing(list(await self.speaker.gate_decided(due.gate, due.key, decided)))

    def settle(self, due: SettleGate) -> Doing:
        """Writes the decision, unless somebody wrote meanwhile: then the next look decides on that."""
        opening = self.conductor.reader.state.gate(due.gate.id).opening
        if due.ruling.decision is None:
            extended = due.ruling.extended_to or self.conductor.now()
            return Doing([GateExtended(gate=due.gate.id, deadline=extended)])
        event = GateDecided(gate=due.gate.id, opening=opening, decision=due.ruling.decision, reason=due.ruling.reason)
        self.conductor.write_if_unchanged(event)
        return Doing()
