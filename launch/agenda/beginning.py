"""What an action waits for when its moment has come: others, its step, its service, the snapshot, people, guards."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import datetime
from functools import cached_property

from launch.agenda.items import DoEffect, Due, Memory, OpenGate, SampleGuards, Scope, TakeSnapshot
from launch.agenda.look import Look
from launch.calendar import phase_end
from launch.dependencies import actions_before
from launch.events import Decision, GuardState
from launch.exposure import state_of
from launch.plan import Action, Guard, Plan
from launch.plan.execution import ActionRole
from launch.snapshot import to_record, unrecorded
from launch.state import LaunchState
from launch.steps import earlier_steps, step_with


class Beginning(Look):
    """Rules on the beginning of an action, and on what will never begin."""

    def __init__(self, plan: Plan, state: LaunchState, now: datetime, scope: Scope, memory: Memory) -> None:
        super().__init__(plan, state, now, scope, memory)
        self.sampling: set[str] = set()
        """Guards that are evaluated at this look already."""
        self._recording = False
        self._hopeless: dict[str, bool] = {}

    @cached_property
    def _before(self) -> dict[str, tuple[str, ...]]:
        return actions_before(self.plan)

    @cached_property
    def _actions(self) -> dict[str, Action]:
        return {action.id: action for action in self.plan.actions}

    def _blocked(self, action: Action) -> bool:
        """Whether it will not begin any more: what it waits for has failed for good, or it was not approved in time."""
        if action.id not in self._hopeless:
            # Plans in which actions wait for each other are refused; this only ends the search in one that was not.
            self._hopeless[action.id] = False
            step = step_with(self.plan, action.id)
            steps = earlier_steps(self.plan, step) if step is not None else []
            waits = [*self._before[action.id], *(one for earlier in steps for one in earlier.actions)]
            others = [self._actions[one] for one in waits]
            failed = any(self._exhausted(one) or self._blocked(one) for one in others)
            self._hopeless[action.id] = failed or self._refused(action)
        return self._hopeless[action.id]

    def _refused(self, action: Action) -> bool:
        if action.approval is None and not action.while_clear:
            return False
        if self.state.effect(action.id).begun_at is not None:
            return False
        approval = self.state.gate(action.approval) if action.approval is not None else None
        if approval is not None and approval.decision is Decision.NO_GO:
            return True
        flow_phase = next((phase.flow_phase for phase in self.plan.phases if phase.id == action.phase), None)
        end = phase_end(self.plan, self.state, flow_phase) if flow_phase is not None else None
        return end is not None and self.now >= end and not (approval is not None and approval.open)

    def _ready(self, action: Action) -> bool:
        """Whether nothing of the launch's own keeps it: no hold, nothing undone that comes before it."""
        if self.state.hold is not None or not all(self.state.effect(one).done for one in self._before[action.id]):
            return False
        step = step_with(self.plan, action.id)
        if step is None:
            return True
        left = all(self.state.step(one.n).advanced_at is not None for one in earlier_steps(self.plan, step))
        return left and self.state.exposure_hold is None

    def _begin(self, action: Action) -> Iterator[Due]:
        """The action itself, or what has to come before it: clear guards, approval, the snapshot."""
        if action.while_clear and not (yield from self._all_clear(action)):
            return
        if action.approval is not None and not (yield from self._approved(action)):
            return
        if action.role is ActionRole.CHANGES and (record := self._record(action)):
            if not self._recording:
                self._recording = True
                yield TakeSnapshot(record, self.plan.rollback.snapshot if self.state.snapshot is None else ())
            return
        yield DoEffect(action.id, action)

    def _record(self, action: Action) -> tuple[Action, ...]:
        """What is to be recorded now before this action may begin; once at a moment."""
        if self.state.snapshot is not None:
            again = self.state.snapshot_at is None or self.state.snapshot_at < self.now
            if not again or not unrecorded(self.state, action):
                return ()
        record = to_record(self.plan, self.state)
        return record if self.state.snapshot is None or action in record else ()

    def _all_clear(self, action: Action) -> Generator[Due, None, bool]:
        """Evaluates the guards of an action for its sake; returns whether all of them are clear now."""
        guards = [guard for guard in self.plan.thresholds if guard.id in action.while_clear]
        sampled = [self.memory.sampled.get(guard.id) for guard in guards]
        every = self.plan.rollout.every
        yield from self._sample(
            [one for one, at in zip(guards, sampled, strict=True) if at is None or at + every <= self.now]
        )
        if self.sampling & set(action.while_clear):
            return False
        clear = all(state_of(self.state, guard.id) is GuardState.CLEAR for guard in guards)
        if not clear:
            self.future += [at + every for at in sampled if at is not None]
        return clear

    def _sample(self, guards: list[Guard]) -> Iterator[Due]:
        """Evaluates these guards, none of them twice at one look."""
        fresh = tuple(guard for guard in guards if guard.id not in self.sampling)
        self.sampling |= {guard.id for guard in fresh}
        if fresh:
            yield SampleGuards(fresh)

    def _approved(self, action: Action) -> Generator[Due, None, bool]:
        """Asks the gate that has to say GO, again after each HOLD; returns whether it has."""
        gate = next(gate for gate in self.plan.gates if gate.id == action.approval)
        current = self.state.gate(gate.id)
        if not current.open and current.decision in {None, Decision.HOLD}:
            yield OpenGate(gate, current.opening + 1, f"{action.id} is ready: {action.what}")
        return current.decision is Decision.GO
