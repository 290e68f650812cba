"""A whole launch from the Prefect UI: opened in its form, every gate approved by pressing Resume in a real browser.

The clock is compressed, everything else is what runs a launch: server, worker, suspended runs, sandbox. What people
vouch for is answered through the API; the ballots are clicked. With TMINUS_SCREENSHOTS set to a directory, pictures of
the stations are kept there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, sync_playwright
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.ledger import SqlLedger, open_ledger
from flows.forms import field_of, holders
from flows.runs import kind_tag
from flows.stage import RunKind
from launch.acts import plan_of
from launch.events import AlarmRaised, BallotRefused, GateDecided, Outcome, ResumedWithoutBallot
from launch.plan import Plan
from launch.state import LaunchState, fold

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SPEED = 4000
DIALOG = "[role=dialog]"
LONGEST = 1500.0
ROOM = timedelta(minutes=4)


@dataclass
class World:
    """A running `tminus up`."""

    ui: str
    api: str
    ledger: SqlLedger
    client: SyncPrefectClient
    page: Page
    pictures: Path | None
    taken: set[str] = field(default_factory=set)

    def picture(self, name: str) -> None:
        """Keeps a picture of the page, once per name, where pictures are wanted."""
        if self.pictures is not None and name not in self.taken:
            self.pictures.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(self.pictures / f"{name}.png"))
            self.taken.add(name)

    def suspended(self, kind: RunKind) -> list[FlowRun]:
        """Runs of a kind that wait for people."""
        return self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                tags=FlowRunFilterTags(all_=[kind_tag(kind)]),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])),
            )
        )


@pytest.fixture
def directory() -> Iterator[Path]:
    # Not below pytest's own directory: as root, PostgreSQL runs as a user who may not enter it.
    directory = Path(tempfile.mkdtemp(prefix="tminus-ui-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def world(directory: Path) -> Iterator[World]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [sys.executable, "-m", "console.main", "up", "--port", str(port), "--speed", str(SPEED)]
    pictures = os.environ.get("TMINUS_SCREENSHOTS")
    with (
        subprocess.Popen(
            command,
            cwd=directory,
            env=environment | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        ) as up,
        sync_playwright() as playwright,
    ):
        assert up.stderr is not None
        try:
            assert any(line.startswith("up in") for line in up.stderr), "it did not come up"
            written = json.loads((directory / ".tminus" / "up.json").read_text())
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(60_000)
            ledger = open_ledger(written["ledger"])
            with temporary_settings({PREFECT_API_URL: written["api"]}), get_client(sync_client=True) as client:
                yield World(written["ui"], written["api"], ledger, client, page, Path(pictures) if pictures else None)
            ledger.close()
            browser.close()
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(60)


def entry(page: Page, label: str, form: str = "body") -> Locator:
    """The field of a form by its label."""
    title = re.compile(f"^{label}( \\(Optional\\))?$")
    labels = page.locator(".schema-form-property__label").filter(has_text=title)
    return page.locator(form).locator(".schema-form-property").filter(has=labels).last


def choose(page: Page, field: Locator, option: str) -> None:
    """Picks an option of a dropdown."""
    field.locator(".p-select-button__icon").click()
    page.locator(".p-select-option").filter(has_text=re.compile(f"^{re.escape(option)}$")).first.click()


def open_in_the_form(world: World, t0: datetime) -> None:
    """What a release captain does on the page of the deployment `open-launch`."""
    page = world.page
    deployment = world.client.read_deployment_by_name("open-launch/open-launch")
    page.goto(f"{world.ui}/deployments/deployment/{deployment.id}/run")
    entry(page, "version").wait_for()
    choose(page, entry(page, "plan"), "teei-csr")
    entry(page, "version").locator("textarea").fill("v2.5.0")
    page.get_by_text("Select date and time").click()
    page.locator("input[type=date]").fill(f"{t0:%Y-%m-%d}")
    page.locator("input[type=time]").fill(f"{t0:%H:%M}")
    page.get_by_role("button", name="Apply").click()
    world.picture("open-launch")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile(r"/runs/|/deployments/deployment/[^/]+(\?.*)?$"))


def press_resume(world: World, run: FlowRun, person: str) -> None:
    """What an approver does on the page of the ballot run."""
    page = world.page
    page.goto(f"{world.ui}/runs/flow-run/{run.id}")
    page.get_by_role("button", name="Resume").first.click()
    form = page.locator(DIALOG)
    entry(page, "Person", DIALOG).locator("textarea").fill(person)
    choose(page, entry(page, "Decision", DIALOG), "GO")
    entry(page, "Reason", DIALOG).locator("textarea").fill("seen and agreed")
    world.picture("ballot-form")
    form.get_by_role("button", name="Submit").click()
    form.wait_for(state="hidden")


def answer_attestations(world: World, plan: Plan) -> None:
    """Everybody vouches for everything that is asked."""
    for run in world.suspended(RunKind.ATTEST):
        person = holders(plan, run.parameters["roles"])[0]
        fields = {field_of(check): "pass" for check in run.parameters["checks"]}
        world.client.resume_flow_run(run.id, run_input={"person": person, "evidence": "seen", **fields})


def press_ballots(world: World, plan: Plan, state: LaunchState, pressed: dict[str, float]) -> None:
    """A free holder of each seat says GO in the browser; a press that got lost is repeated."""
    for run in world.suspended(RunKind.BALLOT):
        if time.monotonic() - pressed.get(str(run.id), -LONGEST) < 60:
            continue
        cast = state.gate(str(run.parameters["gate"])).ballots
        free = [person for person in holders(plan, [str(run.parameters["seat"])]) if person not in cast]
        if free:
            press_resume(world, run, free[0])
            pressed[str(run.id)] = time.monotonic()


def test_a_launch_opened_and_approved_in_the_browser_goes_live(world: World) -> None:
    t0 = (datetime.now(UTC) + timedelta(days=7) + ROOM).replace(second=0, microsecond=0)
    open_in_the_form(world, t0)
    pressed: dict[str, float] = {}
    deadline = time.monotonic() + LONGEST
    state = LaunchState()
    launch = ""
    while state.outcome is None:
        assert time.monotonic() < deadline, f"the launch stands at {state.last_at}"
        launches = world.ledger.launches()
        if launches:
            launch = launches[0]
            records = world.ledger.records(launch)
            plan, state = plan_of(records), fold(records)
            answer_attestations(world, plan)
            press_ballots(world, plan, state, pressed)
            if state.live_at is not None:
                world.page.goto(f"{world.ui}/runs")
                world.picture("launch-under-way")
        time.sleep(0.5)
    events = [record.event for record in world.ledger.records(launch)]
    assert state.outcome is Outcome.LIVE
    decided = [event for event in events if isinstance(event, GateDecided)]
    assert len(decided) == len(
        [gate for gate in plan_of(world.ledger.records(launch)).gates if gate.offset is not None]
    )
    assert not [event for event in events if isinstance(event, BallotRefused | ResumedWithoutBallot | AlarmRaised)]
    world.page.goto(f"{world.ui}/artifacts")
    world.page.wait_for_timeout(3000)
    world.picture("artifacts")
