"""The report's section on the rollback: who set it off, how long each stretch took, what is left over."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from launch import events
from launch.events import Outcome
from launch.ledger import Record
from launch.moments import format_duration
from launch.plan import Plan
from launch.report_text import NOTHING, instant, section, span, table, unknown
from launch.rollback import procedure_of
from launch.state import LaunchState, RollbackState


def rollback_section(plan: Plan, state: LaunchState, records: Sequence[Record], zone: ZoneInfo) -> list[str]:
    """Empty where nothing was rolled back."""
    back = state.rollback
    if back is None:
        return section("Rollback", ["There was none.", ""])
    claimed = next(at for at, record in enumerate(records) if isinstance(record.event, events.RollbackClaimed))
    undone = [record.event.action for record in records[claimed:] if isinstance(record.event, events.EffectBegun)]
    first = next((record.at for record in records[claimed:] if isinstance(record.event, events.EffectBegun)), None)
    procedure = procedure_of(plan, back.trigger)
    budget = procedure.restore_within if procedure else None
    target = format_duration(budget) if budget else unknown("the plan gives no figure")
    rows = [
        ("Outcome", back.outcome.value if back.outcome else unknown("it has not ended")),
        ("Set off by", f"{back.trigger} ({back.tier}), {back.by}: {_because(state, back.trigger)}"),
        ("Claimed", instant(back.claimed_at, zone)),
        ("First undo after", span(back.claimed_at, first)),
        ("Service restored after", f"{span(back.claimed_at, back.restored_at)} (target {target})"),
        ("Complete after", span(back.claimed_at, back.ended_at)),
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
