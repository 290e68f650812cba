"""What a rollback has to undo, in which order, and what is left over: from the ledger's view, never from a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from launch.dependencies import actions_before, reachable
from launch.effects import Restore
from launch.plan import Action, Plan, Procedure
from launch.plan.execution import ActionRole, Undo, UndoKind
from launch.plan.rollback import Order, ProcedureKind
from launch.plan.schedule import FlowPhase
from launch.state import LaunchState


@dataclass(frozen=True)
class UndoStep:
    """One thing to do in a rollback.

    `id` is what the ledger calls it: the undoing action's own id, or `undo-<action>` where a recorded state is put back
    without an action of its own. `takes_back` are the applied actions it undoes; `after` the steps that come first.
    A kill switch comes before everything; `hold`, `requires` and `approval` are those of the procedure's step.
    """

    id: str
    action: str
    takes_back: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    closing: bool = False
    kill_switch: bool = False
    hold: timedelta = timedelta(0)
    requires: tuple[str, ...] = ()
    approval: str | None = None


@dataclass(frozen=True)
class UndoPlan:
    """Steps of a rollback, what is left on purpose, and what cannot be undone (residue)."""

    steps: tuple[UndoStep, ...]
    kept: dict[str, str]
    impossible: dict[str, str]


def production_changed(plan: Plan, state: LaunchState) -> bool:
    """Whether an action that changes production has begun: from here on a NO-GO means a rollback."""
    return any(
        action.role is ActionRole.CHANGES and state.effect(action.id).begun_at is not None for action in plan.actions
    )


def procedure_of(plan: Plan, trigger: str, chosen: str = "") -> Procedure | None:
    """The procedure that was chosen, else the one that the trigger names, else the plan's first."""
    named = next((candidate.procedure for candidate in plan.rollback.triggers if candidate.id == trigger), None)
    named = chosen or named
    return next((one for one in plan.rollback.procedures if named in {None, one.id}), None)


def undo_id(action: Action) -> str:
    """How the ledger calls the undo of an action: the undoing action, or `undo-<action>`."""
    return action.undo.action or f"undo-{action.id}"


def plan_undo(plan: Plan, state: LaunchState, procedure: Procedure) -> UndoPlan:
    """Everything that was touched, mapped to its undo, ordered so that what depends on a thing is undone before it."""
    plan = _as_taken_back(plan, procedure)
    forward = [action for action in plan.actions if _forward(plan, action)]
    touched = {action.id: action for action in forward if state.effect(action.id).touched}
    undone = {
        key: action for key, action in touched.items() if action.undo.how in {UndoKind.BY_ACTION, UndoKind.RESTORE}
    }
    steps: dict[str, UndoStep] = {}
    for action in undone.values():
        step = undo_id(action)
        previous = steps.get(step)
        steps[step] = UndoStep(
            id=step,
            action=action.undo.action or action.id,
            takes_back=(*(previous.takes_back if previous else ()), action.id),
        )
    told = _closing(procedure) & {action.id for action in plan.actions if action.speaks}
    steps = {key: replace(step, closing=key in told) for key, step in steps.items()}
    steps |= {step.id: step for step in _procedure_actions(plan, procedure, steps)}
    ordered = {key: _ordered(step, undone, steps, plan, procedure) for key, step in steps.items()}
    return UndoPlan(
        steps=tuple(_conditioned(step, procedure) for step in _possible(ordered)),
        kept={key: action.undo.because for key, action in touched.items() if action.undo.how is UndoKind.KEEP},
        impossible={
            key: action.undo.because for key, action in touched.items() if action.undo.how is UndoKind.IMPOSSIBLE
        },
    )


def withdrawals(plan: Plan, state: LaunchState) -> list[UndoStep]:
    """What a NO-GO takes back although production was not changed: queued mails, announced maintenance."""
    return [
        UndoStep(id=f"undo-{action.id}", action=action.id, takes_back=(action.id,))
        for action in plan.actions
        if action.undo.on_no_go and state.effect(action.id).touched
    ]


def residue(plan: Plan, state: LaunchState, undo: UndoPlan) -> list[str]:
    """Exactly what is not as it was: steps that failed or were left, what cannot be undone, failed verification.

    An undo that only says something (a correction that could not be posted) leaves nothing behind.
    """
    left = []
    skipped = state.rollback.skipped if state.rollback is not None else {}
    speaking = {action.id for action in plan.actions if action.speaks}
    for step in undo.steps:
        effect = state.effect(step.id)
        if effect.done or step.id in speaking:
            continue
        fate, why = effect.result.value if effect.result else "not run", effect.detail
        if step.id in skipped:
            fate, why = "left", skipped[step.id].why
        what = f"{', '.join(step.takes_back)}: undo {step.id}" if step.takes_back else f"step {step.id}"
        left.append(f"{what} {fate}; {why}".rstrip("; "))
    left += [f"{action}: {why}" for action, why in undo.impossible.items()]
    if state.rollback is not None:
        left += [f"{check} did not pass: {state.check(check).sentence}" for check in state.rollback.failed]
    return left


def _as_taken_back(plan: Plan, procedure: Procedure) -> Plan:
    """The plan with the undo that each action has in this procedure."""
    instead = {
        taken: Undo(how=UndoKind.BY_ACTION, action=step.actions[-1])
        for step in procedure.steps
        for taken in step.takes_back
        if step.actions
    }
    if not instead and procedure.kind is ProcedureKind.FULL:
        return plan
    actions = [one.model_copy(update={"undo": instead.get(one.id, one.undo)}) for one in plan.actions]
    if procedure.kind is ProcedureKind.FLAGS_ONLY:
        stays = Undo(how=UndoKind.KEEP, because=f"stays on purpose: {procedure.title} takes back flags alone")
        switched = {name for step in procedure.steps if step.kill_switch for name in (*step.actions, *step.takes_back)}
        actions = [
            one if {one.id, one.undo.action} & switched else one.model_copy(update={"undo": stays}) for one in actions
        ]
    return plan.model_copy(update={"actions": tuple(actions)})


def _conditioned(step: UndoStep, procedure: Procedure) -> UndoStep:
    """The step with what its place in the procedure says about it."""
    names = {step.id, step.action}
    places = [one for one in procedure.steps if names & set(one.actions) or set(step.takes_back) & set(one.takes_back)]
    if any(one.kill_switch for one in places):
        return replace(step, kill_switch=True, after=(), closing=False)
    return replace(
        step,
        hold=max((one.hold for one in places if one.hold is not None), default=timedelta(0)),
        requires=tuple(dict.fromkeys(check for one in places for check in one.requires)),
        approval=next((one.approval for one in places if one.approval is not None), None),
    )


def _forward(plan: Plan, action: Action) -> bool:
    back = {phase.id for phase in plan.phases if phase.flow_phase is FlowPhase.ROLLBACK}
    return action.phase not in back and action.role is not ActionRole.ALTERNATIVE


def _ordered(
    step: UndoStep,
    undone: dict[str, Action],
    steps: dict[str, UndoStep],
    plan: Plan,
    procedure: Procedure,
) -> UndoStep:
    """The step with what comes before it. Work never waits for words, and nothing waits for what closes a rollback."""
    printed = [action for one in procedure.steps for action in one.actions]
    if procedure.order is Order.AS_PRINTED and step.id in printed:
        before = set(printed[: printed.index(step.id)])
    else:
        waits = actions_before(plan)
        waiting = {one: [other for other, earlier in waits.items() if one in earlier] for one in waits}
        dependents = set().union(*(reachable(waiting, action) for action in step.takes_back))
        before = {undo_id(undone[action]) for action in dependents if action in undone} | set(step.after)
    speaking = {action.id for action in plan.actions if action.speaks}
    works = step.action not in speaking
    known = [one for one in steps.values() if one.id in before and one.id != step.id]
    after = [
        one.id for one in known if not (works and one.action in speaking) and not (one.closing and not step.closing)
    ]
    return replace(step, after=tuple(sorted(after)))


def _possible(steps: dict[str, UndoStep]) -> list[UndoStep]:
    """The steps without circles: one undo shared by two actions cannot wait for what was done between the two."""
    waits = {key: set(step.after) for key, step in steps.items()}
    for key, step in steps.items():
        if len(step.takes_back) > 1:
            waits[key] -= {one for one in waits[key] if key in reachable(waits, one)}
    return [replace(step, after=tuple(sorted(waits[key]))) for key, step in steps.items()]


def _procedure_actions(plan: Plan, procedure: Procedure, steps: Mapping[str, UndoStep]) -> list[UndoStep]:
    """The procedure's own actions that take nothing back: announcements, waits, tags, postmortems.

    One that waits for others is left out where none of them happens; so is an undo of what was never done, unless it
    only says something.
    """
    actions = {action.id: action for action in plan.actions}
    closing = _closing(procedure)
    own: dict[str, UndoStep] = {}
    undoing = {one.undo.action for one in plan.actions if one.undo.action and not actions[one.undo.action].speaks}
    for name in dict.fromkeys(action for printed in procedure.steps for action in printed.actions):
        action = actions[name]
        follows = [one for one in action.after if one in steps or one in own]
        needless = (bool(action.after) and not follows) or name in undoing
        if name in steps or isinstance(action.effect, Restore) or needless:
            continue
        own[name] = UndoStep(id=name, action=name, after=tuple(follows), closing=name in closing)
    return list(own.values())


def _closing(procedure: Procedure) -> set[str]:
    """Actions of the steps after verification (the first step without actions after one with): they close it.

    Work that takes something back is not among a rollback's closing steps even there: verification has to see it done.
    """
    begin = next((step.n for step in procedure.steps if step.actions or step.takes_back), 0)
    idle = [step.n for step in procedure.steps if not step.actions and not step.takes_back and step.n > begin]
    verification = min(idle, default=None)
    later = [step for step in procedure.steps if verification is not None and step.n > verification]
    return {action for step in later for action in step.actions}
