"""Chaos experiments with Chaos Toolkit on the worker's machine (https://chaostoolkit.org/reference/usage/run/)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, ValidationError, field_validator

from blocks import evidence_formats as formats
from blocks.evidence_pieces import Unusable
from blocks.supervised import AbsolutePaths, Run
from blocks.trials import Trials
from launch.effects.base import Effect
from launch.effects.trials import RunExperiment
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.evidence import ChaosJournal
from launch.readings import Quantity, Reading

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DETAIL = 256
_NEVER_TRIED = {"production", "prod", "live"}


class ChaosExperiments(Trials, Block):
    """Chaos experiments that a launch may run before its day, and what they found."""

    _block_type_name = "Chaos Experiments"
    _block_type_slug = "chaos-experiments"
    _description = (
        "Chaos Toolkit experiments that a launch may run, by name; never on production. Their rollbacks are always "
        "played."
    )
    _documentation_url = HttpUrl("https://chaostoolkit.org/reference/api/experiment/")
    needs: ClassVar[str] = (
        "Chaos Toolkit with the experiments' extensions on the worker's machine, and what their faults need"
    )
    system_name: ClassVar[str] = "chaos experiments"

    answers: ClassVar[tuple[type[Probe], ...]] = (ChaosJournal,)
    effects: ClassVar[tuple[type[Effect], ...]] = (RunExperiment,)

    experiments: AbsolutePaths = Field(
        min_length=1, description="Name in the plan to absolute path of an experiment (JSON or YAML)."
    )
    chaos: str = Field(default="chaos", description="Path of Chaos Toolkit's `chaos`, or its name on `path`.")

    @field_validator("target_environment")
    @classmethod
    def _not_live(cls, environment: str) -> str:
        if environment.casefold() in _NEVER_TRIED:
            message = "experiments run where no customer is, e.g. on staging"
            raise ValueError(message)
        return environment

    def check(self) -> str:
        """Proves that every experiment is valid and its extensions are there. Raises `SystemFaultError`."""
        self.prove_files(self.experiments)
        self.prove_records()
        chaos = self.program(self.chaos)
        for name, path in self.experiments.items():
            self.ask(
                [chaos, "--no-version-check", "--log-file", "/dev/null", "validate", path],
                f"is experiment {name} valid",
                f"run `chaos validate {Path(path).name}` on the worker's machine; it says what is wrong",
            )
        return f"{len(self.experiments)} experiments are valid"

    def answer(self, probe: ChaosJournal, occasion: Occasion) -> Reading:
        """What the newest run of this name says, when it counts. Raises `SystemFaultError`."""
        values: Mapping[str, Quantity] = {}
        try:
            journal, evidence = self._found(*self.newest(probe, occasion), probe.name)
            if journal is not None:
                values = formats.chaostoolkit(journal, probe)
                evidence = evidence or f"run within {probe.not_older_than} before now"
        except Unusable as reason:
            evidence = str(reason)
        where = f'experiment "{probe.name}" on {self.target_environment}'
        return Reading(values=dict(values), where=where, at=occasion.now, evidence=evidence[:_DETAIL])

    def observe(self, effect: RunExperiment, occasion: Occasion) -> Observation:
        """Raises `SystemFaultError`."""
        record, name = self._record(effect, occasion), effect.experiment
        run = self.look(record, called=name)
        if run.result is None:
            return self.unended(run, name, record)
        _, problem = self._found(record, run, name)
        return Observation(
            standing=Standing.FAILED if problem else Standing.HOLDS,
            state={"record": record.name},
            detail=(problem or f"{name} ended; the system bore it")[:_DETAIL],
        )

    def apply(self, effect: RunExperiment, occasion: Occasion) -> None:
        """Starts the experiment once per idempotency key; a second call finds the first run and leaves it alone."""
        path = self.file_of(effect.experiment, self.experiments, field="experiments")
        record = self._record(effect, occasion)
        for variable in effect.variables:
            if not _VARIABLE.fullmatch(variable):
                raise self.refused(
                    f"run {effect.experiment}",
                    "a variable with other characters than allowed",
                    "use letters, digits and _ in names of variables",
                )
        command = [
            *(self.program(self.chaos), "--no-version-check", "--log-file", str(record / "chaos.log"), "run"),
            *("--journal-path", str(record / "journal.json"), "--rollback-strategy", "always"),
            *(word for item in effect.variables.items() for word in ("--var", "=".join(item))),
            path,
        ]
        notes = self.begin_note(effect.experiment, occasion)
        self.begin(record, command, effect.longest, called=effect.experiment, notes=notes)

    def observe_restored(self, effect: RunExperiment, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """Raises `SystemFaultError`."""
        return self.stopped(before, effect.experiment)

    def restore(self, effect: RunExperiment, before: State, occasion: Occasion) -> None:  # noqa: ARG002
        """Raises `SystemFaultError`."""
        self.stop_recorded(before, effect.experiment)

    def _found(self, record: Path, run: Run, name: str) -> tuple[formats.Journal | None, str]:
        """The journal of a run that came to its own end, and what is wrong with the run."""
        journal = _journal(record)
        # An interrupted activity only looks failed in the journal, and the whole completed.
        if journal is None or (run.result is not None and (run.result.stopped or run.result.timed_out)):
            return None, self.cut_short(run, name) or f"{name} left no journal"
        problem = _problem(journal)
        return journal, f"{name}: {problem}" if problem else ""

    def _record(self, effect: RunExperiment, occasion: Occasion) -> Path:
        return self.record_of(occasion.launch, occasion.key, effect.do, effect.experiment)


def _journal(record: Path) -> formats.Journal | None:
    try:
        return formats.Journal.model_validate_json((record / "journal.json").read_bytes())
    except (OSError, ValidationError):
        return None


def _problem(journal: formats.Journal) -> str:
    """Why the system did not bear it, or the experiment proved nothing; empty when neither."""
    states = journal.steady_states
    # Chaos Toolkit calls it completed, with status 0, also when the state was not there before and nothing was done.
    if states.before is not None and states.before.steady_state_met is False:
        return "the steady state was not there to begin with"
    if journal.status != "completed":
        return f"it ended {journal.status}"
    if journal.deviated or states.after is None or not states.after.steady_state_met:
        return "the steady state was not met afterwards"
    failed = [one.activity.name for one in journal.run if one.status != "succeeded"]
    return f"{failed[0]} did not succeed" if failed else ""
