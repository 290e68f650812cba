"""What is due in a rollback: undo everything that can be undone now, go on past what fails, verify, tell, end known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from launch import gates
from launch.agenda import Agenda, AskCheck, AskPeople, DoEffect, Due, Memory
from launch.events import Outcome
from launch.plan import Action, Check, Mode, Plan, Procedure
from launch.plan.schedule import FlowPhase
from launch.rollback import UndoPlan, UndoStep, plan_undo, residue
from launch.state import LaunchState
from launch.verdicts import Verdict


@dataclass(frozen=True)
class SkipUndo:
    """Write down that an applied action is left as it is, on purpose or because it cannot be undone."""

    action: str
    why: str
    residue: bool


@dataclass(frozen=True)
class Restored:
    """Verification is through; `failed` names checks that did not pass."""

    failed: tuple[str, ...]


@dataclass(frozen=True)
class EndRollback:
    """The rollback is over."""

    outcome: Outcome
    residue: tuple[str, ...]


RollbackDue = Due | SkipUndo | Restored | EndRollback


@dataclass(frozen=True)
class RollbackAgenda:
    """As `Agenda`, for a rollback."""

    due: tuple[RollbackDue, ...]
    next: datetime | None = None


def rollback_agenda(
    plan: Plan,
    state: LaunchState,
    now: datetime,
    procedure: Procedure,
    memory: Memory,
) -> RollbackAgenda:
    """What is due at `now` in the rollback that the ledger says was claimed. Empty when it has ended."""
    return _RollbackAgenda(plan, state, now, procedure, memory).build()


class _RollbackAgenda:
    def __init__(self, plan: Plan, state: LaunchState, now: datetime, procedure: Procedure, memory: Memory) -> None:
        self.plan, self.state, self.now, self.memory = plan, state, now, memory
        self.undo: UndoPlan = plan_undo(plan, state, procedure)
        self.actions: dict[str, Action] = {action.id: action for action in plan.actions}
        self.stages = {one.id for one in plan.phases if one.flow_phase is FlowPhase.ROLLBACK}
        self.future: list[datetime] = []

    def build(self) -> RollbackAgenda:
        rollback = self.state.rollback
        if rollback is None or rollback.ended_at is not None:
            return RollbackAgenda(())
        due: list[RollbackDue] = list(self._skips())
        opening = [step for step in self.undo.steps if not step.closing]
        for step in opening:
            due += self._step(step, restored=True)
        due += self._people()
        work = [step for step in opening if not self.actions[step.action].speaks]
        if all(self._settled(step) for step in work) and not any(isinstance(one, DoEffect) for one in due):
            due += self._verification()
            if rollback.restored_at is None and not due and not self._verifying():
                due.append(Restored(tuple(self._failed_checks())))
        if rollback.restored_at is not None:
            due += self._closing()
        later = [moment for moment in self.future if moment > self.now]
        return RollbackAgenda(tuple(due), min(later) if later else None)

    def _skips(self) -> Iterator[RollbackDue]:
        skipped = self.state.rollback.skipped if self.state.rollback else {}
        for action, why in self.undo.kept.items():
            if action not in skipped:
                yield SkipUndo(action, why, residue=False)
        for action, why in self.undo.impossible.items():
            if action not in skipped:
                yield SkipUndo(action, why, residue=True)

    def _step(self, step: UndoStep, *, restored: bool) -> Iterator[RollbackDue]:
        effect, action = self.state.effect(step.id), self.actions[step.action]
        if self._settled(step) or not restored:
            return
        if effect.under_way:
            looked = self.memory.looked.get(step.id)
            again = looked + action.poll if looked is not None else self.now
            if again <= self.now:
                yield DoEffect(step.id, action, step)
            else:
                self.future.append(again)
            return
        if effect.finished_at is not None and effect.finished_at + action.poll > self.now:
            self.future.append(effect.finished_at + action.poll)
            return
        steps = {one.id: one for one in self.undo.steps}
        if all(self._settled(steps[one]) for one in step.after if one in steps):
            yield DoEffect(step.id, action, step)

    def _settled(self, step: UndoStep) -> bool:
        effect, action = self.state.effect(step.id), self.actions[step.action]
        return effect.done or effect.exhausted(action.attempts)

    def _checks(self, *, closing: bool) -> list[Check]:
        """Checks of the rollback, without those that verify an undo for which there was nothing to undo."""
        planned = {step.action for step in self.undo.steps}
        closing_actions = {step.action for step in self.undo.steps if step.closing}
        return [
            check
            for check in self.plan.checks
            if check.phase in self.stages
            and (check.action is None or check.action in planned)
            and (check.action in closing_actions) is closing
        ]

    def _verification(self) -> Iterator[RollbackDue]:
        for check in self._checks(closing=False):
            yield from self._ask(check)

    def _ask(self, check: Check) -> Iterator[RollbackDue]:
        if check.mode is Mode.ATTESTED:
            return
        answers = self.state.check(check.id)
        if answers.judged_at is None:
            yield AskCheck(check)
        elif answers.verdict is not Verdict.PASS and answers.asked <= self.plan.recheck.times:
            again = answers.judged_at + self.plan.recheck.every
            if again <= self.now:
                yield AskCheck(check)
            else:
                self.future.append(again)

    def _verifying(self) -> bool:
        """Whether a verification that did not pass will be asked again."""
        return any(
            check.mode is not Mode.ATTESTED
            and self.state.check(check.id).verdict is not Verdict.PASS
            and self.state.check(check.id).asked <= self.plan.recheck.times
            for check in self._checks(closing=False)
        )

    def _people(self) -> Iterator[RollbackDue]:
        asked = tuple(
            check
            for check in self._checks(closing=False)
            if check.mode is not Mode.AUTOMATED
            and self.state.check(check.id).attested is None
            and check.id not in self.memory.asked_people
        )
        if asked:
            yield AskPeople(asked)

    def _failed_checks(self) -> Iterator[str]:
        for check in self._checks(closing=False):
            answers = self.state.check(check.id)
            attested = answers.attested
            if check.mode is not Mode.ATTESTED and answers.verdict is not Verdict.PASS:
                waived = gates.standing(check, answers, self.now) is gates.CheckStanding.WAIVED
                if not waived:
                    yield check.id
            elif attested is Verdict.FAIL:
                yield check.id

    def _closing(self) -> list[RollbackDue]:
        due: list[RollbackDue] = []
        closing = [step for step in self.undo.steps if step.closing]
        for step in closing:
            due += self._step(step, restored=True)
        if due or not all(self._settled(step) for step in self.undo.steps):
            return due
        for check in self._checks(closing=True):
            due += self._ask(check)
        if due or any(moment > self.now for moment in self.future):
            return due
        left = tuple(residue(self.plan, self.state, self.undo))
        return [EndRollback(Outcome.PARTIAL if left else Outcome.ROLLED_BACK, left)]


__all__ = ["Agenda", "EndRollback", "Restored", "RollbackAgenda", "RollbackDue", "SkipUndo", "rollback_agenda"]
