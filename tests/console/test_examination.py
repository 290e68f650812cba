"""Blocks that hang, refuse, are not there or are of another type: one line each, in time and in the plan's order."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from blocks.metrics.prometheus import PrometheusMetrics
from blocks.shell import ShellScripts
from console.examination import Condition, examine
from launch.errors import PlanError
from launch.uses import Use, Way

SCRIPTS = "shell-scripts/tools"


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def scripts(tmp_path) -> ShellScripts:
    return ShellScripts(scripts={"true": "/bin/true"}, records=str(tmp_path), work_directory=str(tmp_path))


def test_each_system_is_one_line_in_the_order_given(scripts, silent) -> None:
    def load(system: str, address: str) -> object:
        if system == "lost":
            problem = f"this Prefect server has no block {address!r}"
            raise PlanError(problem, where="environments.staging.blocks.lost")
        down = PrometheusMetrics(url="http://127.0.0.1:1", timeout_seconds=1)
        return {"shut": down, "hung": PrometheusMetrics(url=silent, timeout_seconds=0.2)}.get(system, scripts)

    asks = Use(system="odd", path="checks[0].probes[0]", way=Way.ASKED, word="metric")
    addresses = {
        "ready": SCRIPTS,
        "lost": SCRIPTS,
        "shut": "prometheus/down",
        "hung": "prometheus/hung",
        "odd": SCRIPTS,
        "strange": "webhook/x",
        "bare": "",
    }
    needed = (asks, Use(system="bare", path="rollout.router", way=Way.CHANGED))
    found = examine(addresses, needed, load, longest=5)
    assert [(one.system, one.condition) for one in found] == [
        ("ready", Condition.READY),
        ("lost", Condition.MISSING),
        ("shut", Condition.SILENT),
        ("hung", Condition.SILENT),
        ("odd", Condition.UNFIT),
        ("strange", Condition.UNFIT),
        ("bare", Condition.MISSING),
    ]
    said = {one.system: one.sentence for one in found}
    assert said["ready"] == "1 scripts can be run"
    assert said["lost"] == "environments.staging.blocks.lost: this Prefect server has no block 'shell-scripts/tools'"
    assert 'Prometheus answered "no connection: refused" to which version it is' in said["shut"]
    assert '"no answer in time"' in said["hung"]
    assert said["odd"].startswith("checks[0].probes[0] needs a system that can be asked, which a ShellScripts cannot")
    assert said["strange"].startswith("'webhook/x' is of no type that tminus has")
    assert said["bare"] == "rollout.router needs it, and the environment names no block for it"


def test_a_refusal_is_told_apart_from_silence(tmp_path) -> None:
    script = ShellScripts(scripts={"x": "/no/such"}, records=str(tmp_path), work_directory=str(tmp_path))
    (found,) = examine({"tools": SCRIPTS}, (), lambda *_: script, longest=5)
    assert found.condition is Condition.REFUSED
    assert "no such executable" in found.sentence


def test_systems_that_hang_are_left_and_hold_no_place_of_others(scripts, silent) -> None:
    """Each would wait a minute; one place for all of them is enough because none keeps it."""
    hung = PrometheusMetrics(url=silent, timeout_seconds=60)
    addresses = {"one": "prometheus/a", "two": "prometheus/b", "tools": SCRIPTS}
    begun = time.monotonic()
    found = examine(addresses, (), lambda system, _: scripts if system == "tools" else hung, longest=0.3, at_once=1)
    assert time.monotonic() - begun < 10
    assert [one.condition for one in found] == [Condition.SILENT, Condition.SILENT, Condition.READY]
    assert found[0].sentence == (
        'prometheus/a answered "nothing within 0.3 s" to whether it can be used; '
        "check that the system is up and reachable from here"
    )
    left = [thread for thread in threading.enumerate() if thread.name == "tminus-check"]
    assert all(thread.daemon for thread in left)


def test_a_mistake_of_ours_is_not_taken_for_a_fault_of_the_system() -> None:
    with pytest.raises(TypeError, match="no check"):
        examine({"tools": SCRIPTS}, (), lambda *_: object(), longest=5)
