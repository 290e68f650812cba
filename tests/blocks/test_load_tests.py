"""Locust itself, as a program, against a real server: what it found, how it ends, how it is stopped."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from blocks.evidence_formats import LoadReport, load
from blocks.load_tests import LoadTests
from launch.effects.trials import RunLoadTest
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Occasion, Standing
from launch.probes.evidence import LoadTest
from launch.release import Release
from tests.fakes.programs import beside, runner_ended
from tests.fakes.scripted_server import Reply, scripted

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
FILE = Path(__file__).with_name("scripts") / "checkout.py"


def occasion(key="teei-1/load/1", *, minutes=0, commit="c0ffee"):
    now = NOW + timedelta(minutes=minutes)
    return Occasion(launch="teei-1", now=now, t0=NOW, release=Release(version="v2.5.0", commit=commit), key=key)


def run(test="checkout", lasting=2.0, users=3):
    return RunLoadTest(
        do="run-load-test",
        on="load",
        test=test,
        users=users,
        users_per_second=100,
        lasting=timedelta(seconds=lasting),
    )


def question(**fields):
    base = {"ask": "load-test", "of": "load", "name": "checkout", "pilot_users": 2, "environment": "staging"}
    return LoadTest.model_validate(base | fields)


@pytest.fixture(scope="module")
def shop():
    """It sells, unless the path says otherwise."""
    with scripted() as server, server.playing(lambda asked: Reply(500 if "broken" in asked.path else 200, b"sold")):
        yield server


def made(folder, shop, page="/basket", **fields):
    return LoadTests(
        tests={"checkout": str(FILE)},
        target=shop.url,
        locust=beside("locust"),
        records=str(folder / "records"),
        work_directory=str(folder),
        environment={"PAGE": page},
        **fields,
    )


def ended(block, effect, when=None):
    runner_ended(block.records)
    return block.observe(effect, when or occasion())


@pytest.fixture(scope="module")
def block(tmp_path_factory, shop):
    """After one run of two seconds."""
    block = made(tmp_path_factory.mktemp("load"), shop)
    assert block.observe(run(), occasion()).standing is Standing.ABSENT
    block.apply(run(), occasion())
    block.apply(run(), occasion())
    runner_ended(block.records)
    return block


def test_it_is_ready_when_locust_the_file_and_the_target_are_there(block, shop):
    assert re.fullmatch(rf"locust [0-9.]+ can try {shop.url} with 1 tests", block.check())


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"locust": "/nowhere/locust"}, "no such executable.* to may I run /nowhere/locust"),
        ({"tests": {"checkout": "/nowhere/checkout.py"}}, "no such file.* to may I run checkout"),
        ({"records": f"{FILE}/records"}, "may I write records"),
    ],
)
def test_what_is_not_there_is_told_before_a_launch(block, fields, told):
    with pytest.raises(PermanentFaultError, match=told):
        block.model_copy(update=fields).check()


def test_a_target_that_is_not_there_is_told_before_a_launch(block):
    with pytest.raises(TransientFaultError, match=r"the target http://127.0.0.1:9 .* connection refused|refused"):
        block.model_copy(update={"target": "http://127.0.0.1:9"}).check()


def test_a_run_to_the_end_holds_and_leaves_figures_that_are_locusts_own(block):
    seen = block.observe(run(), occasion())
    assert seen.standing is Standing.HOLDS
    assert seen.detail.startswith("checkout ended: ")
    assert seen.detail.endswith(", 0 failed")
    values = {name: one.value for name, one in block.answer(question(), occasion(minutes=1)).values.items()}
    (record,) = Path(block.records).iterdir()
    (entry,) = json.loads((record / "load.json").read_text())
    times = sorted(float(time) for time, count in entry["response_times"].items() for _ in range(count))
    assert values["latency_p95"] == times[math.ceil(0.95 * len(times)) - 1]
    assert values["errors"] == 0
    assert values["concurrent_users"] == 3
    assert values["load_factor"] == 1.5
    assert values["api_rate"] > 0
    assert len(times) == entry["num_requests"]
    as_evidence = load(LoadReport.model_validate_json((record / "load.json").read_text()), 2)
    users = {"concurrent_users", "load_factor"}
    assert {name: one.value for name, one in as_evidence.items()} == {
        name: value for name, value in values.items() if name not in users
    }


def test_the_page_of_the_run_is_kept_for_people(block):
    (record,) = Path(block.records).iterdir()
    assert "<html" in (record / "report.html").read_text()


@pytest.mark.parametrize(
    ("fields", "when", "told"),
    [
        ({"name": "search"}, {}, '"search" was never run from here'),
        ({"environment": "production"}, {}, "from staging, not production"),
        ({}, {"minutes": 3 * 24 * 60}, "3 days, 0:00:00 old, more than 2 days"),
        ({}, {"commit": "decade"}, "of commit c0ffee, not decade"),
    ],
)
def test_a_run_counts_only_for_what_it_is_about(block, fields, when, told):
    reading = block.answer(question(**fields), occasion(**when))
    assert reading.values == {}
    assert told in reading.evidence


def test_failed_requests_are_for_the_check_to_judge(tmp_path, shop):
    block = made(tmp_path, shop, page="/broken")
    block.apply(run(lasting=1), occasion())
    assert ended(block, run(lasting=1)).standing is Standing.HOLDS
    values = block.answer(question(), occasion()).values
    assert values["errors"].value > 0


def test_a_test_that_asks_nothing_has_failed(tmp_path, shop):
    idle = tmp_path / "idle.py"
    idle.write_text("from locust import User, task\n\nclass Idle(User):\n    @task\n    def rest(self): pass\n")
    block = made(tmp_path, shop).model_copy(update={"tests": {"checkout": str(idle)}})
    block.apply(run(lasting=1), occasion())
    seen = ended(block, run(lasting=1))
    assert (seen.standing, seen.detail) == (Standing.FAILED, "checkout ended without a single request")
    assert block.answer(question(), occasion()).values == {}


def test_a_file_that_is_no_test_has_failed_and_says_why(tmp_path, shop):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from locust import nothing\n")
    block = made(tmp_path, shop).model_copy(update={"tests": {"checkout": str(wrong)}})
    block.apply(run(), occasion())
    seen = ended(block, run())
    assert seen.standing is Standing.FAILED
    assert seen.detail.startswith("checkout ended with status 1; last line: ")
    reading = block.answer(question(), occasion())
    assert reading.values == {}
    assert reading.evidence.startswith("checkout ended with status 1")


def test_a_newer_run_that_failed_hides_an_older_one(tmp_path, shop):
    block = made(tmp_path, shop)
    block.apply(run(lasting=1), occasion())
    runner_ended(block.records)
    later = block.model_copy(update={"tests": {"checkout": "/nowhere.py"}})
    later.apply(run(lasting=1), occasion("teei-1/load/2", minutes=1))
    runner_ended(later.records)
    assert block.answer(question(), occasion(minutes=2)).values == {}


def test_while_it_runs_it_says_how_far_it_is_and_undo_stops_it(tmp_path, shop):
    block = made(tmp_path, shop)
    long = run(lasting=3600)
    before = block.observe(long, occasion()).state
    block.apply(long, occasion())
    seen = block.observe(long, occasion(minutes=15))
    assert (seen.standing, seen.progress) == (Standing.UNDER_WAY, 0.25)
    assert "never run" not in block.answer(question(), occasion(minutes=15)).evidence
    assert block.answer(question(), occasion(minutes=15)).values == {}
    assert block.observe_restored(long, before, occasion("undo")).standing is Standing.ABSENT
    block.restore(long, before, occasion("undo"))
    assert ended(block, long).detail == "checkout was stopped"
    assert block.observe_restored(long, before, occasion("undo")).standing is Standing.HOLDS
    block.restore(long, before, occasion("undo"))
    assert block.answer(question(), occasion(minutes=15)).values == {}


def test_a_test_that_the_block_does_not_name_is_refused(block):
    with pytest.raises(PermanentFaultError, match=r"not one of checkout.* to run other"):
        block.apply(run("other"), occasion())


def test_a_ledger_that_names_no_run_stops_nothing(block):
    with pytest.raises(PermanentFaultError, match="the ledger's record names no run"):
        block.restore(run(), {"record": "../../etc"}, occasion())


def test_a_file_by_a_relative_path_is_refused(tmp_path, shop):
    with pytest.raises(ValidationError, match=r"paths must be absolute: checkout\.py"):
        LoadTests(tests={"a": "checkout.py"}, target=shop.url, records="/tmp/r", work_directory="/tmp")
