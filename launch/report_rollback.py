"""The report on triggers and the rollback: who set it off, how long each stretch took, what is left over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from launch import events
from launch.events import Outcome
from launch.ledger import Record
from launch.moments import format_duration
from launch.plan import Plan
from launch.report_text import NOTHING, instant, section, span, table, unknown
from launch.rollback_times import Took, rollback_times
from launch.state import LaunchState, RollbackState


def rollback_section(plan: Plan, state: LaunchState, records: Sequence[Record], zone: ZoneInfo) -> list[str]:
    """Empty where nothing was rolled back."""
    back = state.rollback
    if back is None:
        return section("Rollback", ["There was none.", ""])
    claimed = next(at for at, record in enumerate(records) if isinstance(record.event, events.RollbackClaimed))
    undone = [record.event.action for record in records[claimed:] if isinstance(record.event, events.EffectBegun)]
    first = next((record.at for record in records[claimed:] if isinstance(record.event, events.EffectBegun)), None)
    times = rollback_times(plan, back)
    rows = [
        ("Outcome", back.outcome.value if back.outcome else unknown("it has not ended")),
        ("Set off by", f"{back.trigger} ({back.tier}), {back.by}: {_because(state, back.trigger)}"),
        ("Procedure", times.procedure),
        ("Claimed", instant(back.claimed_at, zone)),
        ("First undo after", span(back.claimed_at, first)),
        ("Service restored after", _took(times.restored)),
        ("Complete after", _took(times.complete)),
        ("Not restored", ", ".join(back.failed) or ("nothing" if back.restored_at else unknown("not verified"))),
    ]
    steps = [_step(state, key, zone) for key in dict.fromkeys(undone)]
    kept = [(one.action, "residue" if one.residue else "kept", one.why) for one in back.skipped.values()]
    return section(
        "Rollback",
        table(("", ""), rows),
        ["### Undone", ""],
        table(("Step", "Result", "Begun", "Took", "Detail"), steps),
        ["### Not undone", ""],
        table(("Action", "", "Why"), kept),
        ["### Residue", ""],
        _residue(back),
    )


def _took(one: Took) -> str:
    """`12m (within 20m)`, `35m (5m over 30m)`, and what is not known as such."""
    if one.within is None:
        budget = f"target {unknown('the plan gives no figure')}"
    elif one.over is not None:
        budget = f"{_rounded(one.over)} over {format_duration(one.within)}"
    else:
        budget = f"{'within' if one.took is not None else 'target'} {format_duration(one.within)}"
    return f"{_rounded(one.took) if one.took is not None else NOTHING} ({budget})"


def _rounded(duration: timedelta) -> str:
    return format_duration(timedelta(seconds=round(duration.total_seconds())))


def _step(state: LaunchState, key: str, zone: ZoneInfo) -> tuple[str, ...]:
    effect = state.effect(key)
    result = effect.result.value if effect.result else "under way"
    took = span(effect.first_begun_at, effect.finished_at)
    return key, result, instant(effect.first_begun_at, zone), took, effect.detail


def _residue(back: RollbackState) -> list[str]:
    if back.ended_at is None:
        return [unknown("the rollback has not ended").capitalize() + ".", ""]
    if not back.residue:
        return ["Nothing is left over." if back.outcome is Outcome.ROLLED_BACK else "None was recorded.", ""]
    return [*(f"- {one}" for one in back.residue), ""]


def _because(state: LaunchState, trigger: str) -> str:
    fired = state.triggers.get(trigger)
    return fired.because if fired is not None else NOTHING
