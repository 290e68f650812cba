"""The journey runner as a service: runs, suites, reports, and the mail box that its journeys read."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.browser.journeys import JOURNEYS, SUITES
from sandbox.browser.report import Outcome, report_of
from sandbox.browser.visitor import JourneyError, visiting
from sandbox.parts.bearer import refused
from sandbox.site.state import sandbox_root
from sandbox.world import World

_TOKEN = "sandbox-journey-runner"
_KEPT = 200


@dataclass(frozen=True)
class _Run:
    id: str
    suite: str
    outcomes: tuple[Outcome, ...]
    at: datetime


class JourneysPart:
    """Runs are taken when ordered, so that a report is there at once; the runner's clock is the launch clock."""

    name = "journeys"

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._latest: dict[str, _Run] = {}
        self._mails: list[dict[str, JsonValue]] = []
        self._lock = threading.RLock()
        self._running: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._serial = 0

    def define(self, world: World) -> None:
        self._world = world
        for suite in SUITES:
            world.define(
                f"journeys.{suite}-failures", 0, f"steps of suite {suite} that fail beside those that really do"
            )
        world.define("journeys.console-errors", 0, "JavaScript errors that the smoke suite sees beside the real ones")
        world.define(
            "journeys.slowest-call-ms", 0, "an API call of the smoke suite beside the real ones, in ms; 0: none"
        )

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/journeys", self._list),
            Route("/runs", self._order, methods=["POST"]),
            Route("/runs/{run}", self._run),
            Route("/suites/{suite}/latest", self._latest_of),
            Route("/inbox", self._inbox, methods=["GET", "POST"]),
        ]

    def tick(self) -> None:
        """Runs are ordered, never scheduled."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {
            "journey-runner/sandbox-journeys": {
                "url": base_url,
                "token": _TOKEN,
                "target": "https://cockpit.teei.io",
                "timeout_seconds": 30,
            }
        }

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    async def _list(self, request: Request) -> Response:
        return refused(request, _TOKEN) or JSONResponse({"journeys": list(JOURNEYS), "suites": list(SUITES)})

    async def _order(self, request: Request) -> Response:
        if refusal := refused(request, _TOKEN):
            return refusal
        order = await request.json()
        suite, journey = str(order.get("suite", "")), str(order.get("journey", ""))
        names = SUITES.get(suite, ()) if suite else (journey,)
        if not names or any(name not in JOURNEYS for name in names):
            return JSONResponse({"error": f"no journey or suite {suite or journey}"}, status_code=404)
        identity = str(order.get("id") or self._next_id())
        run = await run_in_threadpool(self._taken, identity, suite, names, sandbox_root(request))
        return JSONResponse(self._shown(run), status_code=201)

    def _taken(self, identity: str, suite: str, names: Sequence[str], root: str) -> _Run:
        # Two orders with one id are one run; the second waits for the first.
        with self._running[identity]:
            if identity not in self._runs:
                outcomes = tuple(_walked(name, root) for name in names)
                self._keep(_Run(identity, suite, outcomes, self._world.now()))
            return self._runs[identity]

    def _keep(self, run: _Run) -> None:
        with self._lock:
            self._runs[run.id] = run
            if run.suite:
                self._latest[run.suite] = run
            while len(self._runs) > _KEPT:
                self._runs.pop(next(iter(self._runs)))

    async def _run(self, request: Request) -> Response:
        if refusal := refused(request, _TOKEN):
            return refusal
        run = self._runs.get(request.path_params["run"])
        return JSONResponse(self._shown(run)) if run else JSONResponse({"error": "not found"}, status_code=404)

    async def _latest_of(self, request: Request) -> Response:
        if refusal := refused(request, _TOKEN):
            return refusal
        run = self._latest.get(request.path_params["suite"])
        return JSONResponse(self._shown(run)) if run else JSONResponse({"error": "never run"}, status_code=404)

    async def _inbox(self, request: Request) -> Response:
        if request.method == "POST":
            mail = await request.json()
            with self._lock:
                self._mails = [*self._mails[-_KEPT:], mail]
            return Response(status_code=202)
        return JSONResponse({"mails": list(self._mails)})

    def _shown(self, run: _Run) -> JsonValue:
        return {
            "id": run.id,
            "status": "finished",
            "finished_at": run.at.isoformat(),
            "report": report_of(self._beside(run), run.at),
        }

    def _beside(self, run: _Run) -> list[Outcome]:
        """The run's outcomes, and what the knobs add to a suite, also to one that ran before they were turned."""
        if not run.suite:
            return list(run.outcomes)
        failures = range(self._count(f"journeys.{run.suite}-failures"))
        hidden = [Outcome(f"hidden step {n}", "a step fails", ()) for n in failures]
        if run.suite != "smoke":
            return [*run.outcomes, *hidden]
        first, *others = run.outcomes
        notes = [("console-error", "chart failed")] * self._count("journeys.console-errors")
        if slowest := self._count("journeys.slowest-call-ms"):
            notes.append(("api-call", f"{slowest} ms GET /v2/metrics"))
        return [Outcome(first.journey, first.failed_step, (*first.notes, *notes)), *others, *hidden]

    def _count(self, knob: str) -> int:
        value = self._world.get(knob)
        return int(value) if isinstance(value, int | float) else 0

    def _next_id(self) -> str:
        with self._lock:
            self._serial += 1
            return f"run-{self._serial}"


def _walked(name: str, root: str) -> Outcome:
    with visiting(root) as visitor:
        try:
            JOURNEYS[name](visitor)
            failed = ""
        except JourneyError as error:
            failed = str(error)
        return Outcome(name, failed, tuple(visitor.notes))
