"""Dumps a database, or tries a dump: run by the worker apart from it, so it stands alone.

`dump_programs.py dump --archive PATH --facts PATH --pg-dump PROGRAM --pg-restore PROGRAM`, the database in TMINUS_DSN.
`dump_programs.py restore --archive PATH --dump-facts PATH --facts PATH --database NAME --jobs N --pg-restore PROGRAM`,
the server in TMINUS_SCRATCH_DSN. SIGTERM ends either, the programs that it runs, and leaves no scratch database.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

_LOCK_WAIT = "60s"
_STOP_SECONDS = 30
_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
AND NOT EXISTS (
  SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
)
ORDER BY 1, 2
"""
_DATABASE = """
SELECT pg_export_snapshot(), pg_encoding_to_char(encoding), datcollate, datctype
FROM pg_database WHERE datname = current_database()
"""


class _FailedError(Exception):
    """Why it cannot go on, in one line."""


def dump(options: argparse.Namespace) -> None:
    """Everything as of one snapshot: pg_dump takes it over while this session counts the rows that it shows."""
    unfinished = options.archive.with_suffix(".part")
    try:
        facts = _dump_to(unfinished, options)
        unfinished.replace(options.archive)
    finally:
        unfinished.unlink(missing_ok=True)
    options.facts.write_text(json.dumps(facts))


def _dump_to(unfinished: Path, options: argparse.Namespace) -> dict[str, object]:
    dsn = os.environ["TMINUS_DSN"]
    with psycopg.connect(dsn, prepare_threshold=None) as session:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        session.read_only = True
        session.execute("SET LOCAL statement_timeout = 0")
        # With it a policy that hides rows is an error, as it is for pg_dump.
        session.execute("SET LOCAL row_security = off")
        row = session.execute(_DATABASE).fetchone()
        if row is None:
            raise _FailedError("the database does not describe itself")
        snapshot, encoding, collate, ctype = row
        command = [options.pg_dump, "--format=custom", f"--snapshot={snapshot}", f"--lock-wait-timeout={_LOCK_WAIT}"]
        with _running([*command, "--no-password", "--file", str(unfinished)], _libpq(dsn)) as dumping:
            tables = _counted(session)
            _ended(dumping, "pg_dump")
    sys.stdout.write(f"dumped {len(tables)} tables, reading them again\n")
    sys.stdout.flush()
    with _running([options.pg_restore, "--file", os.devnull, str(unfinished)], {}) as reading:
        _ended(reading, "pg_restore")
    return {
        "size_bytes": unfinished.stat().st_size,
        "sha256": _digest(unfinished),
        "tables": tables,
        "encoding": encoding,
        "collate": collate,
        "ctype": ctype,
    }


def restore(options: argparse.Namespace) -> None:
    """Into a database of its own, which it drops."""
    began = time.monotonic()
    wanted = json.loads(options.dump_facts.read_text())
    if _digest(options.archive) != wanted["sha256"]:
        raise _FailedError("the dump is not what was written")
    dsn = os.environ["TMINUS_SCRATCH_DSN"]
    try:
        _create(dsn, options.database, wanted)
        command = [options.pg_restore, "--no-password", "--exit-on-error", "--no-owner", "--no-privileges"]
        command += [f"--jobs={options.jobs}", "--dbname", options.database, str(options.archive)]
        with _running(command, _libpq(dsn)) as restoring:
            _ended(restoring, "pg_restore")
        with psycopg.connect(dsn, dbname=options.database, prepare_threshold=None) as session:
            found = _counted(session)
        seconds = time.monotonic() - began
    finally:
        _drop(dsn, options.database)
    tables: dict[str, int] = wanted["tables"]
    differing = {
        table: [tables.get(table), found.get(table)]
        for table in sorted(tables.keys() | found.keys())
        if tables.get(table) != found.get(table)
    }
    options.facts.write_text(json.dumps({"seconds": seconds, "tables": len(found), "differing": differing}))


def _counted(session: psycopg.Connection) -> dict[str, int]:
    rows: dict[str, int] = {}
    for schema, table in session.execute(_TABLES).fetchall():
        counted = session.execute(sql.SQL("SELECT count(*) FROM ONLY {}").format(sql.Identifier(schema, table)))
        ((rows[f"{schema}.{table}"],),) = counted.fetchall()
    return rows


def _create(dsn: str, database: str, wanted: Mapping[str, str]) -> None:
    _drop(dsn, database)
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as session:
        session.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
                sql.Identifier(database),
                sql.Literal(wanted["encoding"]),
                sql.Literal(wanted["collate"]),
                sql.Literal(wanted["ctype"]),
            )
        )


def _drop(dsn: str, database: str) -> None:
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as session:
        session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def _libpq(dsn: str) -> dict[str, str]:
    """The connection as environment variables: a password in an argument is for every user of the machine to see."""
    given = conninfo_to_dict(dsn)
    known = [one for one in psycopg.pq.Conninfo.get_defaults() if one.envvar]
    return {
        one.envvar.decode(): str(given[name]) for one in known if one.envvar and (name := one.keyword.decode()) in given
    }


@contextmanager
def _running(command: Sequence[str], variables: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that does not outlive this one's interest in it."""
    plain = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    process = subprocess.Popen(command, env={**plain, **variables}, stdin=subprocess.DEVNULL)  # noqa: S603
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            process.kill()
            process.wait()


def _ended(process: subprocess.Popen[bytes], name: str) -> None:
    status = process.wait()
    if status:
        raise _FailedError(f"{name} ended with status {status}; its words are in the output")


def _digest(path: Path) -> str:
    with path.open("rb") as archive:
        return hashlib.file_digest(archive, "sha256").hexdigest()


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  a handler's form
    raise SystemExit(128 + number)


def main(arguments: Sequence[str]) -> None:
    """Ends with status 1 and one last line that says why."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["dump", "restore"])
    for option in ("--archive", "--facts", "--dump-facts"):
        parser.add_argument(option, type=Path)
    for option in ("--pg-dump", "--pg-restore", "--database"):
        parser.add_argument(option)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args(arguments)
    os.umask(0o077)
    signal.signal(signal.SIGTERM, _stop)
    try:
        (dump if options.work == "dump" else restore)(options)
    except (_FailedError, OSError, psycopg.Error) as error:
        sys.exit(" ".join(str(error).split())[:200] or type(error).__name__)


if __name__ == "__main__":
    main(sys.argv[1:])
