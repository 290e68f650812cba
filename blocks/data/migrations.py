"""Schema migrations: what the release ships against what the database has, and the Jobs that close the gap."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr

from blocks.data.connection_string import target_of
from blocks.data.database import read_only
from blocks.data.schema_jobs import JobRunner
from launch.effects.base import Effect
from launch.effects.data import Migrate
from launch.errors import PermanentFaultError
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.data import MigrationProbe, MigrationRevert, MigrationStatus
from launch.readings import Reading, quantities

_UP, _DOWN = "up", "down"
_SUFFIX = ".up.sql"
_NOTHING_APPLIED = "0"


class SchemaMigrations(Block):
    """The schema of one database. Without a `runner` it can be asked and not changed."""

    _block_type_name = "Schema Migrations"
    _block_type_slug = "schema-migrations"
    _description = (
        "Numbered SQL migrations (`<version>.up.sql`, `<version>.down.sql`) tracked in `schema_migrations`, "
        "run by `migrate:prod` and `migrate:down --to=<version>` in a Kubernetes Job."
    )
    _documentation_url = HttpUrl("https://kubernetes.io/docs/concepts/workloads/controllers/job/")
    needs: ClassVar[str] = "read on `schema_migrations`; the runner needs what its own block needs"

    answers: ClassVar[tuple[type[Probe], ...]] = (MigrationStatus, MigrationRevert)
    effects: ClassVar[tuple[type[Effect], ...]] = (Migrate,)

    dsn: SecretStr = Field(description="postgresql://… of a role that may read schema_migrations.")
    migrations_folder: Path = Field(description="Folder with the release's migrations.")
    runner: JobRunner | None = Field(default=None, description="Where migration Jobs run.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for a connection or a statement.")

    def check(self) -> str:
        """Proves that the table can be read, that the folder holds migrations, and that Jobs are seen.

        Raises `SystemFaultError`.
        """
        shipped, applied = self._shipped(), self._applied()
        jobs = f"; {self.runner.check()}" if self.runner is not None else "; no runner is configured"
        return f"{target_of(self.dsn)} has {len(applied)} of {len(shipped)} migrations{jobs}"

    def answer(self, probe: MigrationProbe, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case MigrationStatus():
                return self._status(occasion)
            case MigrationRevert():
                return self._reverted(occasion)
            case _:
                assert_never(probe)

    def observe(self, effect: Migrate, occasion: Occasion) -> Observation:  # noqa: ARG002  it has no arguments
        """Raises `SystemFaultError`."""
        shipped, applied = self._shipped(), self._applied()
        pending = [version for version in shipped if version not in applied]
        state: State = {"version": max(applied, default=_NOTHING_APPLIED)}
        done = len(shipped) - len(pending)
        said = f"{done} of {len(shipped)} migrations are applied, the newest is {state['version']}"
        if not pending and self._runs(_UP, occasion):
            return Observation(standing=Standing.UNDER_WAY, state=state, detail=f"{said}; the Job is still running")
        if not pending:
            return Observation(standing=Standing.HOLDS, state=state, detail=said)
        standing, why = self._standing_of_job(_UP, occasion)
        return Observation(standing=standing, state=state, detail=said + why, progress=done / len(shipped))

    def apply(self, effect: Migrate, occasion: Occasion) -> None:  # noqa: ARG002
        """Starts the Job that applies what is missing. Raises `SystemFaultError`."""
        before = max(self._applied(), default=_NOTHING_APPLIED)
        self._jobs.run(_UP, ("migrate:prod",), occasion, before=before)

    def observe_restored(self, effect: Migrate, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """Raises `SystemFaultError`."""
        target = _target(before)
        newer = sorted(version for version in self._applied() if version > target)
        if not newer and self._runs(_DOWN, occasion):
            return Observation(standing=Standing.UNDER_WAY, detail=f"{target} is reached; the Job is still running")
        if not newer:
            return Observation(standing=Standing.HOLDS, detail=f"no migration newer than {target} is applied")
        standing, why = self._standing_of_job(_DOWN, occasion)
        return Observation(standing=standing, detail=f"{len(newer)} migrations newer than {target} are applied{why}")

    def restore(self, effect: Migrate, before: State, occasion: Occasion) -> None:  # noqa: ARG002
        """Starts the Job that migrates down to the recorded version. Raises `SystemFaultError`."""
        target = _target(before)
        self._jobs.run(_DOWN, ("migrate:down", f"--to={target}"), occasion, target=target)

    @property
    def _jobs(self) -> JobRunner:
        if self.runner is None:
            raise PermanentFaultError(
                system=str(target_of(self.dsn)),
                question="the order to run a migration Job",
                answer="no runner is configured",
                next_step="fill in `runner` of the migrations block",
            )
        return self.runner

    def _standing_of_job(self, direction: str, occasion: Occasion) -> tuple[Standing, str]:
        """Of a schema that is not there yet, and why it failed: also a Job that ended well and left it so has."""
        job = self._jobs.find(direction, occasion)
        if job is None:
            return Standing.ABSENT, ""
        match job.standing:
            case Standing.HOLDS:
                return Standing.FAILED, "; the Job ended well all the same"
            case Standing.FAILED:
                why = self._jobs.why_failed(job)
                return Standing.FAILED, f"; the Job failed{f': {why}' if why else ''}"
            case standing:
                return standing, ""

    def _runs(self, direction: str, occasion: Occasion) -> bool:
        job = self._jobs.find(direction, occasion)
        return job is not None and job.standing is Standing.UNDER_WAY

    def _shipped(self) -> list[str]:
        found = sorted(path.name.removesuffix(_SUFFIX) for path in self.migrations_folder.glob(f"*{_SUFFIX}"))
        if not found:
            raise PermanentFaultError(
                system="migrations",
                question="read the release's migrations",
                answer="no files",
                next_step=f"put <version>{_SUFFIX} files into the block's migrations folder",
            )
        return found

    def _applied(self) -> set[str]:
        with read_only(self.dsn, "the applied migrations", timeout_seconds=self.timeout_seconds) as session:
            return {str(row[0]) for row in session.execute("SELECT version FROM schema_migrations").fetchall()}

    def _status(self, occasion: Occasion) -> Reading:
        shipped, applied = self._shipped(), self._applied()
        pending = [version for version in shipped if version not in applied]
        return Reading(
            values={
                **quantities("migrations", pending_migrations=len(pending)),
                **quantities("migrations", foreign_migrations=len(applied - set(shipped))),
                **quantities(schema_version=max(applied, default=None)),
            },
            where=f"schema_migrations of {target_of(self.dsn)}",
            at=occasion.now,
            evidence=f"not applied: {', '.join(pending) or 'none'}"[:256],
        )

    def _reverted(self, occasion: Occasion) -> Reading:
        where, launch = f"schema_migrations of {target_of(self.dsn)}", occasion.launch
        down = next((job for job in reversed(self._jobs.of_launch(_DOWN, launch)) if job.target), None)
        # Nothing was reverted where the up migration came to nothing: what counts is the version it began at.
        up = next((job for job in self._jobs.of_launch(_UP, launch) if job.before), None) if down is None else None
        target = down.target if down is not None else up.before if up is not None else ""
        if not target:
            return Reading(values={}, where=where, at=occasion.now, evidence="this launch ran no migration")
        newer = [version for version in self._applied() if version > target]
        how = "the target was" if down is not None else "no down migration was run; before the launch's first it was"
        return Reading(
            values={
                **quantities(revert_failed=down is not None and down.standing is Standing.FAILED),
                **quantities("migrations", migrations_past_target=len(newer)),
            },
            where=where,
            at=occasion.now,
            evidence=f"{how} {target}",
        )


def _target(before: State) -> str:
    version = before.get("version")
    if not isinstance(version, str):
        raise PermanentFaultError(
            system="migrations",
            question="the order to migrate down",
            answer="no version was recorded before the migration",
            next_step="migrate down by hand",
        )
    return version
