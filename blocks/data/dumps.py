"""Dumps of a PostgreSQL database, and rehearsals of their restore (https://www.postgresql.org/docs/current/backup-dump.html)."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal, TypeVar, assert_never

from prefect.blocks.core import Block
from pydantic import AwareDatetime, ByteSize, Field, HttpUrl, SecretStr, ValidationError

from blocks.data.connection_string import target_of
from blocks.data.database import read_only
from blocks.faults import missing_right
from blocks.payloads import Payload
from blocks.recorded_runs import RecordedRuns
from blocks.supervised import Run
from launch.effects.base import Effect
from launch.effects.dumps import DumpEffect, RehearseRestore, TakeDump
from launch.errors import PermanentFaultError
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.data import DatabaseDump, DumpProbe, RestoreRehearsal
from launch.readings import Quantity, Reading, quantities

_PROGRAMS = Path(__file__).with_name("dump_programs.py")
_DETAIL = 256
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_SOURCE = """
SELECT current_setting('server_version_num')::int / 10000, pg_database_size(current_database()),
  (SELECT coalesce(min(c.oid::regclass::text), '') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
   AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')))
"""
_MAY_CREATE = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"


class _Note(Payload):
    """What a run was for, kept with it. Moments are on the launch's clock."""

    what: Literal["take-dump", "rehearse-restore"]
    at: AwareDatetime
    archive: str
    dump_at: AwareDatetime


class _Dumped(Payload):
    size_bytes: int
    tables: dict[str, int]


class _Restored(Payload):
    seconds: float
    tables: int
    differing: dict[str, tuple[int | None, int | None]]


_Facts = TypeVar("_Facts", _Dumped, _Restored)


@dataclass(frozen=True)
class _Found:
    """A run of the past."""

    record: Path
    note: _Note
    run: Run


class PostgresDumps(RecordedRuns, Block):
    """Dumps of one database, kept in one folder of the worker's machine."""

    _block_type_name = "PostgreSQL Dumps"
    _block_type_slug = "postgres-dumps"
    _description = "Dumps of one PostgreSQL database by pg_dump, and rehearsals of their restore on another server."
    _documentation_url = HttpUrl("https://www.postgresql.org/docs/current/app-pgdump.html")
    needs: ClassVar[str] = "SELECT on every table, e.g. by `pg_read_all_data`; on the scratch server `CREATEDB`"
    system_name: ClassVar[str] = "PostgreSQL dumps"

    answers: ClassVar[tuple[type[Probe], ...]] = (DatabaseDump, RestoreRehearsal)
    effects: ClassVar[tuple[type[Effect], ...]] = (TakeDump, RehearseRestore)

    dsn: SecretStr = Field(
        description="postgresql://user:password@host:port/database that is dumped; the server itself or a session "
        "pooler: a snapshot lives as long as its session."
    )
    scratch_dsn: SecretStr | None = Field(
        default=None,
        description="The same of another server, e.g. staging's, where a rehearsal makes and drops a database.",
    )
    folder: str = Field(
        description="Absolute path of the folder for dumps; must outlive the worker, and be for few eyes."
    )
    jobs: int = Field(default=2, ge=1, le=64, description="Tables and indexes that are restored at a time.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait of the check for either server.")

    def check(self) -> str:
        """Proves that programs, rights and folder are there, and says how much room. Raises `SystemFaultError`."""
        self.prove_records()
        folder = Path(self.folder)
        if not (folder.is_absolute() and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            raise self.refused(
                "may I write dumps", "no such folder, or no right", "check `folder` in the system's block"
            )
        question = "may I read every table"
        with read_only(self.dsn, question, timeout_seconds=self.timeout_seconds) as session:
            ((version, size_bytes, unreadable),) = session.execute(_SOURCE).fetchall()
        if unreadable:
            raise PermanentFaultError(
                system=str(target_of(self.dsn)),
                question=question,
                answer=f"not {unreadable}",
                next_step=missing_right("pg_read_all_data"),
            )
        for name in ("pg_dump", "pg_restore"):
            self._prove_version(name, version)
        self._prove_scratch()
        room = os.statvfs(folder)
        free = room.f_bavail * room.f_frsize
        return f"{target_of(self.dsn)} has {_told(size_bytes)}, the folder for its dumps {_told(free)} free"

    def answer(self, probe: DumpProbe, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case DatabaseDump():
                values, evidence = self._newest_dump(occasion)
            case RestoreRehearsal():
                values, evidence = self._newest_rehearsal(probe, occasion)
            case _:
                assert_never(probe)
        where = f"dumps of {target_of(self.dsn)}"
        return Reading(values=values, where=where, at=occasion.now, evidence=evidence[:_DETAIL])

    def observe(self, effect: DumpEffect, occasion: Occasion) -> Observation:
        """Raises `SystemFaultError`."""
        record = self._record(effect, occasion)
        called = _called(effect)
        run = self.look(record, called=called)
        if run.result is None:
            return self.unended(run, called, record)
        problem = self.cut_short(run, called)
        told = ""
        if not problem:
            problem, told = self._dumped(record) if isinstance(effect, TakeDump) else _restored(record)
        return Observation(
            standing=Standing.FAILED if problem else Standing.HOLDS,
            state={"record": record.name},
            detail=(problem or told)[:_DETAIL],
        )

    def apply(self, effect: DumpEffect, occasion: Occasion) -> None:
        """Starts it once per idempotency key; a second call finds the first run. Raises `SystemFaultError`."""
        record = self._record(effect, occasion)
        options = {"--facts": str(record / "facts.json"), "--pg-restore": self.program("pg_restore")}
        if isinstance(effect, TakeDump):
            name = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{self._database}-{occasion.launch}-{record.name[:8]}")
            archive, dump_at = Path(self.folder) / f"{name}.dump", occasion.now
            options |= {"--pg-dump": self.program("pg_dump")}
        else:
            source = self._to_restore()
            archive, dump_at = Path(source.note.archive), source.note.at
            self._prove_scratch()
            options |= {
                "--dump-facts": str(source.record / "facts.json"),
                "--database": f"tminus_rehearsal_{record.name[:12]}",
                "--jobs": str(self.jobs),
            }
        note = _Note(what=effect.do, at=occasion.now, archive=str(archive), dump_at=dump_at)
        work = "dump" if isinstance(effect, TakeDump) else "restore"
        words = [word for option in ({"--archive": str(archive)} | options).items() for word in option]
        command = [sys.executable, "-I", str(_PROGRAMS), work, *words]
        self.begin(record, command, effect.longest, called=_called(effect), notes=note.model_dump_json())

    def observe_restored(self, effect: DumpEffect, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """Raises `SystemFaultError`."""
        if isinstance(effect, TakeDump):
            return Observation(standing=Standing.HOLDS, detail="the dump is kept")
        return self.stopped(before, _called(effect))

    def restore(self, effect: DumpEffect, before: State, occasion: Occasion) -> None:  # noqa: ARG002
        """Raises `SystemFaultError`."""
        if not isinstance(effect, TakeDump):
            self.stop_recorded(before, _called(effect))

    def variables(self) -> dict[str, str]:
        """With the two connections, which only the program of this block reads."""
        scratch = {} if self.scratch_dsn is None else {"TMINUS_SCRATCH_DSN": self.scratch_dsn.get_secret_value()}
        return super().variables() | {"TMINUS_DSN": self.dsn.get_secret_value()} | scratch

    @property
    def _database(self) -> str:
        return target_of(self.dsn).database

    def _record(self, effect: DumpEffect, occasion: Occasion) -> Path:
        return self.record_of(occasion.launch, occasion.key, effect.do)

    def _newest(self, what: str) -> _Found | None:
        found: list[tuple[_Note, Path]] = []
        for notes in Path(self.records).glob("*/notes"):
            try:
                note = _Note.model_validate_json(notes.read_bytes())
            except (OSError, ValidationError):
                # A run of another kind, or one whose start was cut off.
                continue
            if note.what == what:
                found.append((note, notes.parent))
        if not found:
            return None
        note, record = max(found, key=lambda one: one[0].at)
        return _Found(record, note, self.look(record, called=what))

    def _to_restore(self) -> _Found:
        found = self._newest("take-dump")
        problem = "no dump was taken from here" if found is None else self._unusable(found)
        if found is None or problem:
            next_step = "take a dump first: an action take-dump of this system"
            raise self.refused("rehearse a restore", problem, next_step)
        return found

    def _unusable(self, found: _Found) -> str:
        """Why the newest run tells nothing; empty where it does."""
        if found.run.result is None:
            return self.unended(found.run, found.note.what, found.record).detail
        problem = self.cut_short(found.run, found.note.what)
        if not problem and found.note.what == "take-dump":
            problem, _ = self._dumped(found.record)
        return problem

    def _newest_dump(self, occasion: Occasion) -> tuple[Mapping[str, Quantity], str]:
        found = self._newest("take-dump")
        if found is None:
            return {}, "no dump was taken from here"
        problem, told = self._unusable(found), f"taken {found.note.at:%Y-%m-%d %H:%M} UTC"
        facts = None if problem else _facts(_Dumped, found.record)
        if facts is None:
            return {}, problem
        values = {
            **quantities("s", backup_age=(occasion.now - found.note.at).total_seconds()),
            **quantities("bytes", backup_size=facts.size_bytes),
            **quantities("tables", backup_tables=len(facts.tables)),
        }
        return values, told

    def _newest_rehearsal(self, probe: RestoreRehearsal, occasion: Occasion) -> tuple[Mapping[str, Quantity], str]:
        found = self._newest("rehearse-restore")
        if found is None:
            return {}, "no restore was rehearsed from here"
        problem = self._unusable(found)
        age = occasion.now - found.note.at
        if not timedelta(0) <= age <= probe.not_older_than:
            problem = f"the newest rehearsal is of {found.note.at:%Y-%m-%d %H:%M} UTC"
        facts = None if problem else _facts(_Restored, found.record)
        if facts is None:
            return {}, problem or "the rehearsal left no figures"
        values = {
            **quantities("s", rto=facts.seconds, rpo=(found.note.at - found.note.dump_at).total_seconds()),
            **quantities("tables", tables_restored=facts.tables, tables_differing=len(facts.differing)),
        }
        return values, _differences(facts)

    def _dumped(self, record: Path) -> tuple[str, str]:
        """What is wrong with a dump, or what it is."""
        facts = _facts(_Dumped, record)
        if facts is None:
            return "the dump left no figures", ""
        archive = Path(_Note.model_validate_json((record / "notes").read_bytes()).archive)
        size_bytes = archive.stat().st_size if archive.exists() else None
        if size_bytes != facts.size_bytes:
            return f"{archive.name} is {'gone' if size_bytes is None else f'{size_bytes} bytes'}, not as written", ""
        return "", f"{archive.name}: {len(facts.tables)} tables, {_told(facts.size_bytes)}, read again to the end"

    def _prove_version(self, name: str, server: int) -> None:
        """A dump of a newer server is refused by an older pg_dump."""
        question = f"which {name}"
        found = _VERSION.search(self.ask([self.program(name), "--version"], question, "install PostgreSQL's clients"))
        if found is None or int(found[1]) < server:
            told = "an unknown version" if found is None else f"version {found[1]}, the server has {server}"
            raise self.refused(question, told, f"install PostgreSQL {server}'s clients on the worker")

    def _prove_scratch(self) -> None:
        if self.scratch_dsn is None:
            return
        scratch, own = target_of(self.scratch_dsn, field="scratch_dsn"), target_of(self.dsn)
        if (scratch.host, scratch.port) == (own.host, own.port):
            raise self.refused(
                "where may I restore", "on the server that is dumped", "name another server in `scratch_dsn`"
            )
        question = "may I make a database"
        with read_only(self.scratch_dsn, question, timeout_seconds=self.timeout_seconds) as session:
            row = session.execute(_MAY_CREATE).fetchone()
        if row is None or not row[0]:
            raise PermanentFaultError(
                system=str(scratch), question=question, answer="no", next_step=missing_right("CREATEDB")
            )


def _called(effect: DumpEffect) -> str:
    return "the dump" if isinstance(effect, TakeDump) else "the rehearsal"


def _facts(kind: type[_Facts], record: Path) -> _Facts | None:
    try:
        return kind.model_validate_json((record / "facts.json").read_bytes())
    except (OSError, ValidationError):
        return None


def _restored(record: Path) -> tuple[str, str]:
    """What is wrong with what was restored, or what it is."""
    facts = _facts(_Restored, record)
    if facts is None:
        return "the rehearsal left no figures", ""
    told = _differences(facts)
    return (told, "") if facts.differing or not facts.tables else ("", told)


def _differences(facts: _Restored) -> str:
    if not facts.differing:
        return f"{facts.tables} tables restored and counted in {facts.seconds:.0f} s"
    table, (dumped, found) = next(iter(facts.differing.items()))
    return f"{len(facts.differing)} tables differ: {table} has {found} rows, {dumped} were dumped"


def _told(size_bytes: int) -> str:
    return ByteSize(size_bytes).human_readable(decimal=True)
