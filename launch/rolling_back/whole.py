"""The agenda of a rollback: kill switches, then whatever is let through, verification, closing words, the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from launch.agenda import DoEffect
from launch.events import Outcome
from launch.plan import Action
from launch.plan.execution import ActionRole
from launch.rollback import UndoPlan, UndoStep, plan_undo, residue
from launch.rolling_back.conditions import Conditions, Met
from launch.rolling_back.items import EndRollback, Restored, RollbackAgenda, RollbackDue, RollbackLook, SkipUndo
from launch.rolling_back.verification import Verification


class WholeRollback:
    """Built anew for each look, from the ledger's view alone."""

    def __init__(self, look: RollbackLook) -> None:
        self.look, self.state, self.now, self.rollback = look, look.state, look.now, look.rollback
        self.actions: dict[str, Action] = {action.id: action for action in look.plan.actions}
        self.undo = self._undo()
        self.steps = {step.id: step for step in self.undo.steps}
        self.conditions = Conditions(look)
        self.verification = Verification(look, self.undo.steps)

    def build(self) -> RollbackAgenda:
        opening = [step for step in self.undo.steps if not step.closing]
        words = [step for step in opening if self.actions[step.action].speaks]
        work = [step for step in opening if not self.actions[step.action].speaks]
        due: list[RollbackDue] = [*self._skips(), *(one for step in words for one in self._step(step))]
        due += self.verification.people()
        working = self._work(work)
        due += working
        if self.rollback.restored_at is not None:
            due += self._closing()
        elif not working and all(self._settled(step) for step in work):
            due += self._verified()
        due += self.conditions.due
        later = [moment for moment in self.look.future if moment > self.now]
        return RollbackAgenda(tuple(due), min(later) if later else None, self.conditions.waiting)

    def _undo(self) -> UndoPlan:
        """What there is to undo changes only when something else was touched."""
        forward = (name for name, action in self.actions.items() if action.role is not ActionRole.UNDOES)
        touched = frozenset(name for name in forward if self.state.effect(name).touched)
        key, known = (self.look.procedure.id, touched), self.look.memory.undo
        if key not in known:
            known[key] = plan_undo(self.look.plan, self.state, self.look.procedure)
        return known[key]

    def _skips(self) -> Iterator[RollbackDue]:
        for action, why in self.undo.kept.items():
            if action not in self.rollback.skipped:
                yield SkipUndo(action, why, residue=False)
        for action, why in self.undo.impossible.items():
            if action not in self.rollback.skipped:
                yield SkipUndo(action, why, residue=True)

    def _work(self, work: list[UndoStep]) -> list[RollbackDue]:
        """What can be undone now. Kill switches are tried before anything else begins, and wait for nothing."""
        switches = [step for step in work if step.kill_switch]
        due = [one for step in switches for one in self._step(step)]
        if any(not self._settled(step) and self.state.effect(step.id).attempt == 0 for step in switches):
            return due
        others = [step for step in work if not step.kill_switch and not self._settled(step)]
        if not others:
            return due
        admitted = self.conditions.admitted()
        if admitted.refused:
            return due + [SkipUndo(step.id, admitted.refused, residue=True) for step in others]
        if admitted.met:
            due += [one for step in others for one in self._conditioned(step)]
        return due

    def _conditioned(self, step: UndoStep) -> Iterator[RollbackDue]:
        """A step whose turn it is, once what it needs is there; left, with the reason, where that does not come."""
        effect = self.state.effect(step.id)
        if effect.begun_at is None and self._turn(step):
            found = self._unblocked(step)
            if found.met:
                found = self.conditions.step(step, self._ready_at(step))
            if found.refused:
                yield SkipUndo(step.id, found.refused, residue=True)
            if not found.met:
                return
        yield from self._step(step)

    def _unblocked(self, step: UndoStep) -> Met:
        """An action of the way back is needless, or does harm, when what it builds on (`after`) did not happen."""
        needs = self.actions[step.action].after if step.id == step.action else ()
        missing = [one for one in needs if one in step.after and not self.state.effect(one).done]
        return Met(refused=f"it builds on {missing[0]}, which did not happen") if missing else Met(met=True)

    def _turn(self, step: UndoStep) -> bool:
        return all(self._settled(self.steps[one]) for one in step.after if one in self.steps)

    def _ready_at(self, step: UndoStep) -> datetime:
        """When its turn came."""
        ends = (self.state.effect(one).finished_at for one in step.after)
        return max((end for end in ends if end is not None), default=self.rollback.claimed_at)

    def _step(self, step: UndoStep) -> Iterator[RollbackDue]:
        effect, action = self.state.effect(step.id), self.actions[step.action]
        if self._settled(step):
            return
        if effect.under_way:
            looked = self.look.memory.looked.get(step.id)
            again = looked + action.poll if looked is not None else self.now
            if again <= self.now:
                yield DoEffect(step.id, action, step)
            else:
                self.look.future.append(again)
            return
        if effect.finished_at is not None and effect.finished_at + action.poll > self.now:
            self.look.future.append(effect.finished_at + action.poll)
        elif self._turn(step):
            yield DoEffect(step.id, action, step)

    def _settled(self, step: UndoStep) -> bool:
        effect, action = self.state.effect(step.id), self.actions[step.action]
        return effect.done or effect.exhausted(action.attempts) or step.id in self.rollback.skipped

    def _verified(self) -> list[RollbackDue]:
        """All work is settled: service is verified; or, where no work was let through, there is nothing to verify."""
        left = any(step.id in self.rollback.skipped for step in self.undo.steps)
        if left and self.conditions.admitted().refused:
            return self._end()
        asked = self.verification.asked(closing=False)
        if asked or self.verification.going_on() or self.verification.people():
            return list(asked)
        return [Restored(tuple(self.verification.failed()))]

    def _closing(self) -> list[RollbackDue]:
        due = [one for step in self.undo.steps if step.closing for one in self._step(step)]
        if due or not all(self._settled(step) for step in self.undo.steps):
            return due
        due += self.verification.asked(closing=True)
        return due if due or any(moment > self.now for moment in self.look.future) else self._end()

    def _end(self) -> list[RollbackDue]:
        left = tuple(residue(self.look.plan, self.state, self.undo))
        return [EndRollback(Outcome.PARTIAL if left else Outcome.ROLLED_BACK, left)]
