"""Chaos Toolkit itself, as a program: experiments that are borne, that are not, that are stopped in the middle."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from blocks.experiments import ChaosExperiments
from launch.effects.trials import RunExperiment
from launch.errors import PermanentFaultError
from launch.ports import Occasion, Standing
from launch.probes.evidence import ChaosJournal
from launch.release import Release
from tests.fakes.programs import beside, runner_ended

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
SHOP = Path(__file__).with_name("scripts")


def occasion(key="teei-1/chaos/1", *, minutes=0):
    now = NOW + timedelta(minutes=minutes)
    return Occasion(launch="teei-1", now=now, t0=NOW, release=Release(version="v2.5.0", commit="c0ffee"), key=key)


def run(experiment="pods", **variables):
    return RunExperiment(
        do="run-experiment", on="chaos", experiment=experiment, variables=variables, longest=timedelta(seconds=60)
    )


def question(**fields):
    base = {"ask": "chaos-journal", "of": "chaos", "name": "pods", "environment": "staging"}
    return ChaosJournal.model_validate(base | fields)


def of_shop(function, name=None, kind="action", **arguments):
    provider = {"type": "python", "module": "shop", "func": function, "arguments": arguments}
    return {"type": kind, "name": name or function, "provider": provider}


class Shop:
    """Three pods in a folder, and experiments on them."""

    def __init__(self, folder):
        self.folder = folder
        for pod in "abc":
            (folder / f"pod-{pod}").touch()
        os.mkfifo(folder / "gate")

    def experiment(self, name, *method, at_least=1):
        alive = of_shop("pods_left", "pods serve", "probe", folder="${folder}")
        written = {
            "title": name,
            "description": name,
            "configuration": {
                "folder": str(self.folder),
                "count": {"type": "env", "key": "COUNT", "default": "1", "env_var_type": "str"},
            },
            "steady-state-hypothesis": {
                "title": "pods serve",
                "probes": [alive | {"tolerance": {"type": "range", "range": [at_least, 3]}}],
            },
            "method": list(method),
            "rollbacks": [of_shop("put_back", folder="${folder}")],
        }
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(written))
        return str(path)

    def block(self, *method, at_least=1, **fields):
        base = {
            "experiments": {"pods": self.experiment("pods", *method, at_least=at_least)},
            "chaos": beside("chaos"),
            "records": str(self.folder / "records"),
            "work_directory": str(self.folder),
            "environment": {"PYTHONPATH": str(SHOP), "PYTHONDONTWRITEBYTECODE": "1"},
        }
        return ChaosExperiments(**base | fields)

    @property
    def rolled_back(self):
        return (self.folder / "rolled-back").exists()

    def pods(self):
        return len(list(self.folder.glob("pod-*")))


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


KILL = of_shop("terminate_pods", folder="${folder}", count="${count}")
FAILOVER = of_shop("failover_db_cluster", folder="${folder}")


def ended(block, effect, when=None):
    runner_ended(block.records)
    return block.observe(effect, when or occasion())


def values(block, when=None, **fields):
    return {name: one.value for name, one in block.answer(question(**fields), when or occasion()).values.items()}


def test_experiments_and_their_extensions_are_proved_before_a_launch(shop):
    assert shop.block(KILL).check() == "1 experiments are valid"
    with pytest.raises(PermanentFaultError, match=r"status 1.* to is experiment pods valid"):
        shop.block(of_shop("no_such_function")).check()
    with pytest.raises(PermanentFaultError, match="no such file"):
        shop.block(KILL, experiments={"pods": "/nowhere.json"}).check()
    with pytest.raises(PermanentFaultError, match="no such executable"):
        shop.block(KILL, chaos="/nowhere/chaos").check()


def test_an_experiment_that_is_borne_holds_once_and_its_faults_are_counted(shop):
    block = shop.block(KILL, FAILOVER)
    assert block.observe(run(), occasion()).standing is Standing.ABSENT
    block.apply(run(), occasion())
    block.apply(run(), occasion())
    seen = ended(block, run())
    assert (seen.standing, seen.detail) == (Standing.HOLDS, "pods ended; the system bore it")
    assert values(block) == {"experiment_survived": True, "pod_kills": 1, "database_failovers": 1}
    assert shop.pods() == 2
    assert shop.rolled_back


def test_variables_reach_its_configuration(shop):
    block = shop.block(KILL)
    block.apply(run(count="2"), occasion())
    assert ended(block, run()).standing is Standing.HOLDS
    assert shop.pods() == 1


@pytest.mark.parametrize(
    ("method", "gone", "told"),
    [
        ((KILL,), None, "pods: the steady state was not met afterwards"),
        ((KILL,), "pod-a", "pods: the steady state was not there to begin with"),
        ((of_shop("refused"),), None, "pods: refused did not succeed"),
    ],
)
def test_one_that_is_not_borne_or_proves_nothing_has_failed(shop, method, gone, told):
    block = shop.block(*method, at_least=3)
    if gone:
        (shop.folder / gone).unlink()
    block.apply(run(), occasion())
    seen = ended(block, run())
    assert (seen.standing, seen.detail) == (Standing.FAILED, told)
    assert values(block).get("experiment_survived") is ("succeed" in told)


@pytest.mark.parametrize(
    ("fields", "minutes", "told"),
    [
        ({"name": "network"}, 0, '"network" was never run from here'),
        ({"environment": "pre-production"}, 0, "from staging, not pre-production"),
        ({}, 3 * 24 * 60, "more than 2 days"),
    ],
)
def test_a_run_counts_only_for_what_it_is_about(shop, fields, minutes, told):
    block = shop.block(KILL)
    block.apply(run(), occasion())
    runner_ended(block.records)
    reading = block.answer(question(**fields), occasion(minutes=minutes))
    assert reading.values == {}
    assert told in reading.evidence


def test_undo_stops_it_and_its_rollbacks_are_played(shop):
    block = shop.block(KILL, of_shop("wait_for", pipe=str(shop.folder / "gate")))
    before = block.observe(run(), occasion()).state
    block.apply(run(), occasion())
    # Opening the other end returns when the experiment has come this far.
    with (shop.folder / "gate").open("w"):
        assert block.observe(run(), occasion()).standing is Standing.UNDER_WAY
        assert block.observe_restored(run(), before, occasion("undo")).standing is Standing.ABSENT
        block.restore(run(), before, occasion("undo"))
        seen = ended(block, run())
    assert (seen.standing, seen.detail) == (Standing.FAILED, "pods was stopped")
    assert block.observe_restored(run(), before, occasion("undo")).standing is Standing.HOLDS
    assert shop.rolled_back
    assert values(block) == {}


def test_one_that_leaves_no_journal_has_failed(shop):
    block = shop.block(KILL)
    (shop.folder / "pods.json").write_text("{")
    block.apply(run(), occasion())
    seen = ended(block, run())
    assert seen.standing is Standing.FAILED
    assert seen.detail.startswith("pods ended with status 1")
    assert values(block) == {}


def test_it_is_never_run_on_production(shop):
    with pytest.raises(ValidationError, match="experiments run where no customer is"):
        shop.block(KILL, target_environment="Production")


@pytest.mark.parametrize(
    ("effect", "told"), [(run("dns"), "not one of pods"), (run(**{"a=b": "c"}), "a variable with")]
)
def test_what_is_not_allowed_is_refused_before_anything_runs(shop, effect, told):
    block = shop.block(KILL)
    with pytest.raises(PermanentFaultError, match=told):
        block.apply(effect, occasion())
    assert not Path(block.records).exists()
