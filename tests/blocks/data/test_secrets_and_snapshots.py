"""Secrets Manager, RDS snapshots and CloudWatch as moto serves them, on the launch clock."""

import pytest

from launch.effects.data import TakeSnapshot
from launch.errors import PermanentFaultError
from launch.ports import Standing
from launch.probes.stores import FreeStorage, LaunchSnapshot, RecoveryPoint, RotationPolicy, SecretAges

pytestmark = pytest.mark.integration
PASSWORD, KEY = "teei/production/db-password", "teei/production/jwt-signing-key"
AGES = SecretAges(ask="secret-ages", of="secrets", passwords=(PASSWORD,), secrets=(KEY,))
POLICY = RotationPolicy(ask="rotation-policy", of="secrets", secrets=(PASSWORD, KEY))
TAKE = TakeSnapshot(do="take-snapshot", on="instance", keep_days=30)
SNAPSHOT = LaunchSnapshot(ask="launch-snapshot", of="instance")


def test_ages_and_intervals_of_secrets(rehearsal, values):
    store = rehearsal.block("secret-store/sandbox-secrets")
    ages = values(store.answer(AGES, rehearsal.occasion()))
    assert 1 < ages["db_password_age"] < 2
    assert values(store.answer(POLICY, rehearsal.occasion())) == {"rotation_interval": 60, "unrotated_secrets": 0}


def test_the_oldest_secret_counts(rehearsal, turned, values):
    turned.set("aws.secrets-rotated", False)
    ages = values(rehearsal.block("secret-store/sandbox-secrets").answer(AGES, rehearsal.occasion()))
    assert ages["secret_age"] > 30 > ages["db_password_age"]


def test_an_unknown_secret_is_a_fault_and_not_young(rehearsal):
    probe = AGES.model_copy(update={"secrets": ("teei/production/none",)})
    with pytest.raises(PermanentFaultError, match="teei/production/none"):
        rehearsal.block("secret-store/sandbox-secrets").answer(probe, rehearsal.occasion())


def test_a_snapshot_is_awaited_named_after_the_launch_and_says_how_long_it_is_kept(rehearsal, values):
    instance, occasion = rehearsal.block("database-snapshots/sandbox-snapshots"), rehearsal.occasion(launch="Snap_1")
    assert instance.observe(TAKE, occasion).standing is Standing.ABSENT
    assert instance.answer(SNAPSHOT, occasion).values == {}
    instance.apply(TAKE, occasion)
    instance.apply(TAKE, occasion)  # the second finds the first
    assert instance.observe(TAKE, occasion).standing is Standing.UNDER_WAY
    assert rehearsal.settle(instance, TAKE, occasion).standing is Standing.HOLDS
    seen = values(instance.answer(SNAPSHOT, occasion))
    assert seen == {"snapshot_status": "available", "snapshot_size": 100, "snapshot_retention": 30}


def test_a_snapshot_that_fails_is_seen(rehearsal, turned):
    turned.set("aws.snapshot-outcome", "failed")
    instance, occasion = rehearsal.block("database-snapshots/sandbox-snapshots"), rehearsal.occasion(launch="failing")
    instance.apply(TAKE, occasion)
    assert rehearsal.settle(instance, TAKE, occasion).standing is Standing.FAILED


def test_free_storage_is_the_least_of_the_window_and_no_points_are_no_value(rehearsal, turned, values):
    instance, occasion = rehearsal.block("database-snapshots/sandbox-snapshots"), rehearsal.occasion()
    probe = FreeStorage(ask="free-storage", of="instance")
    assert values(instance.answer(probe, occasion))["disk_free"] == pytest.approx(68)
    turned.set("aws.disk-free-percent", 40)
    assert values(instance.answer(probe, occasion))["disk_free"] == pytest.approx(40)
    long_after = occasion.model_copy(update={"now": occasion.now.replace(year=2030)})
    assert instance.answer(probe, long_after).values == {}


def test_the_recovery_point_ages_with_the_clock_and_is_what_the_database_says(rehearsal, turned, values):
    instance, occasion = rehearsal.block("database-snapshots/sandbox-snapshots"), rehearsal.occasion()
    probe = RecoveryPoint(ask="recovery-point", of="instance")
    assert values(instance.answer(probe, occasion))["recovery_point_age"] == pytest.approx(240, abs=1)
    turned.set("aws.recovery-point-seconds", 3600)
    assert values(instance.answer(probe, occasion))["recovery_point_age"] == pytest.approx(3600, abs=1)
