"""A whole launch from the Prefect UI: opened in its form, every gate approved by pressing Resume in a real browser.

The clock is compressed, everything else is what runs a launch: server, worker, suspended runs, sandbox. What people
vouch for is answered through the API; the ballots are clicked. With TMINUS_SCREENSHOTS set to a directory, pictures of
the stations are kept there. A failure tells the ledger's last events and where the browser's last picture is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Error as PlaywrightError
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
from flows.forms import field_of, fields_key, holders
from flows.phases import FORWARD
from flows.reader import Reader
from flows.runs import kind_tag, launch_tag
from flows.stage import RunKind
from launch.events import AlarmRaised, BallotCast, BallotRefused, ClockSet, GateDecided, Outcome, ResumedWithoutBallot
from launch.plan import Plan
from sandbox.ports import free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SPEED = 20_000
DIALOG = "[role=dialog]"
LONGEST = 1200.0
"""Seconds for the whole launch on a busy machine."""
PRESS_AGAIN = 60.0
ROOM = timedelta(minutes=4)
LAST_EVENTS = 25


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

    def show(self, path: str, words: str, name: str, *, details: str = "body") -> None:
        """Opens a page of the UI, goes to these words, waits for the details that it fetches then; keeps a picture."""
        self.page.goto(f"{self.ui}/{path}")
        place = self.page.get_by_text(words).first
        place.wait_for()
        place.scroll_into_view_if_needed()
        shown = self.page.locator(details).first
        shown.wait_for()
        shown.scroll_into_view_if_needed()
        self.picture(name)
        self.rest()

    def show_runs(self, path: str, last: str, name: str) -> None:
        """The same with a list of runs down to the last of them: it fetches of a run what comes into view."""
        details = f".flow-run-list-item:has-text('{last}') .flow-run-work-pool:has-text('tminus')"
        self.show(path, last, name, details=details)

    def rest(self) -> None:
        """Leaves the UI: its pages ask and draw all the time, which the launch would feel on a small machine."""
        self.page.goto("about:blank")

    def forms(self, kind: RunKind) -> list[FlowRun]:
        """Runs of a kind that wait for people and whose form is stored, so that a page that opens shows its fields."""
        found = self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                tags=FlowRunFilterTags(all_=[kind_tag(kind)]),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])),
            )
        )
        return [run for run in found if self.stored(run)]

    def stored(self, run: FlowRun) -> bool:
        """Whether the fields of the form that a run waits on are stored: Prefect suspends it before that."""
        key = fields_key(str(run.state.state_details.pause_key)) if run.state is not None else ""
        return bool(self.client.filter_flow_run_input(run.id, key_prefix=key, limit=1, exclude_keys=set()))

    def told(self, picture: Path) -> str:
        """What a failure is told with: the end of the ledger, and a picture of the page the browser is on."""
        self.page.screenshot(path=str(picture))
        lines = [f"the browser is on {self.page.url}, see {picture}"]
        for launch in self.ledger.launches():
            records = [one for one in self.ledger.records(launch) if not isinstance(one.event, ClockSet)]
            lines += [f"{launch}:", *(f"  {one.at:%a %H:%M:%S} {one.event!r:.160}" for one in records[-LAST_EVENTS:])]
        return "\n".join(lines)


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
    port = free_port()
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
    world.picture(f"ballot-{run.parameters['gate']}-{run.parameters['seat']}")
    form.get_by_role("button", name="Submit").click()
    form.wait_for(state="hidden")
    world.rest()


def answer_attestations(world: World, plan: Plan) -> None:
    """Everybody vouches for everything that is asked."""
    for run in world.forms(RunKind.ATTEST):
        person = holders(plan, run.parameters["roles"])[0]
        fields = {field_of(check): "pass" for check in run.parameters["checks"]}
        world.client.resume_flow_run(run.id, run_input={"person": person, "evidence": "seen", **fields})


def press_ballots(world: World, reader: Reader, pressed: dict[str, float]) -> None:
    """A free holder of each seat says GO in the browser; a press that got lost is repeated."""
    for run in world.forms(RunKind.BALLOT):
        if time.monotonic() - pressed.get(str(run.id), -LONGEST) < PRESS_AGAIN:
            continue
        reader.refresh()
        cast = reader.state.gate(str(run.parameters["gate"])).ballots
        free = [person for person in holders(reader.plan, [str(run.parameters["seat"])]) if person not in cast]
        if free:
            press_resume(world, run, free[0])
            pressed[str(run.id)] = time.monotonic()


def opened(world: World, deadline: float) -> Reader:
    """The launch that was opened, once every phase of it is scheduled."""
    while True:
        assert time.monotonic() < deadline, "nothing was opened"
        for launch in world.ledger.launches():
            reader = Reader(world.ledger, launch)
            tags = FlowRunFilterTags(all_=[launch_tag(launch), kind_tag(RunKind.REVIEW)])
            if world.client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=tags)):
                return reader
        time.sleep(0.5)


def artifact(world: World, key: str) -> str:
    """The page of the newest version of an artifact."""
    chosen = {"artifacts": {"key": {"any_": [key]}}}
    (found,) = world.client.request("POST", "/artifacts/latest/filter", json=chosen).json()
    return f"artifacts/artifact/{found['latest_id']}"


def phases(world: World, *, ahead: bool = False) -> str:
    """The page that lists the runs of the phases, the newest first: those of the last week, or those to come."""
    names = [phase.value for phase in FORWARD]
    chosen = [world.client.read_deployment_by_name(f"{name}/{name}").id for name in names]
    when = "&state=Scheduled&type=span&seconds=86400" if ahead else ""
    return "runs?" + "&".join(f"deployment={one}" for one in chosen) + when


def launch_to_the_end(world: World) -> Reader:
    """The whole launch: opened in the form, vouched for, approved in the browser, until it has an outcome."""
    deadline = time.monotonic() + LONGEST
    open_in_the_form(world, (datetime.now(UTC) + timedelta(days=7) + ROOM).replace(second=0, microsecond=0))
    reader = opened(world, deadline)
    if world.pictures is not None:  # the eve begins in half a minute: a busy machine may come too late for it
        world.show_runs(phases(world, ahead=True), f"eve {reader.state.launch}", "scheduled-phases")
    pressed: dict[str, float] = {}
    while reader.state.outcome is None:
        assert time.monotonic() < deadline, f"the launch stands at {reader.state.last_at}"
        answer_attestations(world, reader.plan)
        press_ballots(world, reader, pressed)
        time.sleep(0.5)
        reader.refresh()
    return reader


def test_a_launch_opened_and_approved_in_the_browser_goes_live(
    world: World, tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    try:
        reader = launch_to_the_end(world)
        launch = reader.state.launch
        world.show(artifact(world, f"countdown-{launch}"), "db-snapshot-taken", "checklist")
        world.show(artifact(world, f"go-no-go-eve-{launch}"), "every seat said GO", "gate")
        world.show_runs(phases(world), f"hardening {launch}", "finished-launch")
    except (AssertionError, PlaywrightError) as failure:
        failure.add_note(world.told(tmp_path / "failure.png"))
        raise
    records = world.ledger.records(launch)
    events = [record.event for record in records]
    assert reader.state.outcome is Outcome.LIVE
    decided = [event for event in events if isinstance(event, GateDecided)]
    assert len(decided) == len([gate for gate in reader.plan.gates if gate.offset is not None])
    assert not [event for event in events if isinstance(event, BallotRefused | ResumedWithoutBallot | AlarmRaised)]
    ballots = [event for event in events if isinstance(event, BallotCast)]
    assert len(ballots) == sum(
        seat.count for gate in reader.plan.gates if gate.offset is not None for seat in gate.seats
    )
    record_testsuite_property("seconds of the launch", (records[-1].wall - records[0].wall).total_seconds())
    record_testsuite_property("gates, ballots", f"{len(decided)}, {len(ballots)}")
