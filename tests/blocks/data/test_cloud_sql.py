"""Cloud SQL as the sandbox speaks it: backups, moments to go back to, and who may ask."""

from datetime import timedelta

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from blocks.data.cloud_sql import CloudSql
from launch.effects.data import TakeSnapshot
from launch.errors import PermanentFaultError
from launch.ports import Standing
from launch.probes.stores import LaunchSnapshot, RecoveryPoint
from tests.fakes.observed_world import vendor

pytestmark = pytest.mark.integration
ADDRESS = "cloud-sql/sandbox-cloud-sql"
TAKE = TakeSnapshot(do="take-snapshot", on="instance", keep_days=30)
SNAPSHOT = LaunchSnapshot(ask="launch-snapshot", of="instance")
POINT = RecoveryPoint(ask="recovery-point", of="instance")


def test_a_backup_is_awaited_found_on_later_pages_and_says_how_long_it_is_kept(rehearsal, turned, values):
    block, occasion = rehearsal.block(ADDRESS), rehearsal.occasion(launch="media-1")
    assert block.observe(TAKE, occasion).standing is Standing.ABSENT
    assert block.answer(SNAPSHOT, occasion).values == {}
    block.apply(TAKE, occasion)
    block.apply(TAKE, rehearsal.occasion(launch="another"))
    assert block.observe(TAKE, occasion).standing is Standing.UNDER_WAY
    assert rehearsal.settle(block, TAKE, occasion).standing is Standing.HOLDS
    assert values(block.answer(SNAPSHOT, occasion)) == {
        "snapshot_status": "available",
        "snapshot_size": 80,
        "snapshot_retention": 30,
    }


def test_a_backup_that_fails_is_seen_with_its_code_and_a_later_good_one_counts(rehearsal, turned):
    turned.set("cloud-sql.backup_seconds", 0)
    turned.set("cloud-sql.backup_state", "FAILED")
    block, occasion = rehearsal.block(ADDRESS), rehearsal.occasion(launch="failing")
    block.apply(TAKE, occasion)
    seen = block.observe(TAKE, occasion)
    assert seen.standing is Standing.FAILED
    assert seen.detail.endswith("is FAILED: INTERNAL_ERROR")
    turned.set("cloud-sql.backup_state", "SUCCESSFUL")
    assert block.observe(TAKE, occasion).standing is Standing.HOLDS


def test_the_moment_to_go_back_to_ages_with_the_clock_and_there_may_be_none(rehearsal, turned, values):
    block, occasion = rehearsal.block(ADDRESS), rehearsal.occasion()
    assert values(block.answer(POINT, occasion))["recovery_point_age"] == pytest.approx(240, abs=1)
    later = occasion.model_copy(update={"now": occasion.now + timedelta(hours=1)})
    assert values(block.answer(POINT, later))["recovery_point_age"] == pytest.approx(3840, abs=1)
    turned.set("cloud-sql.keeps_logs", False)
    assert block.answer(POINT, occasion).values == {}


def test_the_check_tells_how_far_back_it_reaches(rehearsal):
    assert "serves and can be brought back to 20" in rehearsal.block(ADDRESS).check()


def test_an_account_that_may_only_look_is_told_what_it_needs(rehearsal, turned):
    turned.set("cloud-sql.may_clone", False)
    with pytest.raises(PermanentFaultError, match=r"missing right: .*cloudsql\.backupRuns\.create"):
        rehearsal.block(ADDRESS).apply(TAKE, rehearsal.occasion(launch="refused"))


@pytest.mark.parametrize("key", ["no key", "{}", "[]", '{"private_key": "x", "client_email": "a", "token_uri": "b"}'])
def test_a_key_that_is_none_is_one_sentence_without_it(rehearsal, key):
    with pytest.raises(PermanentFaultError) as caught:
        rehearsal.block(ADDRESS, service_account=key).check()
    assert str(caught.value).endswith("paste the whole file into `service_account` of the system's block")


def test_another_accounts_key_is_refused(rehearsal):
    from tests.fakes.providers import PROVIDERS

    key = PROVIDERS["cloud-sql"][1]("")["service_account"]
    with pytest.raises(PermanentFaultError, match="HTTP 401"):
        rehearsal.block(ADDRESS, service_account=key).check()


def test_without_a_key_the_machine_says_who_it_is(rehearsal):
    """https://cloud.google.com/compute/docs/access/authenticate-workloads#applications"""
    seen: list[tuple[str, str]] = []

    async def answer(request: Request) -> Response:
        if "computeMetadata" in request.url.path:
            assert request.headers["metadata-flavor"] == "Google"
            assert request.query_params["scopes"] == "https://www.googleapis.com/auth/sqlservice.admin"
            return JSONResponse({"access_token": "ya29.machine", "expires_in": 3599, "token_type": "Bearer"})
        seen.append((request.url.path[request.url.path.index("/v1/") :], request.headers["authorization"]))
        if request.url.path.endswith("getLatestRecoveryTime"):
            newest = "2026-12-06T18:00:00.123456789Z"
            return JSONResponse({"kind": "sql#getLatestRecoveryTime", "latestRecoveryTime": newest})
        return JSONResponse({"kind": "sql#instance", "name": "i", "state": "SUSPENDED"})

    with vendor(answer) as url:
        block = CloudSql(url=url, metadata_url=url, project="p", instance="i")
        assert block.check() == "Cloud SQL p:i is SUSPENDED and can be brought back to 2026-12-06T18:00:00.123456+00:00"
    assert seen == [
        ("/v1/projects/p/instances/i", "Bearer ya29.machine"),
        ("/v1/projects/p/instances/i/getLatestRecoveryTime", "Bearer ya29.machine"),
    ]
