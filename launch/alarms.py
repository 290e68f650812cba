"""What an alarm keeps and says: exposure that must not rise while nobody watches, and the ways out for who is paged."""

from __future__ import annotations

from launch.exposure import live_exposure
from launch.plan import Plan
from launch.rollback import production_changed
from launch.state import LaunchState
from launch.steps import current_step, steps_of

WATCHDOG = "watchdog"
"""Who holds the exposure where no person does."""


def exposure_at_stake(plan: Plan, state: LaunchState) -> bool:
    """Whether exposure has begun to rise and may rise further. Before the first change there is nothing to keep."""
    if state.outcome is not None or state.rollback is not None or current_step(plan, state) is None:
        return False
    return any(state.effect(action).touched for step in steps_of(plan) for action in step.actions)


def alarm_text(plan: Plan, state: LaunchState, detail: str, form: str = "") -> str:
    """An alarm for the pager and the war room: what was found, what is held, what a person can do.

    `form` is a link to where a rollback is started by hand.
    """
    return " ".join([f"{state.launch}: {detail}.", *_held(state), *_ways_out(plan, state, form)])


def _held(state: LaunchState) -> list[str]:
    if state.exposure_hold is None or state.rollback is not None:
        return []
    share = live_exposure(state)
    where = "" if share is None else f" at {share:g} %"
    release = f"tminus hold --exposure --lift --launch {state.launch} --by YOU"
    return [f"Exposure is held{where} by {state.exposure_hold.by} until a person releases it: {release}."]


def _ways_out(plan: Plan, state: LaunchState, form: str) -> list[str]:
    if state.rollback is not None:
        return ["The rollback goes on by itself when a worker is there."]
    stays = "Nothing advances meanwhile; it goes on by itself when a worker is there."
    if not production_changed(plan, state):
        return [stays]
    link = f", or {form}" if form else ""
    return [stays, f"To take it back: tminus rollback {state.launch} --by YOU --reason WHY{link}"]
