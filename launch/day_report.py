"""The day-1 summary that leadership reads, from the ledger alone. What is not on record is unknown; it says why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from launch import events
from launch.events import GuardState
from launch.ledger import Record
from launch.plan import Plan
from launch.state import LaunchState
from launch.verdicts import Verdict

# What leadership asks for, and the metrics that answer it, best first (runbook 000 L498-537).
_FIGURES = (
    ("Uptime", ("synthetic_uptime",)),
    ("Activation", ("activated_customers", "pilot_customers_logged_in")),
    ("TTFV", ("ttfv_mean", "ttfv")),
    ("Error rate", ("error_rate",)),
    ("Latency P95", ("latency_p95",)),
)


def day_report(plan: Plan, state: LaunchState, records: Sequence[Record]) -> str:
    """Markdown with Metrics, Incidents, Wins, Learnings and Action items. Figures are the newest on record."""
    t0 = state.live_at or state.t0
    status = "Rollback" if state.rollback else "Success" if state.live_at else "Not live"
    lines = [
        f"# {plan.product.name}: launch day summary",
        "",
        f"**Launch**: {state.launch}  ",
        f"**Launch time**: {t0:%Y-%m-%d %H:%M} UTC  " if t0 else "**Launch time**: unknown (never opened)  ",
        f"**Status**: {status}",
        "",
        "## Metrics",
        *_metrics(plan, records),
        "",
        "## Incidents",
        *(_incidents(records) or ["- none on record"]),
        "",
        "## Wins",
        *(_wins(plan, state) or ["- none on record"]),
        "",
        "## Learnings",
        *(_learnings(state, records) or ["- every check passed the first time"]),
        "",
        "## Action items",
        *(_open_points(state) or ["- none open"]),
    ]
    return "\n".join(lines) + "\n"


def _metrics(plan: Plan, records: Sequence[Record]) -> Iterator[str]:
    seen: dict[str, str] = {}
    units = {guard.metric: guard.unit for guard in reversed(plan.thresholds)}
    for record in records:
        match record.event:
            case events.CheckJudged(measured=measured):
                seen |= {metric: str(value) for metric, value in measured.items()}
            case events.MetricsSeen(values=values):
                known = {metric: value for metric, value in values.items() if value is not None}
                seen |= {metric: f"{value:.3g} {units.get(metric, '')}".rstrip() for metric, value in known.items()}
    for title, metrics in _FIGURES:
        value = next((seen[metric] for metric in metrics if metric in seen), None)
        yield f"- **{title}**: {value}" if value else f"- **{title}**: unknown (nothing on record measures it yet)"


def _incidents(records: Sequence[Record]) -> list[str]:
    return [
        f"- {record.at:%a %H:%M} UTC: guard {record.event.guard} {record.event.state.value}"
        for record in records
        if isinstance(record.event, events.GuardChanged)
        and record.event.state in {GuardState.FIRING, GuardState.NO_DATA}
    ]


def _wins(plan: Plan, state: LaunchState) -> list[str]:
    passed = sum(1 for check in state.checks.values() if check.verdict is Verdict.PASS)
    wins = [f"- {passed} of {len(plan.checks)} checks passed"] if passed else []
    if state.live_at is not None and state.planned_t0 is not None:
        late = int((state.live_at - state.planned_t0).total_seconds())
        wins.append("- live at the planned T0" if late <= 0 else f"- live {late} s after the planned T0")
    return wins


def _learnings(state: LaunchState, records: Sequence[Record]) -> list[str]:
    missed = [
        f"- {record.event.check} did not pass at {record.at:%a %H:%M} UTC: {record.event.sentence}"
        for record in records
        if isinstance(record.event, events.CheckJudged) and record.event.verdict is not Verdict.PASS
    ]
    return missed + [f"- {alarm.what}: {alarm.detail}" for alarm in state.alarms]


def _open_points(state: LaunchState) -> list[str]:
    return [
        f"- {name}: {check.sentence}"
        for name, check in state.checks.items()
        if check.verdict is not None and check.verdict is not Verdict.PASS
    ]
