"""Effects, checks and attestations that are due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from launch.agenda.beginning import Beginning
from launch.agenda.items import (
    AskCheck,
    AskPeople,
    DoEffect,
    Due,
)
from launch.calendar import moment_of
from launch.plan import Action, Check, Mode
from launch.plan.execution import ActionRole
from launch.rollback import UndoStep, withdrawals
from launch.steps import planned_offset, step_checks
from launch.verdicts import Verdict


class Work(Beginning):
    """What is to be done, asked and vouched for."""

    def _effects(self, barrier: timedelta | None) -> Iterator[Due]:
        for action in self.plan.actions:
            if not self._in_phase(action.phase, action.id) or action.role is ActionRole.ALTERNATIVE:
                continue
            yield from self._effect(action, barrier)

    def _effect(self, action: Action, barrier: timedelta | None) -> Iterator[Due]:
        effect = self.state.effect(action.id)
        if effect.done or self._exhausted(action):
            return
        if effect.under_way:
            yield from self._look(action, action.id)
            return
        if not self._reached(planned_offset(self.plan, action), barrier) or self._blocked(action):
            return
        self._leave_open(action)
        if effect.finished_at is not None and effect.finished_at + action.poll > self.now:
            self.future.append(effect.finished_at + action.poll)
            return
        if self._ready(action):
            yield from self._begin(action)

    def _look(self, action: Action, key: str, undo: UndoStep | None = None) -> Iterator[Due]:
        self._leave_open(action)
        looked = self.memory.looked.get(key)
        again = looked + action.poll if looked is not None else self.now
        if again <= self.now:
            yield DoEffect(key, action, undo)
        else:
            self.future.append(again)

    def _leave_open(self, action: Action | None) -> None:
        if action is not None and action.speaks:
            self.open_words = True
        else:
            self.open_work = True

    def _withdrawing(self) -> list[UndoStep]:
        """What a NO-GO still has to take back."""
        actions = {action.id: action for action in self.plan.actions}
        return [
            step
            for step in withdrawals(self.plan, self.state)
            if not self.state.effect(step.id).done and not self._exhausted(actions[step.action], step.id)
        ]

    def _withdraw(self) -> Iterator[Due]:
        actions = {action.id: action for action in self.plan.actions}
        for step in self._withdrawing():
            action, effect = actions[step.action], self.state.effect(step.id)
            if effect.under_way:
                yield from self._look(action, step.id, step)
            elif effect.finished_at is not None and effect.finished_at + action.poll > self.now:
                self.future.append(effect.finished_at + action.poll)
            else:
                yield DoEffect(step.id, action, step)

    def _failed_change(self) -> str | None:
        """A production change of this phase that will not come any more, with nobody left to be asked."""
        for action in self.plan.actions:
            if (
                self._in_phase(action.phase, action.id)
                and action.role is ActionRole.CHANGES
                and (self._exhausted(action) or self._blocked(action))
            ):
                return action.id
        return None

    def _checks(self, barrier: timedelta | None) -> Iterator[Due]:
        of_steps = step_checks(self.plan)
        for check in self.plan.checks:
            own = check.id not in of_steps and self._in_phase(check.phase, check.id)
            if own and check.mode is not Mode.ATTESTED:
                yield from self._check(check, barrier)

    def _check(self, check: Check, barrier: timedelta | None) -> Iterator[Due]:
        answers = self.state.check(check.id)
        if answers.judged_at is not None and not self._moved(check, answers.judged_at):
            yield from self._again(check)
        elif self._reached(check.offset, barrier) and not self._waits_in_vain(check):
            self._leave_open(self._done_before(check))
            if check.action is None or self.state.effect(check.action).done:
                yield AskCheck(check)

    def _done_before(self, check: Check) -> Action | None:
        """What the check looks at: whether words came through keeps nobody from going live, as the words do not."""
        return next((action for action in self.plan.actions if action.id == check.action), None)

    def _moved(self, check: Check, judged_at: datetime) -> bool:
        """Whether T0 slipped after it did not pass: its moment comes again, with what was mended meanwhile."""
        passed = self.state.check(check.id).verdict is Verdict.PASS
        return not passed and check.offset is not None and judged_at < moment_of(self.state, check.offset)

    def _again(self, check: Check) -> Iterator[Due]:
        answers = self.state.check(check.id)
        if answers.judged_at is None:
            return
        stale = answers.verdict is Verdict.PASS and self._stale(check, answers.judged_at)
        retry = answers.verdict is not Verdict.PASS and answers.asked <= self.plan.recheck.times
        if stale:
            yield AskCheck(check)
        elif retry:
            self._leave_open(self._done_before(check))
            again = answers.judged_at + self.plan.recheck.every
            if again <= self.now:
                yield AskCheck(check)
            else:
                self.future.append(again)

    def _stale(self, check: Check, judged_at: datetime) -> bool:
        """Older than it may be, at a gate of this phase that is about to open."""
        if check.fresh_for is None or self.now < judged_at + check.fresh_for:
            return False
        return any(
            not self.state.gate(gate.id).opening
            and gate.offset is not None
            and moment_of(self.state, gate.offset) <= self.now
            for gate in self._gates()
        )

    def _waits_in_vain(self, check: Check) -> bool:
        action = next((one for one in self.plan.actions if one.id == check.action), None)
        return action is not None and (self._exhausted(action) or self._blocked(action))

    def _attestations(self, barrier: timedelta | None) -> Iterator[Due]:
        asked = []
        for check in self.plan.checks:
            if check.mode is Mode.AUTOMATED or not self._in_phase(check.phase, check.id):
                continue
            if self.state.check(check.id).attested is not None or check.id in self.memory.asked_people:
                continue
            if self._reached(check.offset, barrier):
                asked.append(check)
        if asked:
            yield AskPeople(tuple(asked))
