"""Journeys run for real against the served product, and reports that prove nothing."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pydantic import JsonValue
from starlette.responses import JSONResponse
from starlette.routing import Route

from blocks.journeys import JourneyRunner
from launch.errors import PermanentFaultError, TransientFaultError
from launch.probes.web_edges import Journey, JourneySuite
from sandbox.browser.journeys import JOURNEYS
from sandbox.server import serve
from tests.fakes.web_world import WebWorld, told


@pytest.fixture
def web() -> Iterator[WebWorld]:
    """A world of this test's own: suites are kept."""
    with WebWorld().served() as world:
        yield world


def _run(web: WebWorld, journey: str, **measures: str) -> dict[str, object]:
    probe = Journey(ask="journey", of="j", journey=journey, measures=measures)
    return dict(told(web.block(JourneyRunner).answer(probe, web.occasion)))


def test_every_journey_passes_on_a_healthy_product(web: WebWorld) -> None:
    for journey in JOURNEYS:
        assert _run(web, journey)["steps_failed"] == 0, journey


@pytest.mark.parametrize(
    ("journey", "knob", "step"),
    [
        ("login", "site.login", "sign in with mail and password: HTTP 401"),
        ("csv-export", "site.csv-export", "every row of the CSV has as many fields"),
        ("sse", "site.sse", "a heartbeat arrives"),
        ("email-notification", "site.notification-mail", "the notification arrives"),
        ("discord-bot", "site.discord", "the message is in the channel"),
    ],
)
def test_a_broken_product_fails_its_journey_at_the_step_that_is_named(
    web: WebWorld, journey: str, knob: str, step: str
) -> None:
    web.world.set(knob, False)
    probe = Journey(ask="journey", of="j", journey=journey)
    reading = web.block(JourneyRunner).answer(probe, web.occasion)
    assert told(reading)["steps_failed"] == 1
    assert step in reading.where


def test_figures_come_from_annotations_with_their_units(web: WebWorld) -> None:
    probe = Journey(ask="journey", of="j", journey="cockpit-load", measures={"cockpit_load": "cockpit-load"})
    quantity = web.block(JourneyRunner).answer(probe, web.occasion).values["cockpit_load"]
    assert (quantity.value, quantity.unit) == (1.8, "s")
    assert "cockpit_load" not in _run(web, "login", cockpit_load="cockpit-load")


def test_a_suite_is_run_once_for_questions_close_together_and_again_later(web: WebWorld) -> None:
    probe = JourneySuite(ask="journey-suite", of="j", suite="smoke")
    runner = web.block(JourneyRunner)
    first = told(runner.answer(probe, web.occasion))
    assert first == {
        "steps_run": 19,
        "steps_passed": 19,
        "steps_failed": 0,
        "console_errors": 0,
        "api_latency": 180.0,
    }
    web.world.set("site.charts", False)
    assert told(runner.answer(probe, web.occasion)) == first
    web.now += timedelta(minutes=6)
    assert told(runner.answer(probe, web.occasion))["steps_failed"] == 1


@pytest.mark.parametrize(
    ("knob", "value", "metric", "measured"),
    [
        ("site.api-ms", 700, "api_latency", 700.0),
        ("site.console-errors", 1, "console_errors", 3),
        ("journeys.smoke-failures", 1, "steps_failed", 1),
    ],
)
def test_what_the_suite_saw_is_measured(web: WebWorld, knob: str, value: int, metric: str, measured: float) -> None:
    web.world.set(knob, value)
    probe = JourneySuite(ask="journey-suite", of="j", suite="smoke")
    assert told(web.block(JourneyRunner).answer(probe, web.occasion))[metric] == measured


def test_an_unknown_journey_is_permanent(web: WebWorld) -> None:
    with pytest.raises(PermanentFaultError, match="404"):
        _run(web, "teleport")


class _Runner:
    """A runner that answers one run, whatever is asked."""

    name = "runner"

    def __init__(self, run: JsonValue) -> None:
        self._run = run

    def routes(self) -> list[Route]:
        return [
            Route("/runs", lambda _: JSONResponse(self._run), methods=["POST"]),
            Route("/runs/{id}", lambda _: JSONResponse(self._run)),
        ]


def _asked(web: WebWorld, run: JsonValue) -> dict[str, object]:
    with serve(web.world, [_Runner(run)]) as server:  # type: ignore[list-item]  # routes are all that is served
        block = JourneyRunner(url=f"{server.address}/runner", token="t", target="https://x.example", timeout_seconds=5)
        probe = Journey(ask="journey", of="j", journey="login", measures={"load": "load"})
        return dict(told(block.answer(probe, web.occasion)))


def test_a_run_without_tests_proves_nothing(web: WebWorld) -> None:
    stats: JsonValue = {"expected": 0, "unexpected": 0, "flaky": 0, "skipped": 0}
    assert _asked(web, {"id": "1", "status": "finished", "report": {"suites": [], "stats": stats}}) == {}


def test_flaky_and_skipped_tests_have_not_passed(web: WebWorld) -> None:
    stats: JsonValue = {"expected": 1, "unexpected": 0, "flaky": 1, "skipped": 1}
    values = _asked(web, {"id": "1", "status": "finished", "report": {"stats": stats}})
    assert (values["steps_passed"], values["steps_failed"]) == (1, 2)


@pytest.mark.parametrize(("status", "fault"), [("running", TransientFaultError), ("crashed", PermanentFaultError)])
def test_a_run_without_report_is_a_fault(web: WebWorld, status: str, fault: type[Exception]) -> None:
    with pytest.raises(fault, match=f"is {status}"):
        _asked(web, {"id": "1", "status": status})
