"""The sandbox's cluster keeps what kmock leaves out: the door, generations, merges, conflicts, Jobs, virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sandbox.parts.cluster import TOKEN, ClusterPart
from sandbox.world import World

T0 = datetime(2025, 11, 17, 7, tzinfo=UTC)
DEPLOYMENT = "/apis/apps/v1/namespaces/production/deployments/export-service"
JOBS = "/apis/batch/v1/namespaces/production/jobs"
PODS = "/api/v1/namespaces/production/pods"
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
MERGE = {"Content-Type": "application/merge-patch+json"}


class Stage:
    def __init__(self) -> None:
        self.now = T0
        self.world = World(now=lambda: self.now, t0=T0)
        self.part = ClusterPart()
        self.part.define(self.world)
        self.part.start()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self.http = httpx.Client(base_url=self.part.address, headers=headers, timeout=10)

    def get(self, path):
        return self.http.get(path).raise_for_status().json()

    def set_image(self, image, headers=STRATEGIC):
        containers = [{"name": "export-service", "image": image}]
        body = {"spec": {"template": {"spec": {"containers": containers}}}}
        return self.http.patch(DEPLOYMENT, json=body, headers=headers)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.http.close()
    stage.part.stop()


def job(name, image="teei/migrations:v2.5.0", arguments=("migrate:prod",)):
    container = {"name": "migrate", "image": image, "args": list(arguments)}
    return {"metadata": {"name": name}, "spec": {"template": {"spec": {"containers": [container]}}}}


def test_nobody_enters_without_the_token(stage):
    assert httpx.get(stage.part.address + DEPLOYMENT).status_code == 401


def test_a_strategic_merge_keeps_a_containers_other_fields_and_a_plain_one_does_not(stage):
    patched = stage.set_image("teei/export-service:v2.1.0").json()
    assert patched["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "1"
    patched = stage.set_image("teei/export-service:v2.1.0", MERGE).json()
    assert "resources" not in patched["spec"]["template"]["spec"]["containers"][0]


def test_a_change_of_the_spec_is_a_new_generation_and_a_label_is_not(stage):
    assert stage.get(DEPLOYMENT)["metadata"]["generation"] == 1
    stage.http.patch(DEPLOYMENT, json={"metadata": {"labels": {"seen": "yes"}}}, headers=MERGE)
    assert stage.get(DEPLOYMENT)["metadata"]["generation"] == 1
    stage.set_image("teei/export-service:v2.1.0")
    changed = stage.get(DEPLOYMENT)
    assert changed["metadata"]["generation"] == changed["status"]["observedGeneration"] == 2
    assert changed["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"


def test_a_patch_of_a_version_that_has_passed_is_a_conflict(stage):
    body = {"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}}
    answer = stage.http.patch(DEPLOYMENT, json=body, headers=MERGE)
    assert (answer.status_code, answer.json()["reason"]) == (409, "Conflict")


def test_pods_are_replaced_one_by_one_while_the_old_ones_serve(stage):
    stage.set_image("teei/export-service:v2.1.0")
    counts = []
    for _ in range(4):
        status = stage.get(DEPLOYMENT)["status"]
        counts.append((status["replicas"], status["updatedReplicas"], status["readyReplicas"]))
        stage.now += timedelta(seconds=14)
    assert counts == [(4, 1, 3), (4, 2, 3), (4, 3, 3), (3, 3, 3)]


def test_other_parts_see_which_versions_run(stage):
    stage.set_image("teei/export-service:v2.1.0")
    stage.now += timedelta(seconds=14)
    assert stage.part.versions()["export-service"] == {"v2.0.4": pytest.approx(2 / 3), "v2.1.0": pytest.approx(1 / 3)}
    stage.now += timedelta(seconds=30)
    assert stage.part.versions()["export-service"] == {"v2.1.0": 1.0}


def test_a_rollback_while_nothing_new_is_ready_is_done_at_once(stage):
    stage.world.set("cluster.unready.export-service", True)
    stage.set_image("teei/export-service:v2.1.0")
    stage.now += timedelta(seconds=400)
    late = {condition["reason"] for condition in stage.get(DEPLOYMENT)["status"]["conditions"]}
    assert "ProgressDeadlineExceeded" in late
    stage.set_image("teei/export-service:v2.0.4")
    assert stage.get(DEPLOYMENT)["status"]["readyReplicas"] == 3


def test_a_fault_that_begins_after_a_rollout_takes_one_pod_out(stage):
    stage.world.set("cluster.version.export-service", "v2.1.0")
    stage.world.schedule("cluster.unready.export-service", True, T0 + timedelta(minutes=5))
    assert stage.part.unready("export-service") == 0
    stage.now += timedelta(minutes=5)
    assert stage.part.unready("export-service") == 1


@pytest.mark.parametrize(("done", "field", "condition"), [(True, "succeeded", "Complete"), (False, "failed", "Failed")])
def test_a_job_runs_its_handler_once_and_ends_when_its_time_has_passed(stage, done, field, condition):
    calls = []

    def migrate(arguments):
        calls.append(arguments)
        return done, "12 migrations applied"

    stage.part.jobs["teei/migrations"] = migrate
    created = stage.http.post(JOBS, json=job("migrate-1"))
    assert created.is_success
    assert created.json()["metadata"]["creationTimestamp"] == "2025-11-17T07:00:00Z"
    assert stage.get(f"{JOBS}/migrate-1")["status"]["active"] == 1
    stage.now += timedelta(seconds=20)
    status = stage.get(f"{JOBS}/migrate-1")["status"]
    assert (status[field], status["conditions"][0]["type"]) == (1, condition)
    assert calls == [["migrate:prod"]]
    assert stage.http.get(f"{PODS}/migrate-1-job/log").text == "12 migrations applied"


def test_the_same_job_twice_is_refused_and_runs_once(stage):
    calls = []
    stage.part.jobs["migrate-1"] = lambda arguments: (calls.append(arguments) is None, "")
    stage.http.post(JOBS, json=job("migrate-1")).raise_for_status()
    assert stage.http.post(JOBS, json=job("migrate-1")).status_code == 409
    assert len(calls) == 1


def test_a_job_of_an_unknown_image_never_starts(stage):
    stage.http.post(JOBS, json=job("ghost", image="teei/ghost:v1")).raise_for_status()
    stage.now += timedelta(hours=1)
    assert stage.get(f"{JOBS}/ghost")["status"]["active"] == 1
    pod = stage.get(f"{PODS}/ghost-job")
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"


def test_every_fact_of_the_cluster_can_be_put_back(stage):
    paths = [
        "/apis/apps/v1/namespaces/production/deployments",
        "/apis/autoscaling/v2/namespaces/production/horizontalpodautoscalers",
        "/apis/networking.k8s.io/v1/namespaces/production/networkpolicies",
        "/apis/networking.istio.io/v1/namespaces/production/destinationrules",
        "/apis/networking.istio.io/v1/namespaces/production/virtualservices",
    ]
    specs = [[item["spec"] for item in stage.get(path)["items"]] for path in paths]
    odd = {"cluster.version.export-service": "v9", "cluster.route-subset.export-service": "canary"}
    for name, knob in stage.world.knobs.items():
        stage.world.set(name, odd.get(name, 7 if isinstance(knob.default, int) else knob.default))
        stage.world.reset(name)
    assert [[item["spec"] for item in stage.get(path)["items"]] for path in paths] == specs
