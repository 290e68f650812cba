"""Runs of load tests and chaos experiments: found again, stopped, and the newest one of a name read as evidence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import Field, ValidationError

from blocks.evidence_pieces import Origin, Unusable, admit
from blocks.recorded_runs import RecordedRuns
from blocks.supervised import Run
from launch.ports import Occasion
from launch.probes.evidence import Evidence


class Trials(RecordedRuns):
    """Trials of one environment, run on the worker's machine."""

    target_environment: str = Field(
        default="staging", min_length=1, description="Environment that is tried, as checks name it."
    )

    def begin_note(self, name: str, occasion: Occasion) -> str:
        """What is kept with a run, so that its result counts only for what it is about. Its age counts from here."""
        return Origin(
            name=name,
            commit=occasion.release.commit,
            environment=self.target_environment,
            produced_at=occasion.now,
        ).model_dump_json()

    def file_of(self, name: str, files: Mapping[str, str], *, field: str) -> str:
        """The file that the block names so. Raises `SystemFaultError`."""
        if name not in files:
            next_step = f"add it to `{field}` of the system's block, or correct the plan"
            raise self.refused(f"run {name}", f"not one of {', '.join(sorted(files))}", next_step)
        return files[name]

    def prove_files(self, files: Mapping[str, str]) -> None:
        """Raises `SystemFaultError` for a file that is not there."""
        for name, path in files.items():
            if not Path(path).is_file():
                raise self.refused(f"may I run {name}", "no such file", "check its path in the system's block")

    def started(self, record: Path) -> datetime | None:
        """When the run was begun, on the launch's clock; None where that was cut off."""
        try:
            return Origin.model_validate_json((record / "notes").read_bytes()).produced_at
        except (OSError, ValidationError):
            return None

    def newest(self, probe: Evidence, occasion: Occasion) -> tuple[Path, Run]:
        """The run of this name that was started last. Raises `Unusable` where it does not count for the probe."""
        found: list[tuple[Origin, Path]] = []
        for notes in Path(self.records).glob("*/notes"):
            try:
                origin = Origin.model_validate_json(notes.read_bytes())
            except (OSError, ValidationError):
                # A run of another kind, or one whose start was cut off.
                continue
            if origin.name == probe.name:
                found.append((origin, notes.parent))
        if not found:
            raise Unusable(f'"{probe.name}" was never run from here')
        origin, record = max(found, key=lambda one: one[0].produced_at)
        run = self.look(record, called=probe.name)
        if run.result is None:
            raise Unusable(self.unended(run, probe.name, record).detail)
        admit(origin, probe, occasion)
        return record, run
