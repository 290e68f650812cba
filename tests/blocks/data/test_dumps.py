"""pg_dump and pg_restore themselves, between two real servers: what is dumped comes back, or it is told what does not."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from blocks.data.dumps import PostgresDumps
from launch.effects.dumps import RehearseRestore, TakeDump
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Occasion, Standing
from launch.probes.data import DatabaseDump, RestoreRehearsal
from launch.release import Release
from sandbox.postgres_server import PostgresServer, binaries
from tests.fakes.programs import runner_ended

pytestmark = pytest.mark.integration

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
DUMP = TakeDump(do="take-dump", on="dumps", longest=timedelta(minutes=10))
RESTORE = RehearseRestore(do="rehearse-restore", on="dumps", longest=timedelta(minutes=10))
NEWEST = DatabaseDump(ask="database-dump", of="dumps")
REHEARSED = RestoreRehearsal(ask="restore-rehearsal", of="dumps")
SECRET = "sandbox-superuser"
SHOP = """
CREATE SCHEMA "Odd name";
CREATE TABLE customer (id int PRIMARY KEY, name text);
CREATE TABLE purchase (id int PRIMARY KEY, customer int REFERENCES customer, at date) PARTITION BY RANGE (id);
CREATE TABLE purchase_old PARTITION OF purchase FOR VALUES FROM (0) TO (500);
CREATE TABLE purchase_new PARTITION OF purchase FOR VALUES FROM (500) TO (1000);
CREATE TABLE "Odd name"."Odd table" (id int);
CREATE TABLE nothing (id int);
INSERT INTO customer SELECT n, 'customer ' || n FROM generate_series(1, 100) n;
INSERT INTO purchase SELECT n, 1 + n % 100, '2026-11-01' FROM generate_series(0, 999) n;
INSERT INTO "Odd name"."Odd table" VALUES (1), (2), (3);
CREATE ROLE half LOGIN PASSWORD 'half';
GRANT SELECT ON customer TO half;
"""


def occasion(key="teei-1/dump/1", *, minutes=0):
    now = NOW + timedelta(minutes=minutes)
    return Occasion(launch="teei-1", now=now, t0=NOW, release=Release(version="v2.5.0"), key=key)


def executed(dsn, *statements):
    with psycopg.connect(dsn, autocommit=True) as session:
        return [session.execute(statement) for statement in statements]


@pytest.fixture(scope="module")
def servers():
    """Production with a shop, and a scratch server."""
    made = PostgresServer(), PostgresServer()
    try:
        for server in made:
            server.create()
            server.start()
        executed(made[0].dsn(), "CREATE DATABASE shop")
        executed(made[0].dsn("shop"), SHOP)
        yield made
    finally:
        for server in made:
            server.stop()


def built(servers, root, **fields):
    production, scratch = servers
    (root / "dumps").mkdir(exist_ok=True)
    standard = {
        "dsn": production.dsn("shop"),
        "scratch_dsn": scratch.dsn(),
        "folder": str(root / "dumps"),
        "records": str(root / "records"),
        "work_directory": str(root),
        "path": f"{binaries()}:/usr/bin:/bin",
    }
    return PostgresDumps(**(standard | fields))


def ended(block, effect, when):
    block.apply(effect, when)
    runner_ended(block.records)
    return block.observe(effect, when)


def scratch_databases(servers):
    with psycopg.connect(servers[1].dsn()) as session:
        found = session.execute("SELECT datname FROM pg_database WHERE datname LIKE 'tminus%'").fetchall()
    return [name for (name,) in found]


def values(reading):
    return {name: quantity.value for name, quantity in reading.values.items()}


@pytest.fixture(scope="module")
def dumped(servers, tmp_path_factory):
    """After one dump."""
    block = built(servers, tmp_path_factory.mktemp("dumped"))
    assert block.observe(DUMP, occasion()).standing is Standing.ABSENT
    assert block.answer(NEWEST, occasion()).values == {}
    block.apply(DUMP, occasion())
    block.apply(DUMP, occasion())
    runner_ended(block.records)
    return block


def test_it_is_ready_when_programs_rights_and_folder_are_there(servers, tmp_path):
    said = built(servers, tmp_path).check()
    assert said.startswith(f"PostgreSQL 127.0.0.1:{servers[0].port}/shop has ")
    assert said.endswith(" free")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"folder": "/nowhere"}, '"no such folder, or no right"'),
        ({"path": "/nowhere"}, "no such executable"),
        ({"dsn": "half"}, "pg_read_all_data"),
        ({"scratch_dsn": "half"}, "missing right: CREATEDB"),
        ({"scratch_dsn": "same"}, "on the server that is dumped"),
    ],
)
def test_what_is_not_there_is_told_before_a_launch(servers, tmp_path, fields, told):
    production, scratch = servers
    executed(scratch.dsn(), "DROP ROLE IF EXISTS half", "CREATE ROLE half LOGIN PASSWORD 'half'")
    dsns = {
        ("dsn", "half"): production.dsn("shop", user="half", password="half"),
        ("scratch_dsn", "half"): scratch.dsn(user="half", password="half"),
        ("scratch_dsn", "same"): production.dsn(),
    }
    block = built(servers, tmp_path, **{name: dsns.get((name, value), value) for name, value in fields.items()})
    with pytest.raises(PermanentFaultError, match=told):
        block.check()


def test_clients_older_than_the_server_are_told_before_a_launch(servers, tmp_path):
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
    old.chmod(0o755)
    with pytest.raises(PermanentFaultError, match=r'"version 9, the server has \d+"'):
        built(servers, tmp_path, path=f"{tmp_path}:{binaries()}").check()


def test_a_dump_is_kept_for_few_eyes_with_its_figures(dumped):
    seen = dumped.observe(DUMP, occasion())
    assert seen.standing is Standing.HOLDS
    assert "5 tables" in seen.detail
    (archive,) = Path(dumped.folder).iterdir()
    assert archive.name.startswith("shop-teei-1-")
    assert archive.stat().st_mode & 0o077 == 0
    assert values(dumped.answer(NEWEST, occasion(minutes=30))) == {
        "backup_age": 1_800,
        "backup_size": archive.stat().st_size,
        "backup_tables": 5,
    }
    assert dumped.observe_restored(DUMP, seen.state, occasion()).standing is Standing.HOLDS


def test_a_restored_dump_has_every_row_and_tells_how_long_and_how_old(servers, dumped):
    assert dumped.answer(REHEARSED, occasion()).values == {}
    seen = ended(dumped, RESTORE, occasion("teei-1/restore/1", minutes=5))
    assert seen.standing is Standing.HOLDS, seen.detail
    assert seen.detail.startswith("5 tables restored and counted in ")
    found = values(dumped.answer(REHEARSED, occasion(minutes=6)))
    assert 0 < found.pop("rto") < 60
    assert found == {"rpo": 300, "tables_restored": 5, "tables_differing": 0}
    assert scratch_databases(servers) == []
    too_old = dumped.answer(REHEARSED, occasion(minutes=8 * 24 * 60))
    assert (too_old.values, too_old.evidence) == ({}, "the newest rehearsal is of 2026-12-01 09:05 UTC")


def test_rows_that_did_not_come_back_are_told(servers, tmp_path):
    block = built(servers, tmp_path)
    ended(block, DUMP, occasion())
    (facts,) = Path(block.records).glob("*/facts.json")
    written = json.loads(facts.read_text())
    written["tables"]["public.customer"] += 1
    facts.write_text(json.dumps(written))
    seen = ended(block, RESTORE, occasion("teei-1/restore/1"))
    assert seen.standing is Standing.FAILED
    assert seen.detail == "1 tables differ: public.customer has 100 rows, 101 were dumped"
    assert values(block.answer(REHEARSED, occasion()))["tables_differing"] == 1


def test_a_dump_that_was_changed_is_not_restored(servers, tmp_path):
    block = built(servers, tmp_path)
    ended(block, DUMP, occasion())
    (archive,) = Path(block.folder).iterdir()
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    seen = ended(block, RESTORE, occasion("teei-1/restore/1"))
    assert seen.standing is Standing.FAILED
    assert "the dump is not what was written" in seen.detail
    assert block.answer(REHEARSED, occasion()).values == {}


@pytest.mark.parametrize("left", ["half", "nothing"])
def test_a_dump_that_is_not_there_as_written_counts_for_nothing(servers, tmp_path, left):
    block = built(servers, tmp_path)
    ended(block, DUMP, occasion())
    (archive,) = Path(block.folder).iterdir()
    if left == "half":
        archive.write_bytes(archive.read_bytes()[:500])
    else:
        archive.unlink()
    told = "is 500 bytes, not as written" if left == "half" else "is gone, not as written"
    assert block.observe(DUMP, occasion()).standing is Standing.FAILED
    reading = block.answer(NEWEST, occasion())
    assert (reading.values, reading.evidence) == ({}, f"{archive.name} {told}")
    with pytest.raises(PermanentFaultError, match=told):
        block.apply(RESTORE, occasion("teei-1/restore/1"))


def test_a_newer_dump_that_failed_hides_an_older_one_and_says_why(servers, tmp_path):
    block = built(servers, tmp_path)
    ended(block, DUMP, occasion())
    half = SecretStr(servers[0].dsn("shop", user="half", password="half"))
    later = block.model_copy(update={"dsn": half})
    seen = ended(later, DUMP, occasion("teei-1/dump/2", minutes=1))
    assert seen.standing is Standing.FAILED
    assert "permission denied" in seen.detail
    reading = block.answer(NEWEST, occasion(minutes=2))
    assert (reading.values, "permission denied" in reading.evidence) == ({}, True)
    assert len(list(Path(block.folder).iterdir())) == 1


def test_a_refused_password_is_told_without_it(servers, tmp_path):
    block = built(servers, tmp_path, dsn=servers[0].dsn("shop", password="wrong-word"))
    seen = ended(block, DUMP, occasion())
    assert seen.standing is Standing.FAILED
    assert "password authentication failed" in seen.detail
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"wrong-word" in path.read_bytes()]


def test_a_server_that_is_not_there_is_transient_before_a_launch(servers, tmp_path):
    with pytest.raises(TransientFaultError, match="refused"):
        built(servers, tmp_path, dsn="postgresql://a:b@127.0.0.1:1/shop").check()


def test_nothing_is_restored_before_something_was_dumped(servers, tmp_path):
    with pytest.raises(PermanentFaultError, match=r'"no dump was taken from here".*take-dump'):
        built(servers, tmp_path).apply(RESTORE, occasion())


def test_nothing_is_restored_on_the_server_that_is_dumped(servers, dumped):
    same = dumped.model_copy(update={"scratch_dsn": SecretStr(servers[0].dsn())})
    with pytest.raises(PermanentFaultError, match="on the server that is dumped"):
        same.apply(RESTORE, occasion("teei-1/restore/9"))


def test_undo_stops_a_rehearsal_which_leaves_no_database(servers, tmp_path):
    block = built(servers, tmp_path)
    ended(block, DUMP, occasion())
    slow = tmp_path / "pg_restore"
    begun = tmp_path / "begun"
    slow.write_text(f"#!/bin/sh\nmkfifo {begun}.never\ntouch {begun}\nexec cat {begun}.never\n")
    slow.chmod(0o755)
    slowed = block.model_copy(update={"path": f"{tmp_path}:{block.path}"})
    when = occasion("teei-1/restore/1")
    before = slowed.observe(RESTORE, when).state
    slowed.apply(RESTORE, when)
    seen = slowed.observe(RESTORE, when)
    assert (seen.standing, seen.detail) == (Standing.UNDER_WAY, "the rehearsal runs")
    while not begun.exists():
        assert slowed.observe(RESTORE, when).standing is Standing.UNDER_WAY
    assert len(scratch_databases(servers)) == 1
    assert slowed.observe_restored(RESTORE, before, when).standing is Standing.ABSENT
    slowed.restore(RESTORE, before, when)
    runner_ended(block.records)
    assert slowed.observe(RESTORE, when).detail == "the rehearsal was stopped"
    assert slowed.observe_restored(RESTORE, before, when).standing is Standing.HOLDS
    assert scratch_databases(servers) == []


def test_the_sandboxs_production_is_dumped_and_restored(rehearsal):
    block = rehearsal.block("postgres-dumps/sandbox-dumps")
    assert "teei_production" in block.check()
    assert ended(block, DUMP, occasion()).standing is Standing.HOLDS
    assert ended(block, RESTORE, occasion("teei-1/restore/1", minutes=1)).standing is Standing.HOLDS
    assert values(block.answer(REHEARSED, occasion(minutes=2)))["rpo"] == 60
