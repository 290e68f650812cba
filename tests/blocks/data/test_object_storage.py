"""S3 as moto serves it: settings of buckets, listings, reports."""

import boto3
import pytest

from launch.errors import PermanentFaultError, TransientFaultError
from launch.moments import parse_duration
from launch.probes.stores import BucketRules, ReportValue, StoredObjects, StoredReport, WormRetention

pytestmark = pytest.mark.integration


def rules(bucket="teei-csr-exports", origin="https://cockpit.teei.io"):
    return BucketRules(ask="bucket-rules", of="storage", bucket=bucket, named="exports", origin=origin)


def report(key="security/gitleaks.json", max_age="2d", **values):
    return StoredReport(
        ask="stored-report",
        of="storage",
        bucket="teei-launch-evidence",
        key=key,
        max_age=parse_duration(max_age),
        values=values or {"found": ReportValue(count=True)},
    )


@pytest.fixture
def storage(rehearsal):
    return rehearsal.block("object-storage/sandbox-storage")


@pytest.fixture
def put(rehearsal):
    fields = rehearsal.fields["object-storage/sandbox-storage"]
    s3 = boto3.client(
        "s3",
        endpoint_url=fields["endpoint_url"],
        region_name=fields["region"],
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )
    return lambda key, body: s3.put_object(Bucket="teei-launch-evidence", Key=key, Body=body)


def test_rules_of_a_bucket(storage, rehearsal, values):
    seen = values(storage.answer(rules(), rehearsal.occasion()))
    assert seen == {"exports_retention": 90, "exports_cors": True}  # an empty bucket says nothing about scans


def test_another_origin_is_not_allowed(storage, rehearsal, values):
    seen = values(storage.answer(rules(origin="https://elsewhere.example"), rehearsal.occasion()))
    assert seen["exports_cors"] is False


def test_a_bucket_without_settings_has_no_retention_and_allows_nobody(storage, rehearsal, values):
    seen = values(storage.answer(rules(bucket="teei-backups"), rehearsal.occasion()))
    assert "exports_retention" not in seen
    assert seen["exports_cors"] is False


def test_an_upload_without_a_clean_tag_is_counted(storage, rehearsal, turned, values):
    assert values(storage.answer(rules(bucket="teei-csr-uploads"), rehearsal.occasion()))["exports_unscanned"] == 0
    turned.set("aws.uploads-scanned", False)
    assert values(storage.answer(rules(bucket="teei-csr-uploads"), rehearsal.occasion()))["exports_unscanned"] == 1


def test_records_are_locked_for_years_and_a_stream_without_records_is_silent(storage, rehearsal, values):
    probe = WormRetention(
        ask="worm-retention",
        of="storage",
        bucket="teei-audit-log",
        streams=("dsar", "nobody-writes-this"),
        within=parse_duration("2d"),
    )
    assert values(storage.answer(probe, rehearsal.occasion())) == {
        "audit_retention": 7,
        "lock_mode": "COMPLIANCE",
        "silent_streams": 1,
    }


def test_ages_follow_the_launch_clock_and_an_empty_prefix_has_none(storage, rehearsal, values):
    probe = StoredObjects(ask="stored-objects", of="storage", bucket="teei-backups", prefix="nightly/", named="backup")
    assert values(storage.answer(probe, rehearsal.occasion()))["backup_age"] < 24 * 3600
    empty = probe.model_copy(update={"prefix": "nothing/"})
    assert values(storage.answer(empty, rehearsal.occasion())) == {"backup_count": 0, "backup_size": 0}


def test_a_fresh_report_counts(storage, rehearsal, values):
    assert values(storage.answer(report(), rehearsal.occasion())) == {"found": 0}


def test_a_stale_and_a_missing_report_say_nothing(storage, rehearsal):
    assert storage.answer(report(max_age="1s"), rehearsal.occasion()).values == {}
    assert storage.answer(report(key="none.json"), rehearsal.occasion()).values == {}


def test_a_report_of_another_form_says_nothing(storage, rehearsal, put):
    put("odd.json", b'{"list": {"a": 1}, "null": null}')
    wanted = {
        "a": ReportValue(at="list", count=True),
        "b": ReportValue(at="null"),
        "c": ReportValue(at="list.missing.deeper"),
        "d": ReportValue(at="list.a"),
    }
    reading = storage.answer(report(key="odd.json", **wanted), rehearsal.occasion())
    assert list(reading.values) == ["d"]


def test_a_report_that_is_no_json_is_a_fault(storage, rehearsal, put):
    put("broken.json", b"<html>")
    with pytest.raises(PermanentFaultError, match="no JSON"):
        storage.answer(report(key="broken.json"), rehearsal.occasion())


def test_an_unknown_bucket_is_permanent(storage, rehearsal):
    with pytest.raises(PermanentFaultError, match="NoSuchBucket"):
        storage.answer(rules(bucket="teei-nowhere"), rehearsal.occasion())


@pytest.mark.parametrize("mode", ["500", "429", "hang"])
def test_aws_out_of_order_is_transient(rehearsal, turned, mode):
    turned.set("vendor.aws", mode)
    with pytest.raises(TransientFaultError):
        rehearsal.block("object-storage/sandbox-storage", timeout_seconds=0.5).check()


def test_a_refused_connection_is_transient(rehearsal):
    with pytest.raises(TransientFaultError):
        rehearsal.block("object-storage/sandbox-storage", endpoint_url="http://127.0.0.1:1").check()
