"""Objects of a cluster: applied from files and kustomizations, deleted, Secrets replaced, Jobs run; and all taken back."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from blocks.platform.cluster import KubernetesCluster
from blocks.platform.kube import invalid_fields
from launch.effects.platform import ApplyManifests, DeleteObjects, ReplaceSecret, RunJob
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError
from launch.ports import Standing
from sandbox.parts.cluster import TOKEN
from tests.fakes.programs import program
from tests.fakes.providers import ROOT

FOLDER = ROOT / "tests" / "data" / "manifests"
NAMESPACE = "/api/v1/namespaces/production"
DEPLOYMENT = "/apis/apps/v1/namespaces/production/deployments/export-service"
VERSION = {"VERSION": "v2.1.0"}


@pytest.fixture
def api(cluster) -> Any:
    with httpx.Client(base_url=cluster.address, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client


@pytest.fixture
def block(cluster) -> KubernetesCluster:
    return _block(cluster.address)


def _block(server: str, **fields: object) -> KubernetesCluster:
    return KubernetesCluster.model_validate(
        {
            "server": server,
            "token": TOKEN,
            "namespace": "production",
            "manifests_folder": FOLDER,
            "secrets": {"database": {"password": "new-word", "user": "launch"}},
            **fields,
        }
    )


def applied(*manifests: str, **values: str) -> ApplyManifests:
    return ApplyManifests(do="apply-manifests", on="k", manifests=manifests, values=values)


def deleted(*objects: tuple[str, str, str]) -> DeleteObjects:
    named = [{"api_version": version, "kind": kind, "name": name} for version, kind, name in objects]
    return DeleteObjects.model_validate({"do": "delete-objects", "on": "k", "objects": named})


EXPORT = applied("export.yaml", **VERSION)
JOB = RunJob(do="run-job", on="k", manifest="migrate.yaml", values=VERSION)
SECRET = ReplaceSecret(do="replace-secret", on="k", secret="database")
SETTINGS = ("v1", "ConfigMap", "settings")


def settings(api: httpx.Client, name: str = "settings", **data: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
    api.post(f"{NAMESPACE}/configmaps", json=body).raise_for_status()


def secret(api: httpx.Client, **data: str) -> None:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "database"}, "data": encoded}
    api.post(f"{NAMESPACE}/secrets", json=body).raise_for_status()


def values(api: httpx.Client, name: str = "database") -> dict[str, str]:
    data = api.get(f"{NAMESPACE}/secrets/{name}").raise_for_status().json()["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def test_manifests_are_applied_and_taken_back(block, api, rehearsal) -> None:
    before = block.observe(EXPORT, rehearsal.occasion)
    assert before.standing is Standing.ABSENT
    assert before.detail == (
        "ConfigMap export-settings is not there; "
        "Deployment export-service differs in spec.replicas, spec.template.spec.containers"
    )
    block.apply(EXPORT, rehearsal.occasion)
    assert block.observe(EXPORT, rehearsal.occasion).standing is Standing.HOLDS
    now = api.get(DEPLOYMENT).json()["spec"]
    assert now["replicas"] == 5
    container = now["template"]["spec"]["containers"][0]
    assert container["image"] == "teei/export-service:v2.1.0"
    assert container["resources"]["limits"]["cpu"] == "1", "what the manifest does not say stays"
    assert block.observe_restored(EXPORT, before.state, rehearsal.occasion).standing is Standing.ABSENT
    block.restore(EXPORT, before.state, rehearsal.occasion)
    seen = block.observe_restored(EXPORT, before.state, rehearsal.occasion)
    assert (seen.standing, seen.detail) == (Standing.HOLDS, "2 objects are as they were")
    assert api.get(DEPLOYMENT).json()["spec"]["replicas"] == 3
    assert api.get(f"{NAMESPACE}/configmaps/export-settings").status_code == 404


def test_values_that_are_no_secrets_come_from_the_plan_and_win(block, api, rehearsal) -> None:
    secret(api, host="10.0.0.3", port="5432", password="old")
    switch = SECRET.model_copy(update={"values": {"host": "10.0.0.9"}})
    before = block.observe(switch, rehearsal.occasion)
    assert before.detail == "Secret database has other values: password, user, host"
    block.apply(switch, rehearsal.occasion)
    assert block.observe(switch, rehearsal.occasion).standing is Standing.HOLDS
    now = values(api)
    assert (now["host"], now["port"]) == ("10.0.0.9", "5432")
    assert now["password"] != "old"
    block.restore(switch, before.state, rehearsal.occasion)
    assert values(api) == {"host": "10.0.0.3", "port": "5432", "password": "old"}


def test_a_secret_with_plain_values_only_needs_none_in_the_block(block, api, rehearsal) -> None:
    switch = ReplaceSecret(do="replace-secret", on="k", secret="elsewhere", values={"host": "10.0.0.9"})
    block.apply(switch, rehearsal.occasion)
    assert values(api, "elsewhere") == {"host": "10.0.0.9"}


def test_looking_changes_nothing(block, api, rehearsal) -> None:
    before = api.get(DEPLOYMENT).json()
    block.observe(EXPORT, rehearsal.occasion)
    assert api.get(DEPLOYMENT).json() == before
    assert api.get(f"{NAMESPACE}/configmaps/export-settings").status_code == 404


def test_a_field_that_somebody_else_set_is_told_and_not_taken(block, cluster, rehearsal) -> None:
    rehearsal.world.set("cluster.owned", "hpa .spec.replicas")
    with pytest.raises(PermanentFaultError, match=r"a conflict: \.spec\.replicas of hpa.*take these fields out"):
        block.observe(EXPORT, rehearsal.occasion)


def test_a_drift_by_hand_is_seen(block, api, rehearsal) -> None:
    block.apply(EXPORT, rehearsal.occasion)
    merge = {"Content-Type": "application/merge-patch+json"}
    path = f"{NAMESPACE}/configmaps/export-settings"
    api.patch(path, json={"data": {"greeting": "bye"}}, headers=merge).raise_for_status()
    seen = block.observe(EXPORT, rehearsal.occasion)
    assert seen.detail == "ConfigMap export-settings differs in data.greeting"


def test_a_kustomization_is_built_by_its_own_tool(block, api, rehearsal) -> None:
    program("kubectl")
    block.apply(applied("overlay"), rehearsal.occasion)
    assert api.get(f"{NAMESPACE}/configmaps/eu-settings").json()["data"] == {"region": "eu"}


def test_a_kustomization_that_cannot_be_built_says_why(cluster, tmp_path, rehearsal) -> None:
    program("kubectl")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "kustomization.yaml").write_text("resources: [nowhere.yaml]\n")
    with pytest.raises(PermanentFaultError, match=r"nowhere\.yaml.*mend the kustomization"):
        _block(cluster.address, manifests_folder=tmp_path).observe(applied("broken"), rehearsal.occasion)


def test_without_the_tool_a_kustomization_is_refused(block, monkeypatch, rehearsal) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(PermanentFaultError, match="neither kustomize nor kubectl"):
        block.observe(applied("overlay"), rehearsal.occasion)


BAD = {
    "a: [": r"bad\.yaml:2",
    "- 3": "no object",
    "kind: ConfigMap": "without apiVersion, kind or metadata.name",
    "{apiVersion: v1, kind: Secret, metadata: {name: x}}": "use `replace-secret`",
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: kube-system}}": 'of namespace "kube-system"',
    "{apiVersion: v9, kind: ConfigMap, metadata: {name: x}}": "v9 has no such kind",
    "{apiVersion: v1, kind: Moon, metadata: {name: x}}": "v1 has no such kind",
}


@pytest.mark.parametrize("text", BAD)
def test_a_file_that_is_no_manifest_of_this_namespace_is_one_sentence(cluster, tmp_path, rehearsal, text) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(PermanentFaultError, match=BAD[text]):
        _block(cluster.address, manifests_folder=tmp_path).observe(applied("bad.yaml"), rehearsal.occasion)


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        (applied("ghost.yaml"), "no such file"),
        (applied("../small.yaml"), "outside the manifests folder"),
        (applied("export.yaml", OTHER="1"), r"no value for \$\{VERSION\}"),
        (RunJob(do="run-job", on="k", manifest="export.yaml", values=VERSION), "not one Job"),
    ],
)
def test_names_and_values_that_do_not_fit_are_one_sentence(block, rehearsal, effect, told) -> None:
    with pytest.raises(PermanentFaultError, match=told):
        block.observe(effect, rehearsal.occasion)


def test_a_block_without_a_folder_says_so(cluster, rehearsal) -> None:
    with pytest.raises(PermanentFaultError, match="fill in `manifests_folder`"):
        _block(cluster.address, manifests_folder=None).observe(EXPORT, rehearsal.occasion)


def test_lists_are_taken_apart(cluster, api, tmp_path, rehearsal) -> None:
    items = "".join(f"- {{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}\n" for name in ("a", "b"))
    (tmp_path / "list.yaml").write_text(f"apiVersion: v1\nkind: List\nitems:\n{items}")
    _block(cluster.address, manifests_folder=tmp_path).apply(applied("list.yaml"), rehearsal.occasion)
    assert [api.get(f"{NAMESPACE}/configmaps/{name}").status_code for name in ("a", "b")] == [200, 200]


def test_objects_are_deleted_and_come_back(block, api, rehearsal) -> None:
    settings(api, region="eu")
    before = block.observe(deleted(SETTINGS), rehearsal.occasion)
    assert (before.standing, before.detail) == (Standing.ABSENT, "still there: ConfigMap settings")
    for _ in range(2):
        block.apply(deleted(SETTINGS), rehearsal.occasion)
    assert block.observe(deleted(SETTINGS), rehearsal.occasion).standing is Standing.HOLDS
    assert block.observe_restored(deleted(SETTINGS), before.state, rehearsal.occasion).standing is Standing.ABSENT
    for _ in range(2):
        block.restore(deleted(SETTINGS), before.state, rehearsal.occasion)
    assert block.observe_restored(deleted(SETTINGS), before.state, rehearsal.occasion).standing is Standing.HOLDS
    assert api.get(f"{NAMESPACE}/configmaps/settings").json()["data"] == {"region": "eu"}


def test_an_object_that_waits_for_a_finalizer_is_under_way(block, api, rehearsal) -> None:
    settings(api)
    merge = {"Content-Type": "application/merge-patch+json"}
    waits = {"metadata": {"deletionTimestamp": "2025-11-17T07:00:00Z", "finalizers": ["example.com/backup"]}}
    api.patch(f"{NAMESPACE}/configmaps/settings", json=waits, headers=merge).raise_for_status()
    seen = block.observe(deleted(SETTINGS), rehearsal.occasion)
    assert (seen.standing, seen.detail) == (Standing.UNDER_WAY, "ConfigMap settings waits for example.com/backup")


def test_secrets_are_not_recorded_by_deleting_them(block, rehearsal) -> None:
    with pytest.raises(PermanentFaultError, match="delete Secrets by hand"):
        block.observe(deleted(("v1", "Secret", "database")), rehearsal.occasion)


def test_a_secret_is_replaced_and_taken_back_and_the_record_has_no_value(block, api, rehearsal) -> None:
    secret(api, password="old-word", extra="stays")
    before = block.observe(SECRET, rehearsal.occasion)
    assert before.standing is Standing.ABSENT
    assert before.detail == "Secret database has other values: password, user"
    for _ in range(2):
        block.apply(SECRET, rehearsal.occasion)
    assert values(api) == {"password": "new-word", "user": "launch", "extra": "stays"}
    seen = block.observe(SECRET, rehearsal.occasion)
    assert seen.standing is Standing.HOLDS
    recorded = str((before, seen))
    for word in ("old-word", "new-word"):
        assert word not in recorded
        assert base64.b64encode(word.encode()).decode() not in recorded
    block.restore(SECRET, before.state, rehearsal.occasion)
    assert block.observe_restored(SECRET, before.state, rehearsal.occasion).standing is Standing.HOLDS
    assert values(api) == {"password": "old-word", "extra": "stays"}


def test_a_secret_that_was_not_there_is_gone_again(block, api, rehearsal) -> None:
    before = block.observe(SECRET, rehearsal.occasion)
    assert before.detail == "no Secret database"
    block.apply(SECRET, rehearsal.occasion)
    assert values(api) == {"password": "new-word", "user": "launch"}
    assert block.observe_restored(SECRET, before.state, rehearsal.occasion).standing is Standing.ABSENT
    block.restore(SECRET, before.state, rehearsal.occasion)
    assert block.observe_restored(SECRET, before.state, rehearsal.occasion).standing is Standing.HOLDS


def test_a_restore_before_anything_was_changed_changes_nothing(block, api, rehearsal) -> None:
    secret(api, password="old-word")
    before = block.observe(SECRET, rehearsal.occasion)
    block.restore(SECRET, before.state, rehearsal.occasion)
    assert values(api) == {"password": "old-word"}


def test_a_secret_of_which_the_block_has_no_values_is_one_sentence(cluster, rehearsal) -> None:
    with pytest.raises(PermanentFaultError, match="give them in `secrets`"):
        _block(cluster.address, secrets={}).observe(SECRET, rehearsal.occasion)


@pytest.fixture
def migrations(cluster) -> Callable[[bool, str], None]:
    def register(done: bool, log: str) -> None:  # noqa: FBT001
        cluster.jobs["teei/migrations"] = lambda arguments: (done, log)

    return register


def test_a_job_runs_once_and_ends_well(block, migrations, rehearsal, api) -> None:
    migrations(True, "done")
    assert block.observe(JOB, rehearsal.occasion).standing is Standing.ABSENT
    for _ in range(2):
        block.apply(JOB, rehearsal.occasion)
    assert block.observe(JOB, rehearsal.occasion).standing is Standing.UNDER_WAY
    rehearsal.wait(600)
    seen = block.observe(JOB, rehearsal.occasion)
    assert seen.standing is Standing.HOLDS
    assert len(api.get("/apis/batch/v1/namespaces/production/jobs").json()["items"]) == 1


def test_a_job_that_failed_says_why_and_gives_no_credential_away(block, migrations, rehearsal) -> None:
    migrations(False, "starting\ncannot connect to postgresql://app:hunter2@db/teei, password=hunter3\n\n")
    block.apply(JOB, rehearsal.occasion)
    rehearsal.wait(600)
    seen = block.observe(JOB, rehearsal.occasion)
    assert seen.standing is Standing.FAILED
    assert "failed (BackoffLimitExceeded): pod migrate-" in seen.detail
    assert 'exit code 1, saying "cannot connect to postgresql://***@db/teei, password=***"' in seen.detail
    assert "hunter" not in seen.detail


def test_a_log_that_may_not_be_read_does_not_hide_the_failure(block, migrations, rehearsal, api) -> None:
    migrations(False, "no")
    block.apply(JOB, rehearsal.occasion)
    rehearsal.wait(600)
    rehearsal.world.set("cluster.forbidden", "get pods")
    seen = block.observe(JOB, rehearsal.occasion)
    assert seen.standing is Standing.FAILED
    assert seen.detail.endswith("exit code 1; its log: HTTP 403")


def test_a_job_whose_image_cannot_be_pulled_is_under_way_and_says_so(block, rehearsal) -> None:
    block.apply(JOB, rehearsal.occasion)
    seen = block.observe(JOB, rehearsal.occasion)
    assert seen.standing is Standing.UNDER_WAY
    assert seen.detail.endswith("its image cannot be pulled")


def test_nothing_undoes_a_job(block, rehearsal) -> None:
    assert block.observe_restored(JOB, {}, rehearsal.occasion).standing is Standing.UNKNOWN
    with pytest.raises(PermanentFaultError, match="name the action that undoes it"):
        block.restore(JOB, {}, rehearsal.occasion)


@pytest.mark.parametrize(
    ("verb", "effect", "right"),
    [
        ("observe", EXPORT, "get configmaps"),
        ("apply", EXPORT, "patch configmaps"),
        ("observe", deleted(SETTINGS), "get configmaps"),
        ("apply", deleted(SETTINGS), "delete configmaps"),
        ("observe", SECRET, "get secrets"),
        ("apply", SECRET, "create secrets"),
        ("observe", JOB, "get jobs"),
        ("apply", JOB, "create jobs"),
    ],
)
def test_a_missing_right_is_named(block, rehearsal, verb, effect, right) -> None:
    rehearsal.world.set("cluster.forbidden", right)
    with pytest.raises(PermanentFaultError, match=f"missing right: {right} in the namespace"):
        getattr(block, verb)(effect, rehearsal.occasion)


@pytest.mark.parametrize("effect", [EXPORT, deleted(SETTINGS), SECRET, JOB])
def test_an_api_server_out_of_order_is_worth_another_try(block, rehearsal, effect) -> None:
    rehearsal.world.define("vendor.cluster", "500", "failure of the API server")
    for verb in (block.observe, block.apply):
        with pytest.raises(TransientFaultError, match="HTTP 500"):
            verb(effect, rehearsal.occasion)


def test_a_body_of_another_api_is_a_fault(httpserver_of_nonsense, rehearsal) -> None:
    with pytest.raises(SystemFaultError):
        _block(httpserver_of_nonsense).observe(EXPORT, rehearsal.occasion)


def test_fields_that_are_invalid_are_named_and_not_their_values() -> None:
    body = '{"details": {"causes": [{"field": "spec.replicas", "message": "Invalid value: -1"}]}}'
    assert invalid_fields(body) == ", invalid: spec.replicas"
    assert invalid_fields("<html>") == ""
