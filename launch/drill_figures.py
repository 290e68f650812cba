"""What a drill measured, from its records alone: how long each step took, how soon service was back, what was lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from launch.acts import plan_of
from launch.errors import RefusedError
from launch.events import EffectBegun, Outcome, SnapshotTaken
from launch.ledger import Record
from launch.model import Model
from launch.moments import format_duration
from launch.plan import Plan
from launch.rollback import procedure_of
from launch.state import LaunchState, fold
from launch.units import convert


class DrillStep(Model):
    """One effect: when it began, counted from the first effect of its half, and how long it took until it held."""

    id: str
    after_seconds: float
    took_seconds: float | None
    result: str
    detail: str = ""


class DrillFigures(Model):
    """A drill's result. Seconds are of the launch clock; None is what did not happen or was not recorded.

    `restored_seconds` is the recovery time (RTO): from the call for the rollback until service was verified restored.
    `lost_seconds` is the recovery point (RPO): how old the data is that a restore would lead to, from the snapshot item
    that names a `recovery_point`. A way back that takes the schema down in place costs none of it. `failures` says in
    words why the drill did not pass; empty is a pass.
    """

    launch: str
    environment: str
    release: str
    outcome: str
    opened_at: datetime
    ended_at: datetime | None
    deploy: tuple[DrillStep, ...]
    deploy_seconds: float | None
    undo: tuple[DrillStep, ...]
    restored_seconds: float | None
    complete_seconds: float | None
    lost_seconds: float | None
    restore_within_seconds: float | None
    complete_within_seconds: float | None
    lose_within_seconds: float | None
    residue: tuple[str, ...]
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Rolled back without residue, within every budget that the plan gives."""
        return not self.failures


def drill_figures(records: Sequence[Record]) -> DrillFigures:
    """The figures of a drill so far. Raises `RefusedError` for records that do not begin with an opening."""
    plan, state = plan_of(records), fold(records)
    opened, back = state.opened, state.rollback
    if opened is None:
        message = "a drill that was not opened has no figures"
        raise RefusedError(message)
    claimed = back.claimed_at if back else None
    begun = [record for record in records if isinstance(record.event, EffectBegun)]
    forward = [one for one in begun if claimed is None or one.at < claimed or not _undoes(plan, one)]
    undo = [one for one in begun if one not in forward]
    deploy_steps = tuple(_steps(state, forward, forward[0].at if forward else None))
    procedure = procedure_of(plan, back.trigger if back else "")
    ends = [state.effect(step.id).finished_at for step in deploy_steps]
    finished = [end for end in ends if end is not None]
    figures = DrillFigures(
        launch=state.launch,
        environment=opened.environment,
        release=opened.release.version,
        outcome=state.outcome.value if state.outcome else "",
        opened_at=records[0].at,
        ended_at=records[-1].at if state.outcome else None,
        deploy=deploy_steps,
        deploy_seconds=_span(forward[0].at, max(finished)) if forward and finished else None,
        undo=tuple(_steps(state, undo, claimed)),
        restored_seconds=_span(claimed, back.restored_at if back else None),
        complete_seconds=_span(claimed, back.ended_at if back else None),
        lost_seconds=_lost(plan, records, claimed),
        restore_within_seconds=_seconds(procedure.restore_within if procedure else None),
        complete_within_seconds=_seconds(procedure.complete_within if procedure else None),
        lose_within_seconds=_seconds(procedure.lose_within if procedure else None),
        residue=back.residue if back else (),
        failures=(),
    )
    return figures.model_copy(update={"failures": tuple(_failures(figures))})


def _undoes(plan: Plan, record: Record) -> bool:
    forward = {action.id for action in plan.actions if action.offset is not None}
    return isinstance(record.event, EffectBegun) and record.event.action not in forward


def _steps(state: LaunchState, begun: Sequence[Record], origin: datetime | None) -> Iterator[DrillStep]:
    names = [one.event.action for one in begun if isinstance(one.event, EffectBegun)]
    for name in dict.fromkeys(names):
        effect = state.effect(name)
        yield DrillStep(
            id=name,
            after_seconds=_span(origin, effect.first_begun_at) or 0.0,
            took_seconds=_span(effect.first_begun_at, effect.finished_at),
            result=effect.result.value if effect.result else "under way",
            detail=effect.detail,
        )


def _lost(plan: Plan, records: Sequence[Record], claimed: datetime | None) -> float | None:
    """Age of the recovery point when the rollback was called for: its age in the snapshot, and the time since then."""
    item = next((one for one in plan.rollback.snapshot if one.recovery_point), None)
    if item is None or claimed is None:
        return None
    for record in records:
        if isinstance(record.event, SnapshotTaken):
            age = _age(record.event.readings.get(item.id, {}).get(item.recovery_point))
            return None if age is None else age + (claimed - record.at).total_seconds()
    return None


def _age(found: object) -> float | None:
    match found:
        case {"value": bool()}:
            return None
        case {"value": int() | float() as value, "unit": str() as unit}:
            return convert(float(value), unit or "s", "s")
        case int() | float() if not isinstance(found, bool):
            return float(found)
        case _:
            return None


def _failures(figures: DrillFigures) -> Iterator[str]:
    for step in figures.deploy:
        if step.result in {"failed", "unknown"}:
            yield f"{step.id} {step.result}: {step.detail}".rstrip(": ")
    if figures.outcome != Outcome.ROLLED_BACK.value:
        yield f"it ended {figures.outcome or 'not yet'}" + (f"; left: {figures.residue[0]}" if figures.residue else "")
    budgets: Mapping[str, tuple[float | None, float | None]] = {
        "service was restored after": (figures.restored_seconds, figures.restore_within_seconds),
        "the rollback was complete after": (figures.complete_seconds, figures.complete_within_seconds),
        "a restore would cost the data of the last": (figures.lost_seconds, figures.lose_within_seconds),
    }
    for what, (measured, budget) in budgets.items():
        if budget is None:
            continue
        if measured is None:
            yield f"{what} an unknown time; the budget is {_words(budget)}"
        elif measured > budget:
            yield f"{what} {_words(measured)}; the budget is {_words(budget)}"


def _words(seconds: float) -> str:
    return format_duration(timedelta(seconds=round(seconds)))


def _span(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start is not None and end is not None else None


def _seconds(duration: timedelta | None) -> float | None:
    return duration.total_seconds() if duration is not None else None


def drill_words(figures: DrillFigures) -> str:
    """The result in a few lines of Markdown, worst first."""
    told = [f"- {failure}" for failure in figures.failures] or ["- rolled back without residue, within every budget"]
    head = f"**{'passed' if figures.passed else 'not passed'}**: {figures.launch}, {figures.release}"
    return "\n".join([f"{head} in {figures.environment}", "", *told])


def drill_rows(figures: DrillFigures) -> Iterator[dict[str, str]]:
    """Every step and every sum with its budget, as text."""
    for half, steps in (("deploy", figures.deploy), ("roll back", figures.undo)):
        for step in steps:
            took = "" if step.took_seconds is None else _words(step.took_seconds)
            began = f"+{_words(step.after_seconds)}"
            yield {"": half, "step": step.id, "began": began, "took": took, "budget": "", "result": step.result}
    sums = (
        ("deployed", figures.deploy_seconds, None),
        ("service restored (RTO)", figures.restored_seconds, figures.restore_within_seconds),
        ("complete", figures.complete_seconds, figures.complete_within_seconds),
        ("data a restore would cost (RPO)", figures.lost_seconds, figures.lose_within_seconds),
    )
    for what, measured, budget in sums:
        yield {
            "": "sum",
            "step": what,
            "began": "",
            "took": "unknown" if measured is None else _words(measured),
            "budget": "" if budget is None else _words(budget),
            "result": "",
        }
