"""What is recorded before the first change, and what an undo puts back from it."""

from __future__ import annotations

from launch.effects import Restore
from launch.plan import Action, Plan
from launch.plan.execution import ActionRole
from launch.ports import State
from launch.rollback import production_changed
from launch.state import LaunchState
from launch.wording import names_actions


def to_record(plan: Plan, state: LaunchState) -> tuple[Action, ...]:
    """Actions whose targets are recorded before this launch changes anything.

    All that change production, at first. Later those that could not be seen then, as long as nobody has begun to change
    the system they are on: what is seen there after a change is not what was there before. Never those whose target is
    only known when other actions are done (the address of a clone): they record it when they begin.
    """
    if state.snapshot is not None and not state.snapshot.missing:
        return ()
    changing = [action for action in plan.actions if _changes(action)]
    if state.snapshot is None:
        return () if production_changed(plan, state) else tuple(changing)
    touched = {_system(action) for action in changing if state.effect(action.id).begun_at is not None}
    missing = state.snapshot.missing
    return tuple(action for action in changing if action.id in missing and _system(action) not in touched)


def unrecorded(state: LaunchState, action: Action) -> str:
    """Why an action's target is not in the snapshot; empty if it is, or if the launch has none."""
    if state.snapshot is None or not _changes(action):
        return ""
    why = state.snapshot.missing.get(action.id)
    return "" if why is None else f"what was there before could not be recorded: {why}"


def recorded_state(state: LaunchState, action: str) -> State:
    """What an undo of this action puts back: what the snapshot says, else what was there when the action began."""
    if state.snapshot is not None and action in state.snapshot.states:
        return state.snapshot.states[action]
    return state.effect(action).before


def _changes(action: Action) -> bool:
    if action.role is not ActionRole.CHANGES or isinstance(action.effect, Restore):
        return False
    return not names_actions(action.effect)


def _system(action: Action) -> str:
    return "" if isinstance(action.effect, Restore) else action.effect.on
