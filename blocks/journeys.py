"""User journeys in a real browser: a runner service starts them, its Playwright JSON report says how they went."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar, assert_never
from urllib.parse import quote

import httpx
from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, SecretStr

from blocks import wire
from blocks.payloads import Payload, read
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.web_edges import Journey, JourneySuite
from launch.readings import Quantity, Reading, quantities


class _Annotation(Payload):
    """Playwright's `test.info().annotations`: what a journey measured, in words."""

    type: str
    description: str = ""


class _Step(Payload):
    title: str
    error: JsonValue = None


class _Result(Payload):
    steps: tuple[_Step, ...] = ()


class _Test(Payload):
    annotations: tuple[_Annotation, ...] = ()
    results: tuple[_Result, ...] = ()


class _Spec(Payload):
    title: str
    ok: bool
    tests: tuple[_Test, ...] = ()


class _Suite(Payload):
    specs: tuple[_Spec, ...] = ()
    suites: tuple[_Suite, ...] = ()

    def all_specs(self) -> Iterator[_Spec]:
        yield from self.specs
        for suite in self.suites:
            yield from suite.all_specs()


class _Stats(Payload):
    expected: int
    unexpected: int
    flaky: int = 0
    skipped: int = 0


class _Report(Payload):
    """https://playwright.dev/docs/test-reporters#json-reporter, the fields that decide."""

    suites: tuple[_Suite, ...] = ()
    stats: _Stats

    def specs(self) -> list[_Spec]:
        return [spec for suite in self.suites for spec in suite.all_specs()]

    def notes(self, kind: str) -> list[str]:
        return [
            note.description
            for spec in self.specs()
            for test in spec.tests
            for note in test.annotations
            if note.type == kind
        ]

    def clean(self) -> bool:
        return not (self.failures() or self.notes("console-error"))

    def failures(self) -> list[str]:
        return [_told(spec) for spec in self.specs() if not spec.ok]


class _Run(Payload):
    id: str
    status: str
    finished_at: datetime | None = None
    report: _Report | None = None


class _Listed(Payload):
    journeys: tuple[str, ...]
    suites: tuple[str, ...] = ()


_SECONDS_TO_LIST = 10.0


class JourneyRunner(Block):
    """A service that runs Playwright journeys against one target."""

    _block_type_name = "Journey Runner"
    _block_type_slug = "journey-runner"
    _description = (
        "A runner of browser journeys: `POST /runs {journey|suite, target}`, `GET /runs/{id}` (held open by "
        "`Prefer: wait=N` while it runs), `GET /suites/{suite}/latest`; reports are Playwright's JSON."
    )
    _documentation_url = HttpUrl("https://playwright.dev/docs/test-reporters#json-reporter")
    needs: ClassVar[str] = "a token of the runner"

    answers: ClassVar[tuple[type[Probe], ...]] = (Journey, JourneySuite)

    url: str = Field(description="Base URL of the runner.")
    token: SecretStr = Field(description="Bearer token of the runner.")
    target: str = Field(description="Public address that the journeys start from, e.g. https://cockpit.example.org.")
    suite_fresh_for_minutes: float = Field(
        default=5.0,
        gt=0,
        description="A suite's clean report is used again for so long, so that its questions see one run; after any "
        "other a suite that is asked about again, a minute later or more, runs again.",
    )
    timeout_seconds: float = Field(default=120.0, gt=0, description="Longest wait for a journey to finish.")

    def check(self) -> str:
        """Proves that the runner answers and takes the token. Raises `SystemFaultError`."""
        with self._client() as client:
            # A journey may take minutes; a list may not.
            soon = min(self.timeout_seconds, _SECONDS_TO_LIST)
            question = "its list of journeys"
            response = wire.fetch(
                client,
                "GET",
                "/journeys",
                system=self.url,
                question=question,
                needs=self.needs,
                timeout_seconds=soon,
            )
        listed = read(_Listed, response, system=self.url, question=question)
        return f"{self.url} knows {len(listed.journeys)} journeys and {len(listed.suites)} suites"

    def answer(self, probe: Journey | JourneySuite, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`; transient while a run has not finished."""
        with self._client() as client:
            match probe:
                case Journey():
                    report = self._run(client, {"journey": probe.journey, "target": self.target})
                    return self._journey(probe, report, occasion)
                case JourneySuite():
                    return self._suite(probe, self._suite_report(client, probe.suite, occasion), occasion)
                case _:
                    assert_never(probe)

    def _journey(self, probe: Journey, report: _Report, occasion: Occasion) -> Reading:
        measured = {metric: _quantity(report.notes(note)) for metric, note in probe.measures.items()}
        return Reading(
            values=_steps(report) | {metric: value for metric, value in measured.items() if value is not None},
            where=_place(f"journey {probe.journey} on {self.target}", report),
            at=occasion.now,
            evidence=f"{report.stats.expected} tests passed, {report.stats.unexpected} failed",
        )

    def _suite(self, probe: JourneySuite, report: _Report, occasion: Occasion) -> Reading:
        calls = [value for note in report.notes("api-call") if (value := _quantity([note])) is not None]
        values = _steps(report)
        if calls:
            values["api_latency"] = max(calls, key=lambda call: float(call.value))
        return Reading(
            values=values,
            where=_place(f"suite {probe.suite} on {self.target}", report),
            at=occasion.now,
            evidence=f"{report.stats.expected} tests passed, {report.stats.unexpected} failed",
        )

    def _suite_report(self, client: httpx.Client, suite: str, occasion: Occasion) -> _Report:
        question = f"the latest run of suite {suite}"
        path = f"/suites/{quote(suite, safe='')}/latest"
        answered = wire.fetch(client, "GET", path, system=self.url, question=question, ok={200, 404})
        if answered.is_success:
            latest = read(_Run, answered, system=self.url, question=question)
            limit = occasion.now - timedelta(minutes=self.suite_fresh_for_minutes)
            fresh = latest.finished_at is not None and limit <= latest.finished_at <= occasion.now
            if latest.report and fresh and latest.report.clean():
                return latest.report
        # Questions about one suite come side by side: the same id makes them one run.
        seed = f"{occasion.launch}/{suite}/{occasion.now:%Y-%m-%dT%H:%M}"
        identity = hashlib.sha256(seed.encode()).hexdigest()[:24]
        return self._run(client, {"id": identity, "suite": suite, "target": self.target})

    def _run(self, client: httpx.Client, order: dict[str, JsonValue]) -> _Report:
        question = f"the order to run {order.get('journey') or order.get('suite')}"
        begun = wire.fetch(client, "POST", "/runs", system=self.url, question=question, json=dict(order))
        run = read(_Run, begun, system=self.url, question=question)
        if run.report is None:
            patience = {"Prefer": f"wait={max(1, int(self.timeout_seconds) - 1)}"}
            path = f"/runs/{quote(run.id, safe='')}"
            awaited = wire.fetch(client, "GET", path, system=self.url, question=question, headers=patience)
            run = read(_Run, awaited, system=self.url, question=question)
        if run.report is not None:
            return run.report
        fault = TransientFaultError if run.status in {"queued", "running"} else PermanentFaultError
        raise fault(
            system=self.url,
            question=question,
            answer=f"run {run.id} is {run.status} and has no report",
            next_step="look at the run in the runner",
        )

    def _client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"}
        return wire.client(self.url, timeout_seconds=self.timeout_seconds, headers=headers)


def _steps(report: _Report) -> dict[str, Quantity]:
    """Counts of one run; nothing at all for a run without tests, which proves nothing."""
    stats = report.stats
    failed = stats.unexpected + stats.flaky + stats.skipped
    if not stats.expected + failed:
        return {}
    return quantities(
        "steps", steps_run=stats.expected + failed, steps_passed=stats.expected, steps_failed=failed
    ) | quantities("errors", console_errors=len(report.notes("console-error")))


def _quantity(notes: list[str]) -> Quantity | None:
    """The largest of figures such as `30 min` or `182 ms GET /v1/metrics`; None when there is none."""
    found = []
    for note in notes:
        number, _, rest = note.partition(" ")
        try:
            found.append(Quantity(value=float(number), unit=rest.partition(" ")[0]))
        except ValueError:
            continue
    return max(found, key=lambda quantity: float(quantity.value), default=None)


def _place(asked: str, report: _Report) -> str:
    """Where it was measured, with the journeys and steps that failed: at most three, so that it stays a sentence."""
    failures = report.failures()
    more = f" and {len(failures) - 3} more" if len(failures) > 3 else ""
    return f"{asked}: {', '.join(failures[:3])}{more}" if failures else asked


def _told(spec: _Spec) -> str:
    failed = [
        step.title for test in spec.tests for result in test.results for step in result.steps if step.error is not None
    ]
    return f"{spec.title} ({failed[0]})" if failed else spec.title
