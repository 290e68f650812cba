"""Clones of a database as it was at a moment: RDS as moto serves it, Cloud SQL as its reference says, on one clock."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.data.cloning import clone_name, moment_of
from launch.effects.data import CloneDatabase
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Standing

pytestmark = pytest.mark.integration
BOTH = pytest.mark.parametrize("address", ["database-snapshots/sandbox-snapshots", "cloud-sql/sandbox-cloud-sql"])
MOMENTS = st.integers(946_684_800, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
KNOBS = {"database-snapshots": "aws.{}", "cloud-sql": "cloud-sql.{}"}


def clone(moment: datetime | str) -> CloneDatabase:
    as_of = moment if isinstance(moment, str) else moment.isoformat()
    return CloneDatabase(do="clone-database", on="instance", as_of=as_of)


def turn(turned, address: str, knob: str, value: object) -> None:
    slug = address.partition("/")[0]
    turned.set(KNOBS[slug].format(knob.replace("_", "-") if slug == "database-snapshots" else knob), value)


def minutes_ago(rehearsal, minutes: int) -> datetime:
    return rehearsal.occasion().now - timedelta(minutes=minutes)


@BOTH
def test_a_clone_is_made_beside_the_instance_awaited_and_tells_where_it_answers(rehearsal, turned, address):
    turn(turned, address, "clone_seconds", 120)
    block, effect = rehearsal.block(address), clone(minutes_ago(rehearsal, 30))
    assert block.observe(effect, rehearsal.occasion()).standing is Standing.ABSENT
    block.apply(effect, rehearsal.occasion())
    seen = block.observe(effect, rehearsal.occasion())
    assert (seen.standing, seen.outputs) == (Standing.UNDER_WAY, {})
    settled = rehearsal.settle(block, effect, rehearsal.occasion())
    assert settled.standing is Standing.HOLDS
    assert settled.outputs["instance"].startswith(block.instance)
    assert settled.outputs["address"] in settled.detail
    assert settled.outputs["port"] == "5432"
    assert block.observe_restored(effect, {}, rehearsal.occasion()).standing is Standing.HOLDS


@BOTH
def test_asked_for_twice_it_is_one_clone_and_another_moment_is_another(rehearsal, turned, address):
    turn(turned, address, "clone_seconds", 0)
    block, effect = rehearsal.block(address), clone(minutes_ago(rehearsal, 45))
    block.apply(effect, rehearsal.occasion())
    block.apply(effect, rehearsal.occasion())
    assert block.observe(effect, rehearsal.occasion()).standing is Standing.HOLDS
    other = clone(minutes_ago(rehearsal, 46))
    assert block.observe(other, rehearsal.occasion()).standing is Standing.ABSENT


@BOTH
def test_a_clone_that_comes_to_nothing_has_failed(rehearsal, turned, address):
    turn(turned, address, "clone_seconds", 0)
    block, effect = rehearsal.block(address), clone(minutes_ago(rehearsal, 60))
    block.apply(effect, rehearsal.occasion())
    if address.startswith("cloud-sql"):
        turned.set("cloud-sql.clone_state", "FAILED")
    else:
        turned.set("aws.clone-outcome", "incompatible-restore")
    assert block.observe(effect, rehearsal.occasion()).standing is Standing.FAILED


def test_why_a_clone_of_cloud_sql_failed_is_told_by_its_code_only(rehearsal, turned):
    turned.set("cloud-sql.clone_seconds", 0)
    block, effect = rehearsal.block("cloud-sql/sandbox-cloud-sql"), clone(minutes_ago(rehearsal, 61))
    block.apply(effect, rehearsal.occasion())
    turned.set("cloud-sql.clone_state", "FAILED")
    assert block.observe(effect, rehearsal.occasion()).detail.endswith("is FAILED: INTERNAL_ERROR")


@BOTH
def test_a_moment_that_backups_do_not_reach_yet_is_worth_another_try(rehearsal, address):
    with pytest.raises(TransientFaultError, match=r"restorable up to .* only"):
        rehearsal.block(address).apply(clone(minutes_ago(rehearsal, 1)), rehearsal.occasion())


def test_without_its_logs_a_database_cannot_go_back(rehearsal, turned, values):
    turned.set("cloud-sql.keeps_logs", False)
    block = rehearsal.block("cloud-sql/sandbox-cloud-sql")
    assert "no point-in-time recovery" in block.check()
    with pytest.raises(PermanentFaultError, match="no point-in-time recovery"):
        block.apply(clone(minutes_ago(rehearsal, 30)), rehearsal.occasion())


@BOTH
@pytest.mark.parametrize(
    ("as_of", "answer"), [("2026-12-06T08:00:00", "a moment without its zone"), ("yesterday", "no moment")]
)
def test_a_moment_that_could_be_another_is_refused(rehearsal, address, as_of, answer):
    with pytest.raises(PermanentFaultError, match=answer):
        rehearsal.block(address).observe(clone(as_of), rehearsal.occasion())


def test_a_clone_of_rds_is_as_reachable_as_its_source_and_no_more(rehearsal, turned):
    """RDS would put it into the default security group."""
    turned.set("aws.clone-seconds", 0)
    block = rehearsal.block("database-snapshots/sandbox-snapshots")
    rds = block.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier=block.instance, VpcSecurityGroupIds=["sg-0a1b2c3d"])
    effect = clone(minutes_ago(rehearsal, 90))
    block.apply(effect, rehearsal.occasion(launch="media-1"))
    name = block.observe(effect, rehearsal.occasion()).outputs["instance"]
    (made,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    (source,) = rds.describe_db_instances(DBInstanceIdentifier=block.instance)["DBInstances"]
    assert [group["VpcSecurityGroupId"] for group in made["VpcSecurityGroups"]] == ["sg-0a1b2c3d"]
    assert made["DBParameterGroups"] == source["DBParameterGroups"]
    assert {"Key": "launch", "Value": "media-1"} in made["TagList"]


@given(
    instance=st.from_regex(r"[a-z][a-z0-9-]{0,97}", fullmatch=True),
    moments=st.lists(MOMENTS, min_size=2, max_size=2, unique=True),
)
def test_names_of_clones_are_those_that_vendors_take_and_tell_moments_apart(instance, moments):
    names = [clone_name(instance, moment, longest=63) for moment in moments]
    assert names[0] != names[1]
    for name in names:
        assert len(name) <= 63
        assert name[0].isalpha()
        assert "--" not in name
        assert name[-1] != "-"


@given(st.datetimes(timezones=st.timezones()))
def test_a_moment_is_the_same_in_every_zone_and_never_later_than_it_was(moment):
    try:
        same = moment.astimezone(UTC)
    except OverflowError:  # the first and the last day of the calendar
        return
    found = moment_of(clone(moment), "RDS")
    assert timedelta(0) <= same - found < timedelta(seconds=1)


def test_the_names_of_botos_arguments_are_those_of_the_service():
    """mypy does not see them: they are put together from what the source has."""
    from blocks.data.database_snapshots import _settings

    client = boto3.client("rds", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    known = client.meta.service_model.operation_model("RestoreDBInstanceToPointInTime").input_shape.members
    source = {
        "DBInstanceClass": "db.m6g.large",
        "DBSubnetGroup": {"DBSubnetGroupName": "private"},
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1"}],
        "DBParameterGroups": [{"DBParameterGroupName": "tuned"}],
        "OptionGroupMemberships": [{"OptionGroupName": "audited"}],
        "MultiAZ": True,
        "PubliclyAccessible": False,
        "DeletionProtection": True,
        "IAMDatabaseAuthenticationEnabled": True,
    }
    settings = _settings(source)
    assert set(settings) <= set(known)
    assert len(settings) == len(source)
    assert _settings({}) == {}
    assert _settings({"OptionGroupMemberships": [{"OptionGroupName": "default:postgres-16"}]}) == {}
