"""Playwright's JSON report of a run. https://playwright.dev/docs/test-reporters#json-reporter"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue


@dataclass(frozen=True)
class Outcome:
    """One journey's test. `failed_step` is empty when it passed."""

    journey: str
    failed_step: str
    notes: tuple[tuple[str, str], ...]


def report_of(outcomes: Sequence[Outcome], started: datetime) -> JsonValue:
    """The report, as Playwright would write it for one file of tests."""
    failed = sum(bool(outcome.failed_step) for outcome in outcomes)
    specs: list[JsonValue] = [_spec(outcome) for outcome in outcomes]
    stats: JsonValue = {
        "startTime": started.isoformat(),
        "expected": len(outcomes) - failed,
        "unexpected": failed,
        "flaky": 0,
        "skipped": 0,
    }
    return {"suites": [{"title": "journeys.spec.ts", "specs": specs}], "errors": [], "stats": stats}


def _spec(outcome: Outcome) -> JsonValue:
    passed = not outcome.failed_step
    steps: list[JsonValue] = (
        [] if passed else [{"title": outcome.failed_step, "error": {"message": outcome.failed_step}}]
    )
    annotations: list[JsonValue] = [{"type": kind, "description": text} for kind, text in outcome.notes]
    test: JsonValue = {
        "projectName": "chromium",
        "status": "expected" if passed else "unexpected",
        "annotations": annotations,
        "results": [{"status": "passed" if passed else "failed", "steps": steps}],
    }
    return {"title": outcome.journey, "ok": passed, "tests": [test]}
