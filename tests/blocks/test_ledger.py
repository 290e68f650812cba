"""The ledger on both databases: one suite, real SQLite files and a real PostgreSQL."""

import json
import math
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from blocks import ledger_database
from blocks.ledger import SqlLedger, open_ledger
from launch.errors import PlanError, TransientFaultError
from launch.events import CheckJudged, HoldPlaced, LaunchClosed, LaunchOpened, MetricsSeen, Outcome
from launch.ledger import AlreadyOpenError, BrokenChainError, ConflictError, UnknownLaunchError, verify_chain
from launch.release import Release
from launch.verdicts import Verdict

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
WALL = NOW + timedelta(microseconds=123_457)


def opened(product: str = "cockpit", plan_text: str = "{}") -> LaunchOpened:
    return LaunchOpened(
        product=product,
        plan_hash="0" * 64,
        plan_text=plan_text,
        release=Release(version="v1"),
        t0=NOW + timedelta(days=7),
        environment="sandbox",
        opened_by="ana",
    )


def hold(reason: str = "wind") -> HoldPlaced:
    return HoldPlaced(by="ana", reason=reason)


def start(ledger: SqlLedger, launch: str = "cockpit-1", product: str = "cockpit") -> None:
    ledger.append(launch, opened(product), at=NOW, wall=WALL)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return request.getfixturevalue("postgres_database")


@pytest.fixture
def ledger(url: str):
    ledger = open_ledger(url)
    yield ledger
    ledger.close()


def on_disk(url: str, statement: str) -> None:
    """Runs a statement as the database's owner, past the ledger."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        try:
            connection.executescript(statement)
        finally:
            connection.close()
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)


def test_records_come_back_as_they_were_appended(ledger: SqlLedger, url: str) -> None:
    start(ledger)
    written = ledger.append("cockpit-1", hold("Übergabe 🚀 \u0000 läuft"), at=NOW, wall=WALL)
    again = open_ledger(url)
    assert again.records("cockpit-1")[1] == written
    assert again.records("cockpit-1", after=1) == [written]
    assert again.records("cockpit-1", after=2) == []
    verify_chain("cockpit-1", again.records("cockpit-1"))
    again.close()


def test_a_plan_of_megabytes_fits(ledger: SqlLedger) -> None:
    text = "ä" * 3_000_000
    ledger.append("cockpit-1", opened(plan_text=text), at=NOW, wall=WALL)
    first = ledger.records("cockpit-1")[0].event
    assert isinstance(first, LaunchOpened)
    assert first.plan_text == text


def test_the_chain_holds_for_values_that_json_cannot_carry(ledger: SqlLedger) -> None:
    start(ledger)
    ledger.append("cockpit-1", MetricsSeen(values={"error_rate": math.nan, "share": 0.1}), at=NOW, wall=WALL)
    records = ledger.records("cockpit-1")
    verify_chain("cockpit-1", records)
    assert records[1].event == MetricsSeen(values={"error_rate": None, "share": 0.1})


def test_instants_of_any_zone_come_back_as_the_same_instant_in_utc(ledger: SqlLedger) -> None:
    start(ledger)
    berlin = NOW.astimezone(timezone(timedelta(hours=1)))
    record = ledger.append("cockpit-1", hold(), at=berlin, wall=WALL)
    assert record == ledger.records("cockpit-1")[1]
    assert record.at.isoformat() == NOW.isoformat()


def test_a_writer_who_has_not_seen_the_newest_event_is_refused(ledger: SqlLedger) -> None:
    start(ledger)
    ledger.append("cockpit-1", hold(), at=NOW, wall=WALL, expected=1)
    with pytest.raises(ConflictError, match="event 2 of cockpit-1 was written by somebody else"):
        ledger.append("cockpit-1", hold(), at=NOW, wall=WALL, expected=1)
    with pytest.raises(ConflictError):
        ledger.append("cockpit-1", hold(), at=NOW, wall=WALL, expected=7)
    assert len(ledger.records("cockpit-1")) == 2


def test_four_racing_writers_lose_no_event_and_keep_the_chain(ledger: SqlLedger, url: str) -> None:
    start(ledger)
    conflicts: list[int] = []
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        own = open_ledger(url)
        try:
            for number in range(50):
                event = CheckJudged(check=f"c-{writer}-{number}", verdict=Verdict.PASS, sentence="")
                while True:
                    seen = own.records("cockpit-1")[-1].sequence
                    try:
                        own.append("cockpit-1", event, at=NOW, wall=WALL, expected=seen)
                    except ConflictError:
                        conflicts.append(writer)
                        continue
                    break
        except BaseException as error:  # noqa: BLE001  a thread's failure must reach the test
            failures.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    records = ledger.records("cockpit-1")
    verify_chain("cockpit-1", records)
    checks = [record.event.check for record in records if isinstance(record.event, CheckJudged)]
    assert sorted(checks) == sorted(f"c-{writer}-{number}" for writer in range(4) for number in range(50))
    for writer in range(4):
        mine = [check for check in checks if check.startswith(f"c-{writer}-")]
        assert mine == [f"c-{writer}-{number}" for number in range(50)]


def test_threads_may_share_one_ledger_and_write_wherever_the_end_is(ledger: SqlLedger) -> None:
    start(ledger)
    threads = [
        threading.Thread(target=lambda: [ledger.append("cockpit-1", hold(), at=NOW, wall=WALL) for _ in range(10)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = ledger.records("cockpit-1")
    assert len(records) == 81
    verify_chain("cockpit-1", records)


def test_a_product_has_one_open_launch_until_it_is_closed(ledger: SqlLedger) -> None:
    start(ledger)
    assert ledger.open_launch("cockpit") == "cockpit-1"
    with pytest.raises(AlreadyOpenError, match="cockpit has an open launch already: cockpit-1"):
        start(ledger, "cockpit-2")
    start(ledger, "other-1", "other")
    ledger.append("cockpit-1", LaunchClosed(outcome=Outcome.NO_GO), at=NOW, wall=WALL)
    assert ledger.open_launch("cockpit") is None
    assert ledger.open_launch("other") == "other-1"
    ledger.append("cockpit-2", opened(), at=NOW, wall=WALL + timedelta(seconds=1))
    assert ledger.launches() == ["cockpit-1", "other-1", "cockpit-2"]


def test_a_refused_opening_leaves_nothing_behind(ledger: SqlLedger) -> None:
    start(ledger)
    with pytest.raises(AlreadyOpenError):
        start(ledger, "cockpit-2")
    with pytest.raises(UnknownLaunchError):
        ledger.records("cockpit-2")
    assert ledger.launches() == ["cockpit-1"]


def test_a_closed_launch_is_not_opened_again_under_its_id(ledger: SqlLedger) -> None:
    start(ledger)
    ledger.append("cockpit-1", LaunchClosed(outcome=Outcome.LIVE), at=NOW, wall=WALL)
    with pytest.raises(ConflictError):
        start(ledger)
    assert ledger.open_launch("cockpit") is None


def test_eight_captains_at_once_open_one_launch(ledger: SqlLedger, url: str) -> None:
    outcomes: list[str] = []

    def open_one(number: int) -> None:
        own = open_ledger(url)
        try:
            start(own, f"cockpit-{number}")
            outcomes.append("opened")
        except AlreadyOpenError:
            outcomes.append("refused")
        finally:
            own.close()

    threads = [threading.Thread(target=open_one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["opened"] + ["refused"] * 7
    assert len(ledger.launches()) == 1


def test_a_launch_nobody_opened_is_unknown(ledger: SqlLedger) -> None:
    with pytest.raises(UnknownLaunchError, match="no launch 'cockpit-9'"):
        ledger.records("cockpit-9")
    with pytest.raises(UnknownLaunchError):
        ledger.append("cockpit-9", hold(), at=NOW, wall=WALL)


REFUSED = ("UPDATE event SET kind = 'x' WHERE sequence = 1", "DELETE FROM event WHERE sequence = 1")
REFUSED_ON = {
    "sqlite": (
        "INSERT OR REPLACE INTO event SELECT launch, sequence, at, wall, kind, '{}', previous, hash FROM event",
    ),
    "postgresql": ("TRUNCATE event",),
}


def test_the_database_itself_refuses_to_change_history(ledger: SqlLedger, url: str) -> None:
    start(ledger)
    before = ledger.records("cockpit-1")
    for statement in REFUSED + REFUSED_ON[url.partition(":")[0]]:
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.InsufficientPrivilege), match="append-only"):
            on_disk(url, statement)
    assert ledger.records("cockpit-1") == before


@pytest.mark.integration
@pytest.mark.parametrize("verb", ["UPDATE event SET kind = 'x'", "DELETE FROM event", "TRUNCATE event"])
def test_the_writers_role_lacks_the_right_even_without_the_trigger(postgres_database: str, verb: str) -> None:
    ledger = open_ledger(postgres_database)
    start(ledger)
    ledger.close()
    on_disk(postgres_database, "ALTER TABLE event DISABLE TRIGGER event_is_append_only")
    with psycopg.connect(postgres_database) as connection:
        connection.execute("SET ROLE tminus_writer")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            connection.execute(verb)


@pytest.mark.integration
def test_a_login_with_nothing_but_the_writers_role_can_run_a_launch(postgres_database: str) -> None:
    open_ledger(postgres_database).close()
    on_disk(
        postgres_database,
        "DO $$ BEGIN CREATE ROLE launcher LOGIN PASSWORD 'p' IN ROLE tminus_writer; "
        "EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    )
    login = sa.make_url(postgres_database).set(username="launcher", password="p").render_as_string(hide_password=False)
    ledger = open_ledger(login)
    start(ledger)
    ledger.append("cockpit-1", LaunchClosed(outcome=Outcome.LIVE), at=NOW, wall=WALL)
    verify_chain("cockpit-1", ledger.records("cockpit-1"))
    ledger.close()


@pytest.mark.parametrize(
    ("tampering", "place"),
    [
        ('UPDATE event SET body = \'{"kind":"hold-placed","by":"eve","reason":"x"}\' WHERE sequence = 2', 2),
        ("DELETE FROM event WHERE sequence = 2", 2),
        ("UPDATE event SET wall = '2027-01-01 00:00:00.000000' WHERE sequence = 3", 3),
    ],
)
def test_an_owner_who_drops_the_guards_is_found_out(ledger: SqlLedger, url: str, tampering: str, place: int) -> None:
    start(ledger)
    for _ in range(3):
        ledger.append("cockpit-1", hold(), at=NOW, wall=WALL)
    if url.startswith("sqlite"):
        on_disk(url, "DROP TRIGGER event_update; DROP TRIGGER event_delete")
    else:
        on_disk(url, "ALTER TABLE event DISABLE TRIGGER event_is_append_only")
    on_disk(url, tampering)
    with pytest.raises(BrokenChainError, match=f"broken at event {place}") as caught:
        verify_chain("cockpit-1", ledger.records("cockpit-1"))
    assert caught.value.sequence == place


def test_processes_that_open_a_new_ledger_at_once_migrate_it_once(url: str) -> None:
    root = Path(ledger_database.__file__).parents[1]
    # The package's own __init__ imports every SDK, which four times over takes longer than what is tested.
    package = (
        f"import sys, types; p = sys.modules['blocks'] = types.ModuleType('blocks'); p.__path__ = ['{root}/blocks']"
    )
    code = f"{package}; from blocks.ledger import open_ledger; open_ledger({url!r}).close()"
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=root) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    ledger = open_ledger(url)
    start(ledger)
    ledger.close()


def test_the_newest_migration_is_the_one_the_code_expects() -> None:
    versions = Path(ledger_database.__file__).parent / "ledger_migrations" / "versions"
    newest = max(path.stem for path in versions.glob("v*.py"))
    assert newest.startswith(f"v{ledger_database.HEAD}_")


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ("postgresql://ana:geheim@127.0.0.1:1/none", r"cannot open the ledger postgresql\+psycopg://ana:\*\*\*@127"),
        ("sqlite:////nowhere/ledger.db", "there is no folder /nowhere"),
        ("sqlite://", "names no file"),
        ("mysql://ana:geheim@host/db", r"mysql://ana:\*\*\*@host/db is on 'mysql'; it can be on sqlite or postgresql"),
        ("nonsense", "is not a database URL"),
        ("postgresql://tminus:secret@db:port/ledger", "is not a database URL"),
    ],
)
def test_a_ledger_that_cannot_be_reached_is_one_sentence_without_the_password(bad: str, sentence: str) -> None:
    with pytest.raises(PlanError, match=sentence) as caught:
        open_ledger(bad)
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("shopping list " * 100)
    with pytest.raises(PlanError, match="file is not a database"):
        open_ledger(f"sqlite:///{tmp_path}/notes.txt")


@pytest.mark.integration
def test_a_database_that_goes_away_is_a_transient_fault_without_the_password(postgres_database: str) -> None:
    ledger = open_ledger(postgres_database)
    start(ledger)
    url = sa.make_url(postgres_database)
    elsewhere = url.set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(elsewhere, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{url.database}" WITH ALLOW_CONNECTIONS false')
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (url.database,))
    with pytest.raises(TransientFaultError, match="the ledger answered") as caught:
        ledger.records("cockpit-1")
    assert str(sa.make_url(postgres_database).password) not in str(caught.value)
    ledger.close()


def test_bodies_are_json_that_other_programs_can_read(ledger: SqlLedger, url: str) -> None:
    start(ledger)
    engine = sa.create_engine(url if url.startswith("sqlite") else url.replace("postgresql", "postgresql+psycopg"))
    with engine.connect() as connection:
        kind, body = connection.execute(sa.text("SELECT kind, CAST(body AS TEXT) FROM event")).one()
    engine.dispose()
    assert kind == "launch-opened"
    assert json.loads(body)["product"] == "cockpit"
