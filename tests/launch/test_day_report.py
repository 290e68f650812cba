"""The day-1 summary: figures from the record, and what is not on it is said to be unknown."""

from datetime import timedelta

import pytest

from launch.day_report import day_report
from launch.events import (
    AlarmRaised,
    AnyEvent,
    CheckJudged,
    GuardChanged,
    GuardState,
    MetricsSeen,
    RollbackClaimed,
    WentLive,
)
from launch.verdicts import Verdict
from tests.fakes import plans
from tests.fakes.agenda_player import Player
from tests.fakes.plans import T0

LATE = timedelta(seconds=42)


def report(*happened: AnyEvent, late: timedelta = timedelta(0)) -> list[str]:
    player = Player(plans.plan(checks=[plans.check("disk"), plans.check("lag")], guards=[plans.guard("errors")]))
    player.now = T0 + late
    player.write(*happened)
    return day_report(player.plan, player.state, player.records).splitlines()


def judged(verdict: Verdict, check: str = "disk", **measured: str) -> CheckJudged:
    return CheckJudged(check=check, verdict=verdict, sentence=f"{check} is so", measured=measured)


def section(lines: list[str], title: str) -> list[str]:
    start = lines.index(f"## {title}") + 1
    rest = [line for line in lines[start:] if line]
    return rest[: next((place for place, line in enumerate(rest) if line.startswith("## ")), len(rest))]


def test_it_has_every_section_though_nothing_happened() -> None:
    lines = report()
    assert [line[3:] for line in lines if line.startswith("## ")] == [
        "Metrics", "Incidents", "Wins", "Learnings", "Action items",
    ]  # fmt: skip
    assert section(lines, "Incidents") == ["- none on record"]
    assert "**Status**: Not live" in lines


def test_a_figure_that_nobody_measured_is_unknown_and_never_zero() -> None:
    metrics = section(report(MetricsSeen(values={"error_rate": None})), "Metrics")
    assert metrics == [
        f"- **{title}**: unknown (nothing on record measures it yet)"
        for title in ("Uptime", "Activation", "TTFV", "Error rate", "Latency P95")
    ]


def test_the_newest_figure_counts_and_the_better_metric_wins() -> None:
    seen: list[AnyEvent] = [
        judged(Verdict.PASS, error_rate="9%"),
        MetricsSeen(values={"error_rate": 1.23456}),
        MetricsSeen(values={"error_rate": None}),
        judged(Verdict.PASS, pilot_customers_logged_in="3", activated_customers="2"),
    ]
    metrics = section(report(*seen), "Metrics")
    assert "- **Error rate**: 1.23 %" in metrics
    assert "- **Activation**: 2" in metrics


@pytest.mark.parametrize(
    ("happened", "status"),
    [
        ([WentLive()], "Success"),
        ([WentLive(), RollbackClaimed(trigger="captain", tier="urgent", by="ana")], "Rollback"),
        ([], "Not live"),
    ],
)
def test_the_status_is_how_it_went(happened: list[AnyEvent], status: str) -> None:
    assert f"**Status**: {status}" in report(*happened)


@pytest.mark.parametrize(
    ("late", "win"),
    [(timedelta(0), "- live at the planned T0"), (LATE, "- live 42 s after the planned T0")],
)
def test_punctuality_is_counted_from_the_planned_t0(late: timedelta, win: str) -> None:
    assert win in section(report(WentLive(), late=late), "Wins")


def test_incidents_are_guards_that_fired_or_went_silent() -> None:
    changes: list[AnyEvent] = [GuardChanged(guard="errors", state=state) for state in GuardState]
    incidents = section(report(*changes), "Incidents")
    assert incidents == ["- Mon 07:00 UTC: guard errors firing", "- Mon 07:00 UTC: guard errors no-data"]


def test_what_failed_is_learned_from_and_what_still_fails_is_to_be_done() -> None:
    lines = report(
        judged(Verdict.FAIL),
        judged(Verdict.PASS),
        judged(Verdict.ERROR, "lag"),
        AlarmRaised(what="w", detail="d"),
    )
    assert section(lines, "Learnings") == [
        "- disk did not pass at Mon 07:00 UTC: disk is so",
        "- lag did not pass at Mon 07:00 UTC: lag is so",
        "- w: d",
    ]
    assert section(lines, "Action items") == ["- lag: lag is so"]
    assert section(lines, "Wins") == ["- 1 of 2 checks passed"]
