"""The agenda of a phase or of a checkpoint, from the topics it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from launch import gates
from launch.agenda.exposure import Exposing
from launch.agenda.items import (
    Agenda,
    AskPeople,
    Due,
    EndScope,
    GoLive,
    MeasureCriterion,
    PostUpdate,
    SampleGuards,
    StartRollback,
    speaks,
)
from launch.agenda.triggers import Triggers
from launch.agenda.unanswered import Unanswered
from launch.calendar import moment_of, phase_end, phase_start
from launch.events import Decision
from launch.moments import format_offset
from launch.plan import Check, Checkpoint, Mode
from launch.plan.schedule import FlowPhase


class Whole(Exposing, Triggers, Unanswered):
    """The agenda of a phase or of a checkpoint, urgent things first."""

    def build(self) -> Agenda:
        if self._over():
            return Agenda(())
        if self.scope.checkpoint is not None:
            point = next(one for one in self.plan.checkpoints if one.id == self.scope.checkpoint)
            return self._checkpoint(point)
        return self._phase()

    def _phase(self) -> Agenda:
        urgent = [*self._rollbacks(), *self._refused_steps()]
        if urgent:
            return Agenda(tuple(urgent[:1]))
        due: list[Due] = [*self._triggers(), *self._unanswered()]
        due += self._guards()
        self.sampling |= {guard.id for one in due if isinstance(one, SampleGuards) for guard in one.guards}
        due += self._calls()
        due += self._settlements()
        due += self._announcements()
        stopped = self._no_go()
        if stopped is not None:
            due += self._withdraw()
            if not due and not self._withdrawing():
                due.append(EndScope(Decision.NO_GO, stopped))
            return self._agenda(due)
        barrier = self._barrier()
        exposure = list(self._exposure())
        back = [one for one in exposure if isinstance(one, StartRollback)]
        if back:
            return Agenda(tuple(back))
        due += exposure
        due += self._effects(barrier)
        due += self._checks(barrier)
        due += self._attestations(barrier)
        due += self._criteria()
        due += self._gate_openings(busy=bool(due))
        due += self._updates()
        if not self.open_work and all(speaks(one) for one in due):
            due += self._finish(silent=not due and not self.open_words)
        return self._agenda(due)

    def _over(self) -> bool:
        if self.state.outcome is not None:
            return True
        if self.scope.checkpoint is not None:
            return self.scope.checkpoint in self.state.checkpoints
        return self.scope.phase is not None and self.state.phase(self.scope.phase).decision is not None

    def _updates(self) -> Iterator[Due]:
        start, end = self._span()
        for cadence in self.plan.comms.cadences:
            if cadence.every is None or cadence.start is None or cadence.end is None:
                continue
            latest, following = self._tick(cadence.start, cadence.end, cadence.every, start, end)
            if following is not None and following < end:
                self.future.append(following)
            if latest is None or latest == end or self.state.t0 is None:
                continue
            key = f"{cadence.id}@{format_offset(latest - (self.state.live_at or self.state.t0))}"
            if key not in self.state.messages:
                yield PostUpdate(cadence, key)

    def _criteria(self) -> Iterator[Due]:
        if self.scope.phase is not FlowPhase.REVIEW:
            return
        start = phase_start(self.plan, self.state, FlowPhase.REVIEW) or self.now
        for criterion in self.plan.success_criteria:
            moment = max(moment_of(self.state, criterion.measured_at), start)
            if criterion.id in self.state.criteria:
                continue
            if moment <= self.now:
                yield MeasureCriterion(criterion)
            else:
                self.open_work = True
                self.future.append(moment)

    def _finish(self, *, silent: bool) -> list[Due]:
        """What follows when all work is done. `silent`: so are the words; only the end of a phase waits for those."""
        phase = self.scope.phase
        if phase is FlowPhase.COUNTDOWN:
            failed = self._failed_change()
            if failed:
                return [StartRollback("captain", "urgent", f"{failed} failed, so the product cannot go live")]
            return self._go_live(silent=silent)
        if phase is None or not silent:
            return []
        end = phase_end(self.plan, self.state, phase)
        if phase is FlowPhase.REVIEW:
            return self._close_review(end)
        if end is not None and end > self.now and phase is FlowPhase.STABILIZATION:
            self.future.append(end)
            return []
        return [EndScope(Decision.GO)]

    def _go_live(self, *, silent: bool) -> list[Due]:
        """Not before T0, however early everything is done, and not while it is held: what follows counts from here."""
        t0 = moment_of(self.state, timedelta(0))
        if self.state.live_at is not None:
            return [EndScope(Decision.GO)] if silent else []
        if t0 > self.now:
            self.future.append(t0)
            return []
        if self.state.hold is not None:
            return []
        return [GoLive()]

    def _close_review(self, end: datetime | None) -> list[Due]:
        if end is not None and end > self.now:
            self.future.append(end)
            return []
        late = [point for point in self.plan.checkpoints if point.id not in self.state.checkpoints]
        if late:
            self.future.append(self.now + timedelta(minutes=1))
            return []
        return [EndScope(Decision.GO)]

    def _checkpoint(self, point: Checkpoint) -> Agenda:
        moment = moment_of(self.state, point.offset)
        if self.state.rollback is not None:
            return Agenda((EndScope(Decision.NO_GO, "rolled back", point.criteria),))
        if moment > self.now:
            return Agenda((), moment)
        due: list[Due] = []
        for action in self.plan.actions:
            if action.id in point.actions:
                due += self._effect(action.model_copy(update={"offset": point.offset}), None)
        checks = [check for check in self.plan.checks if check.id in point.criteria]
        for check in checks:
            if check.mode is not Mode.ATTESTED:
                due += self._check(check.model_copy(update={"offset": point.offset}), None)
        people = [
            check
            for check in checks
            if check.mode is not Mode.AUTOMATED
            and self.state.check(check.id).attested is None
            and check.id not in self.memory.asked_people
        ]
        if people:
            due.append(AskPeople(tuple(people)))
        if not due and not self.open_work:
            due += self._close_checkpoint(point, checks, moment)
        return self._agenda(due)

    def _close_checkpoint(self, point: Checkpoint, checks: list[Check], moment: datetime) -> list[Due]:
        missed = tuple(
            check.id
            for check in checks
            if gates.standing(check, self.state.check(check.id), self.now)
            not in {gates.CheckStanding.PASSED, gates.CheckStanding.WAIVED}
        )
        deadline = moment + max(point.duration or timedelta(0), timedelta(hours=1))
        if any(self._awaits_person(check) for check in checks) and self.now < deadline:
            self.future.append(deadline)
            return []
        return [EndScope(Decision.GO, missed=missed)]

    def _awaits_person(self, check: Check) -> bool:
        return check.mode is not Mode.AUTOMATED and self.state.check(check.id).attested is None
