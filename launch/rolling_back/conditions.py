"""What a rollback, or one step of it, must have before it acts: checks, a person's GO, a target that is well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from launch import gates
from launch.agenda import AnnounceDecision, AskCheck, AskPeople, CallSeats, Due, OpenGate, SettleGate
from launch.events import Decision
from launch.plan import ChannelKind, Check, Gate, Mode, ViabilityWindow
from launch.rollback import UndoStep
from launch.rolling_back.items import RollbackLook
from launch.verdicts import Verdict
from launch.views import CheckState

PEOPLE_HAVE = timedelta(minutes=15)
"""How long somebody may take to vouch for what a step needs, from when the step could begin."""


@dataclass(frozen=True)
class Met:
    """Whether it may act. With neither `met` nor `refused`, the answer is still to come."""

    met: bool = False
    refused: str = ""


_MET = Met(met=True)
_ASKED = Met()


def _all(*parts: Met) -> Met:
    refused = next((one for one in parts if one.refused), None)
    return refused or Met(met=all(one.met for one in parts))


class Conditions:
    """Says what may act, and gathers in `due` what has to be asked for it; `waiting` is whether a person is."""

    def __init__(self, look: RollbackLook) -> None:
        self.look, self.plan, self.state, self.rollback = look, look.plan, look.state, look.rollback
        self.checks = {check.id: check for check in look.plan.checks}
        self.gates = {gate.id: gate for gate in look.plan.gates}
        self.due: list[Due] = []
        self.waiting = False

    def admitted(self) -> Met:
        """Whether the rollback may touch anything but kill switches and words: its age, and how its target is."""
        parts = [self._within(window) for window in self._windows()]
        if self.look.procedure.healthier:
            well = self._pass(self.look.procedure.healthier, self.rollback.claimed_at, tries=1)
            parts.append(self._go(self.look.procedure.if_sicker, well.refused) if well.refused else well)
        return _all(*parts)

    def step(self, step: UndoStep, ready_at: datetime) -> Met:
        """Whether a step whose turn it has been since `ready_at` may begin."""
        if ready_at + step.hold > self.look.now:
            self.look.future.append(ready_at + step.hold)
            return _ASKED
        found = self._pass(step.requires, ready_at + step.hold)
        if not found.met or step.approval is None:
            return found
        return self._go(step.approval, f"point of no return: {step.id}")

    def _windows(self) -> list[ViabilityWindow]:
        since = self.state.live_at or self.state.t0
        if since is None:
            return []
        age = self.rollback.claimed_at - since
        return [one for one in self.plan.rollback.window if one.start <= age and (one.end is None or age < one.end)]

    def _within(self, window: ViabilityWindow) -> Met:
        found = self._pass(window.checks, self.rollback.claimed_at)
        if not found.met or window.approval is None:
            return found
        return self._go(window.approval, window.what)

    def _pass(self, names: Sequence[str], since: datetime, tries: int | None = None) -> Met:
        """Whether these checks pass. All are asked side by side, each as often as the plan's recheck rule says."""
        allowed = self.plan.recheck.times + 1 if tries is None else tries
        parts = [self._check(self.checks[name], since, allowed) for name in names]
        people = [
            check
            for name, part in zip(names, parts, strict=True)
            if (check := self.checks[name]).mode is not Mode.AUTOMATED
            and part is _ASKED
            and self._answers(check).attested is None
            and check.id not in self.look.memory.asked_people
        ]
        if people:
            self._ask(AskPeople(tuple(people)))
        return _all(*parts)

    def _answers(self, check: Check) -> CheckState:
        return self.rollback.answers.get(check.id) or CheckState()

    def _check(self, check: Check, since: datetime, allowed: int) -> Met:
        answers = self._answers(check)
        if gates.standing(check, answers, self.look.now) in {gates.CheckStanding.PASSED, gates.CheckStanding.WAIVED}:
            return _MET
        if answers.attested is Verdict.FAIL:
            return Met(refused=f"{check.id}: {answers.attested_by} vouches against it")
        if check.mode is not Mode.ATTESTED and answers.verdict is not Verdict.PASS:
            return self._measured(check, answers, allowed)
        deadline = since + PEOPLE_HAVE
        if self.look.now >= deadline:
            return Met(refused=f"{check.id}: nobody vouched for it in time")
        self.look.future.append(deadline)
        self.waiting = True
        return _ASKED

    def _measured(self, check: Check, answers: CheckState, allowed: int) -> Met:
        if answers.asked >= allowed:
            return Met(refused=f"{check.id} did not pass: {answers.sentence}")
        again = self.look.now if answers.judged_at is None else answers.judged_at + self.plan.recheck.every
        if again > self.look.now:
            self.look.future.append(again)
        else:
            self._ask(AskCheck(check))
        return _ASKED

    def _go(self, name: str | None, because: str) -> Met:
        """Whether a gate that opened in this rollback said GO. Anything else it may become is a refusal."""
        gate = self.gates.get(name or "")
        if gate is None:
            return Met(refused=because)
        current = self.state.gate(gate.id)
        if current.opened_at is None or current.opened_at < self.rollback.claimed_at:
            if self._shown(gate):
                self._ask(OpenGate(gate, current.opening + 1, because))
            return _ASKED
        if current.open:
            self._decide(gate)
            return _ASKED
        self._announce(gate)
        if current.decision is Decision.GO:
            return _MET
        said = current.decision.value if current.decision is not None else ""
        return Met(refused=f"{gate.name} said {said}: {current.reason}")

    def _shown(self, gate: Gate) -> bool:
        """Whether what is on show at the gate has been asked in this rollback."""
        shown = [self.checks[name] for criterion in gate.criteria for name in criterion.checks]
        unasked = [one for one in shown if one.mode is not Mode.ATTESTED and self._answers(one).judged_at is None]
        for check in unasked:
            self._ask(AskCheck(check))
        return not unasked

    def _decide(self, gate: Gate) -> None:
        current = self.state.gate(gate.id)
        if f"{gate.id}/{current.opening}" not in self.look.memory.asked_people:
            self._ask(CallSeats(gate, current.opening))
        ruling = gates.rule(gate, current, gates.unmet(self.plan, self.state, gate, self.look.now), self.look.now)
        if ruling.decision is not None or ruling.extended_to is not None:
            self._ask(SettleGate(gate, ruling))
        elif current.deadline is not None:
            self.look.future.append(current.deadline)
            self.waiting = True

    def _announce(self, gate: Gate) -> None:
        key = f"gate/{gate.id}/{self.state.gate(gate.id).opening}/decided"
        chats = any(one.kind is ChannelKind.CHAT and one.system for one in self.plan.comms.channels)
        if chats and key not in self.state.messages:
            self._ask(AnnounceDecision(gate, self.state.gate(gate.id).opening, key))

    def _ask(self, due: Due) -> None:
        """Once, however many steps need it."""
        if due not in self.due:
            self.due.append(due)
