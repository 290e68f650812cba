"""The cluster block against the sandbox's Kubernetes API: every question, every way a rollout goes, every refusal."""

from __future__ import annotations

import socket

import pytest
from pydantic import ValidationError

from blocks.platform.cluster import KubernetesCluster
from launch.effects.platform import AwaitRollout, SetImages
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Standing
from launch.probes.platform import (
    Autoscaling,
    CircuitBreakers,
    Draining,
    MeshRoutes,
    NetworkIsolation,
    RolloutState,
    WorkloadLimits,
)
from sandbox.parts.cluster import TOKEN

SERVICES = ("reporting-api", "q2q-pipeline", "notification-service", "export-service")
PREVIOUS = {
    "reporting-api": "teei/reporting-api:v2.4.9",
    "q2q-pipeline": "teei/q2q-pipeline:v1.8.1",
    "notification-service": "teei/notification-service:v1.3.0",
    "export-service": "teei/export-service:v2.0.4",
}


def probe(kind, *workloads):
    (ask,) = kind.model_fields["ask"].annotation.__args__
    return kind(ask=ask, of="cluster", workloads=workloads or SERVICES)


def deploy(occasion):
    images = {service: f"teei/{service}:{version}" for service, version in occasion.release.services.items()}
    return SetImages(do="set-images", on="cluster", images=images)


@pytest.fixture
def block(cluster):
    return KubernetesCluster(**cluster.blocks("")["kubernetes-namespace/sandbox-cluster"])


def values(block, question, rehearsal):
    return {name: quantity.value for name, quantity in block.answer(question, rehearsal.occasion).values.items()}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (WorkloadLimits, {"workloads_with_limits": 4}),
        (Draining, {"workloads_with_pre_stop": 4, "shortest_grace": 45}),
        (Autoscaling, {"autoscalers": 4, "min_pods": 2, "max_pods": 10}),
        (NetworkIsolation, {"default_deny": "present", "workloads_covered": 4}),
        (CircuitBreakers, {"circuit_breakers": 4, "failure_threshold": 5, "open_timeout": 30}),
        (MeshRoutes, {"services_routed": 4, "unknown_subsets": 0}),
        (RolloutState, {"pods_ready": 100, "rollouts_complete": 4, "workloads_on_release": 0}),
    ],
)
def test_a_healthy_namespace_answers_every_question(block, rehearsal, kind, expected):
    assert values(block, probe(kind), rehearsal) == expected
    assert frozenset(expected) == kind.yields


@pytest.mark.parametrize(
    ("kind", "turn", "expected"),
    [
        (WorkloadLimits, ("limits", False), {"workloads_with_limits": 3}),
        (Draining, ("pre-stop", False), {"workloads_with_pre_stop": 3}),
        (Draining, ("grace-seconds", 5), {"shortest_grace": 5}),
        (Autoscaling, ("min-pods", 1), {"min_pods": "2, 1"}),
        (Autoscaling, ("max-pods", 4), {"max_pods": "10, 4"}),
        (CircuitBreakers, ("breaker-failures", 50), {"failure_threshold": "5, 50"}),
        (CircuitBreakers, ("breaker-seconds", 90), {"open_timeout": "30.0, 90.0"}),
        (MeshRoutes, ("route-weight", 90), {"services_routed": 3}),
        (MeshRoutes, ("route-subset", "canary"), {"unknown_subsets": 1}),
        (RolloutState, ("version", "v2.1.0"), {"workloads_on_release": 1, "pods_ready": 100}),
        (RolloutState, ("unready", "any"), {"rollouts_complete": 3}),
    ],
)
def test_one_service_out_of_line_shows(block, rehearsal, kind, turn, expected):
    knob, value = turn
    rehearsal.world.set(f"cluster.{knob}.export-service", value)
    assert expected.items() <= values(block, probe(kind), rehearsal).items()


def test_a_namespace_open_to_everybody_shows(block, rehearsal):
    rehearsal.world.set("cluster.default-deny", False)
    assert values(block, probe(NetworkIsolation), rehearsal)["default_deny"] == "absent"


@pytest.mark.parametrize(
    ("kind", "gone"),
    [
        (WorkloadLimits, {"workloads_with_limits": 0}),
        (Draining, {"workloads_with_pre_stop": 0}),
        (Autoscaling, {"autoscalers": 0}),
        (CircuitBreakers, {"circuit_breakers": 0}),
        (RolloutState, {"rollouts_complete": 0, "workloads_on_release": 0}),
    ],
)
def test_a_workload_that_is_not_there_never_counts_and_yields_no_figure(block, rehearsal, kind, gone):
    assert values(block, probe(kind, "ghost"), rehearsal) == gone


def test_one_missing_workload_leaves_the_share_of_ready_pods_unknown(block, rehearsal):
    answer = block.answer(probe(RolloutState, "reporting-api", "ghost"), rehearsal.occasion)
    assert "pods_ready" not in answer.values
    assert "no such deployment: ghost" in answer.evidence


def test_a_deployment_rolls_out_pod_by_pod_and_holds(block, rehearsal):
    effect = deploy(rehearsal.occasion)
    before = block.observe(effect, rehearsal.occasion)
    assert (before.standing, before.state) == (Standing.ABSENT, PREVIOUS)
    block.apply(effect, rehearsal.occasion)
    seen = []
    for _ in range(4):
        observation = block.observe(effect, rehearsal.occasion)
        seen.append((observation.standing, round(observation.progress, 2)))
        assert observation.exposure == pytest.approx(100 * observation.progress)
        rehearsal.wait(14)
    assert seen == [
        (Standing.UNDER_WAY, 0.0),
        (Standing.UNDER_WAY, 0.33),
        (Standing.UNDER_WAY, 0.67),
        (Standing.HOLDS, 1.0),
    ]
    assert values(block, probe(RolloutState), rehearsal)["workloads_on_release"] == 4


def test_old_pods_that_serve_during_a_rollout_are_not_ready_pods_of_the_release(block, rehearsal):
    block.apply(deploy(rehearsal.occasion), rehearsal.occasion)
    assert values(block, probe(RolloutState), rehearsal) == {
        "pods_ready": 0,
        "rollouts_complete": 0,
        "workloads_on_release": 0,
    }


def test_applying_twice_changes_nothing_more(block, cluster, rehearsal):
    effect = deploy(rehearsal.occasion)
    block.apply(effect, rehearsal.occasion)
    rehearsal.wait(40)
    block.apply(effect, rehearsal.occasion)
    assert block.observe(effect, rehearsal.occasion).standing is Standing.HOLDS


def test_setting_an_image_keeps_the_rest_of_the_container(block, rehearsal):
    block.apply(deploy(rehearsal.occasion), rehearsal.occasion)
    assert values(block, probe(WorkloadLimits), rehearsal)["workloads_with_limits"] == 4


def test_restoring_brings_back_the_recorded_images(block, rehearsal):
    effect = deploy(rehearsal.occasion)
    before = block.observe(effect, rehearsal.occasion).state
    block.apply(effect, rehearsal.occasion)
    rehearsal.wait(20)
    block.restore(effect, before, rehearsal.occasion)
    assert block.observe_restored(effect, before, rehearsal.occasion).standing is Standing.UNDER_WAY
    rehearsal.wait(40)
    assert block.observe_restored(effect, before, rehearsal.occasion).standing is Standing.HOLDS
    assert values(block, probe(RolloutState), rehearsal)["workloads_on_release"] == 0


def test_a_record_that_is_no_map_of_images_is_refused(block, rehearsal):
    with pytest.raises(PermanentFaultError, match="set the images by hand"):
        block.restore(deploy(rehearsal.occasion), {"reporting-api": 3}, rehearsal.occasion)


@pytest.mark.parametrize(
    ("knob", "sentence"),
    [
        ("image-pull", 'image "teei/export-service:v2.1.0" cannot be pulled'),
        ("crash", 'pods of "teei/export-service:v2.1.0" start and crash again'),
        ("unready", 'pods of "teei/export-service:v2.1.0" run but never become ready'),
    ],
)
def test_a_rollout_that_stands_still_fails_after_its_deadline_and_says_why(block, rehearsal, knob, sentence):
    rehearsal.world.set(f"cluster.{knob}.export-service", True)
    effect = deploy(rehearsal.occasion)
    block.apply(effect, rehearsal.occasion)
    rehearsal.wait(60)
    assert block.observe(effect, rehearsal.occasion).standing is Standing.UNDER_WAY
    rehearsal.wait(300)
    observation = block.observe(effect, rehearsal.occasion)
    assert observation.standing is Standing.FAILED
    assert (
        observation.detail
        == f"export-service: {sentence}"
        + (", no pod starts with it" if knob == "image-pull" else "")
        + "; its progress deadline has passed"
    )


def test_waiting_for_a_rollout_applies_nothing_and_holds_when_it_is_done(block, rehearsal):
    waiting = AwaitRollout(do="await-rollout", on="cluster", workloads=SERVICES)
    block.apply(deploy(rehearsal.occasion), rehearsal.occasion)
    block.apply(waiting, rehearsal.occasion)
    assert block.observe(waiting, rehearsal.occasion).standing is Standing.UNDER_WAY
    rehearsal.wait(40)
    assert block.observe(waiting, rehearsal.occasion).standing is Standing.HOLDS


def test_a_workload_that_does_not_exist_fails_at_once(block, rehearsal):
    effect = SetImages(do="set-images", on="cluster", images={"ghost": "teei/ghost:v1"})
    assert block.observe(effect, rehearsal.occasion).standing is Standing.FAILED
    with pytest.raises(PermanentFaultError, match="no such deployment"):
        block.apply(effect, rehearsal.occasion)


def test_a_missing_right_is_named(block, rehearsal):
    rehearsal.world.set("cluster.forbidden", "patch deployments")
    with pytest.raises(PermanentFaultError, match="missing right: patch deployments in the namespace"):
        block.apply(deploy(rehearsal.occasion), rehearsal.occasion)
    with pytest.raises(PermanentFaultError, match="not patch deployments"):
        block.check()


def test_a_conflict_says_that_somebody_else_deploys(block, rehearsal):
    rehearsal.world.set("cluster.conflict", True)
    with pytest.raises(TransientFaultError, match="409, a conflict: somebody else changed it"):
        block.apply(deploy(rehearsal.occasion), rehearsal.occasion)


@pytest.mark.parametrize("mode", ["500", "429", "refuse"])
def test_an_api_server_out_of_order_is_worth_another_try(block, rehearsal, mode):
    rehearsal.world.define("vendor.cluster", mode, "failure of the API server")
    with pytest.raises(TransientFaultError, match="HTTP"):
        block.answer(probe(RolloutState), rehearsal.occasion)


def test_an_api_server_that_hangs_is_a_time_out(block, rehearsal):
    rehearsal.world.define("vendor.cluster", "hang", "failure of the API server")
    with pytest.raises(TransientFaultError, match="no answer in time"):
        block.model_copy(update={"timeout_seconds": 0.2}).answer(probe(RolloutState), rehearsal.occasion)


def test_an_api_server_that_is_not_there_is_no_connection(rehearsal):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    block = KubernetesCluster(namespace="production", server=f"http://127.0.0.1:{port}", token="t")
    with pytest.raises(TransientFaultError, match="no connection"):
        block.answer(probe(RolloutState), rehearsal.occasion)


def test_refused_credentials_are_permanent_and_not_quoted(cluster, rehearsal):
    block = KubernetesCluster(namespace="production", server=cluster.address, token="guessed-token")
    with pytest.raises(PermanentFaultError, match="renew the credentials") as refused:
        block.answer(probe(RolloutState), rehearsal.occasion)
    assert "guessed-token" not in str(refused.value)


def test_a_kubeconfig_is_a_way_in(cluster, rehearsal):
    text = f"""
apiVersion: v1
kind: Config
current-context: rehearsal
contexts: [{{name: rehearsal, context: {{cluster: sandbox, user: tminus}}}}]
clusters: [{{name: sandbox, cluster: {{server: "{cluster.address}"}}}}]
users: [{{name: tminus, user: {{token: "{TOKEN}"}}}}]
"""
    block = KubernetesCluster(namespace="production", kubeconfig=text)
    assert block.check() == 'namespace "production" has 4 deployments, and they may be changed'


@pytest.mark.parametrize("text", ["{}", "apiVersion: [", "- 1"])
def test_an_unusable_kubeconfig_is_one_sentence(rehearsal, text):
    block = KubernetesCluster(namespace="production", kubeconfig=text)
    with pytest.raises(PermanentFaultError, match="no usable credentials"):
        block.answer(probe(RolloutState), rehearsal.occasion)


@pytest.mark.parametrize(
    "fields", [{"kubeconfig": "{}", "server": "http://a", "token": "t"}, {"server": "http://a"}, {"token": "t"}]
)
def test_half_a_way_in_is_refused(fields):
    with pytest.raises(ValidationError):
        KubernetesCluster(namespace="production", **fields)


def test_a_server_that_is_no_kubernetes_is_said_to_be_none(rehearsal, httpserver_of_nonsense):
    block = KubernetesCluster(namespace="production", server=httpserver_of_nonsense, token="t")
    with pytest.raises(PermanentFaultError, match="not what the Kubernetes API serves"):
        block.answer(probe(RolloutState), rehearsal.occasion)
