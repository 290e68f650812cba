"""Schema migrations through Jobs of the sandbox's cluster, on a real database."""

import httpx
import pytest

from launch.effects.data import Migrate
from launch.errors import PermanentFaultError
from launch.ports import Standing
from launch.probes.data import MigrationRevert, MigrationStatus

pytestmark = pytest.mark.integration
MIGRATE = Migrate(do="migrate", on="migrations")
STATUS = MigrationStatus(ask="migration-status", of="migrations")
REVERT = MigrationRevert(ask="migration-revert", of="migrations")
BEFORE = {"version": "2025-11-14-10-00-00"}


@pytest.fixture
def migrations(rehearsal):
    block = rehearsal.block("schema-migrations/sandbox-migrations")
    yield block
    occasion = rehearsal.occasion(launch="tidy-up", key=f"tidy-{rehearsal.moment[0]}")
    block.restore(MIGRATE, BEFORE, occasion)


def test_up_and_down_reach_the_release_and_the_recorded_version(migrations, rehearsal, values):
    up, down = rehearsal.occasion(key="up-1"), rehearsal.occasion(key="down-1")
    seen = migrations.observe(MIGRATE, up)
    assert (seen.standing, seen.state) == (Standing.ABSENT, BEFORE)
    migrations.apply(MIGRATE, up)
    migrations.apply(MIGRATE, up)  # a repetition of one key is one Job
    assert migrations.observe(MIGRATE, up).standing is Standing.UNDER_WAY
    assert rehearsal.settle(migrations, MIGRATE, up).standing is Standing.HOLDS
    assert values(migrations.answer(STATUS, up))["pending_migrations"] == 0
    assert migrations.observe_restored(MIGRATE, BEFORE, down).standing is Standing.ABSENT
    migrations.restore(MIGRATE, BEFORE, down)
    assert migrations._applied() == {"2025-11-01-09-00-00", "2025-11-14-10-00-00"}
    assert values(migrations.answer(REVERT, down)) == {"revert_failed": False, "migrations_past_target": 0}


def test_a_migration_that_fails_is_seen_as_failed_and_leaves_nothing_to_revert(migrations, rehearsal, turned, values):
    turned.set("database.migration-fails", True)
    occasion = rehearsal.occasion(launch="fails", key="up-fails")
    migrations.apply(MIGRATE, occasion)
    seen = rehearsal.settle(migrations, MIGRATE, occasion)
    assert seen.standing is Standing.FAILED
    assert "; the Job failed: pod tminus-migrate-up-" in seen.detail
    assert 'ended with exit code 1, saying "' in seen.detail
    assert migrations.observe_restored(MIGRATE, BEFORE, occasion).standing is Standing.HOLDS
    assert values(migrations.answer(REVERT, occasion)) == {"revert_failed": False, "migrations_past_target": 0}


def test_what_was_migrated_and_not_reverted_is_past_the_version_before_it(migrations, rehearsal, values):
    occasion = rehearsal.occasion(launch="stays", key="up-stays")
    migrations.apply(MIGRATE, occasion)
    rehearsal.settle(migrations, MIGRATE, occasion)
    assert values(migrations.answer(REVERT, occasion)) == {"revert_failed": False, "migrations_past_target": 2}


def test_a_revert_that_stops_short_is_seen(migrations, rehearsal, turned, values):
    turned.set("database.revert-leaves", 1)
    occasion = rehearsal.occasion(launch="short", key="up-short")
    migrations.apply(MIGRATE, occasion)
    migrations.restore(MIGRATE, BEFORE, occasion)
    assert values(migrations.answer(REVERT, occasion))["migrations_past_target"] == 1


def test_without_a_migration_of_this_launch_there_is_no_answer(migrations, rehearsal):
    assert migrations.answer(REVERT, rehearsal.occasion(launch="another")).values == {}


def test_staging_can_be_asked_and_not_changed(rehearsal, values):
    staging = rehearsal.block("schema-migrations/sandbox-staging-migrations")
    assert values(staging.answer(STATUS, rehearsal.occasion()))["pending_migrations"] == 0
    with pytest.raises(PermanentFaultError, match="runner"):
        staging.apply(MIGRATE, rehearsal.occasion())


def test_nothing_recorded_is_a_fault_and_not_a_guess(migrations, rehearsal):
    with pytest.raises(PermanentFaultError, match="no version was recorded"):
        migrations.restore(MIGRATE, {}, rehearsal.occasion())


def test_an_empty_folder_is_a_fault_and_not_zero_pending(rehearsal, tmp_path):
    block = rehearsal.block("schema-migrations/sandbox-migrations", migrations_folder=str(tmp_path))
    with pytest.raises(PermanentFaultError, match="no files"):
        block.answer(STATUS, rehearsal.occasion())


def test_a_refused_token_is_a_permanent_fault(rehearsal):
    fields = rehearsal.fields["schema-migrations/sandbox-migrations"]
    block = rehearsal.block("schema-migrations/sandbox-migrations", runner=fields["runner"] | {"token": "wrong"})
    with pytest.raises(PermanentFaultError, match=str(httpx.codes.UNAUTHORIZED.value)):
        block.apply(MIGRATE, rehearsal.occasion(key="refused"))
