"""The rollouts of the other runbooks as data: valid, reachable in the sandbox, and every guard has a series to watch."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from launch.effects import Restore
from launch.effects.exposure import ExposureEffect
from launch.plan import Plan
from launch.plan_file import load_plan
from sandbox.parts.flags import FlagsPart
from sandbox.parts.load_balancer import LoadBalancerPart
from sandbox.parts.mesh import MeshPart
from sandbox.parts.prometheus import Prometheus
from sandbox.parts.weights import WeightsPart
from sandbox.town_parts import PARTS, Shared
from sandbox.world import World

PLANS = sorted((Path(__file__).parents[1] / "data" / "rollouts").glob("*.yaml"))
T0 = datetime(2026, 12, 7, 9, tzinfo=UTC)


@pytest.fixture(params=PLANS, ids=lambda path: path.stem)
def plan(request: pytest.FixtureRequest) -> Plan:
    return load_plan(request.param.read_text()).plan


def test_its_blocks_are_in_the_sandbox(plan):
    offered = {block for behind in PARTS.values() for block in behind.blocks}
    assert set(plan.environments[0].blocks.values()) <= offered


def test_every_step_moves_exposure_and_every_change_has_its_way_back(plan):
    actions = {action.id: action for action in plan.actions}
    for step in plan.rollout.steps:
        assert any(isinstance(actions[name].effect, ExposureEffect) for name in step.actions)
    changes = [action for action in plan.actions if action.role.value == "changes"]
    for action in changes:
        assert action.undo.how.value in {"restore", "by-action"}
        undoing = actions[action.undo.action].effect if action.undo.action else None
        assert undoing is None or isinstance(undoing, ExposureEffect | Restore)


def test_every_trigger_has_a_guard_and_every_guard_a_series(plan):
    world = World(now=lambda: T0 + timedelta(minutes=5), t0=T0)
    store, shared = Prometheus(), Shared()
    parts = [MeshPart(), WeightsPart(), FlagsPart(), LoadBalancerPart(shared.aws)]
    try:
        for part in (*parts, store):
            part.define(world)
        for guard in plan.thresholds:
            assert guard.query is not None
            assert store.samples(guard.query.query, T0), guard.id
            if guard.baseline is not None:
                assert store.samples(guard.baseline.query, T0), guard.id
    finally:
        for part in (*parts, shared.aws):
            part.stop()
    assert [trigger.id for trigger in plan.rollback.triggers if not trigger.guards] == []
