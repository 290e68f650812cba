"""The sandbox's runbook scripts really change its cluster."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

import pytest

from sandbox.parts.cluster import ClusterPart
from sandbox.parts.shell import ShellPart
from sandbox.world import World

T0 = datetime(2025, 11, 17, 7, tzinfo=UTC)


@pytest.fixture
def stage():
    world, cluster = World(now=lambda: T0, t0=T0), ClusterPart()
    shell = ShellPart(cluster)
    for part in (cluster, shell):
        part.define(world)
        part.start()
    yield world, cluster, shell
    shell.stop()
    cluster.stop()


def run(shell, script, *arguments):
    shell.tick()
    fields = shell.blocks("")["shell-scripts/sandbox-shell"]
    return subprocess.run(
        [fields["scripts"][script], *arguments], env=fields["environment"], capture_output=True, text=True, check=False
    )


def test_deploy_and_rollback_set_images(stage):
    world, cluster, shell = stage
    world.set("cluster.rollout-seconds", 0)
    done = run(shell, "deploy-production.sh")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "Deployment complete!")
    assert cluster.versions()["reporting-api"] == {"v2.5.0": 1.0}
    assert run(shell, "rollback-production.sh").returncode == 1
    done = run(shell, "rollback-production.sh", "v2.4.9")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "Rollback complete!")
    assert cluster.versions()["reporting-api"] == {"v2.4.9": 1.0}
    assert cluster.versions()["export-service"] == {"v2.1.0": 1.0}


@pytest.mark.parametrize(("outcome", "status"), [("fail", 1), ("silent", 0)])
def test_a_script_can_fail_or_say_nothing(stage, outcome, status):
    world, _, shell = stage
    world.set("shell.outcome", outcome)
    done = run(shell, "deploy-production.sh")
    assert done.returncode == status
    assert "Deployment complete!" not in done.stdout
