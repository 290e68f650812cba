"""Runbook scripts on the worker's machine: named in a list, run without a shell, their output kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import BaseModel, Field, HttpUrl, SecretStr, ValidationError, field_validator

from launch.effects.base import Effect
from launch.effects.platform import RunScript
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Observation, Occasion, Standing, State

_SYSTEM = "runbook scripts"
_RUNNER = Path(__file__).with_name("script_runner.py")
_START_SECONDS = 10.0
_ARGUMENT = re.compile(r"[A-Za-z0-9._:/=@,+-]+")
_DETAIL = 256


class _Result(BaseModel):
    """What the runner leaves when a script has ended."""

    status: int
    timed_out: bool


class ShellScripts(Block):
    """A list of scripts that a launch may run, and where their records are kept.

    A run goes on when the worker dies: a small runner supervises it, writes its output and, at the end, its result.
    So a worker started again finds the run it began instead of beginning another.
    """

    _block_type_name = "Shell Scripts"
    _block_type_slug = "shell-scripts"
    _description = (
        "Scripts that a launch may run, by name. They get arguments as a list (never a shell line), the environment "
        "named here and nothing else (https://docs.python.org/3/library/subprocess.html)."
    )
    _documentation_url = HttpUrl("https://docs.python.org/3/library/subprocess.html")
    needs: ClassVar[str] = "an operating-system user that may run the listed scripts and no others"

    effects: ClassVar[tuple[type[Effect], ...]] = (RunScript,)

    scripts: dict[str, str] = Field(min_length=1, description="Name in the plan to absolute path of an executable.")
    records: str = Field(description="Directory for outputs and results; must outlive the worker (a volume, not /tmp).")
    work_directory: str = Field(description="Directory the scripts run in.")
    path: str = Field(default="/usr/local/bin:/usr/bin:/bin", description="PATH of the scripts.")
    environment: dict[str, SecretStr] = Field(default_factory=dict, description="Other variables, e.g. tokens.")

    @field_validator("scripts")
    @classmethod
    def _absolute(cls, scripts: dict[str, str]) -> dict[str, str]:
        relative = [path for path in scripts.values() if not Path(path).is_absolute()]
        if relative:
            message = f"paths must be absolute: {', '.join(relative)}"
            raise ValueError(message)
        return scripts

    def check(self) -> str:
        """Proves that scripts can be run and records be written; writes nothing. Raises `SystemFaultError`."""
        for name, path in self.scripts.items():
            if not os.access(path, os.X_OK):
                raise self._refused(f"may I run {name}", "no such executable", "check its path in the system's block")
        # The folder is made with the first record.
        there = next(one for one in (Path(self.records), *Path(self.records).parents) if one.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise self._refused("may I write records", "no", "check the records directory in the system's block")
        return f"{len(self.scripts)} scripts can be run"

    def observe(self, effect: RunScript, occasion: Occasion) -> Observation:
        record = self._record(effect, occasion)
        if not record.exists():
            return Observation(standing=Standing.ABSENT, detail=f"{effect.script} has not been run")
        if (record / "result.json").exists():
            return self._finished(effect, record, self._result(effect, record))
        return self._unfinished(effect, record)

    def apply(self, effect: RunScript, occasion: Occasion) -> None:
        """Starts the script once per idempotency key; a second call finds the first run and leaves it alone."""
        self._allowed(effect)
        record = self._record(effect, occasion)
        try:
            record.parent.mkdir(parents=True, exist_ok=True)
            record.mkdir()
        except FileExistsError:
            return
        except OSError as error:
            raise self._unwritable(error) from error
        longest = str(effect.longest.total_seconds())
        script = [self.scripts[effect.script], *effect.arguments]
        secrets = {name: value.get_secret_value() for name, value in self.environment.items()}
        try:
            subprocess.run(  # noqa: S603  an argument list from the block's own table
                [sys.executable, "-I", str(_RUNNER), str(record), longest, *script],
                env={"PATH": self.path, "LANG": "C.UTF-8", **secrets},
                cwd=self.work_directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_START_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise TransientFaultError(
                system=_SYSTEM,
                question=f"run {effect.script}",
                answer=f"it could not be started ({type(error).__name__})",
                next_step="look at the worker's machine",
            ) from error

    def observe_restored(self, effect: RunScript, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        detail = f"what {effect.script} did cannot be observed from here; the action that undoes it knows"
        return Observation(standing=Standing.UNKNOWN, detail=detail)

    def restore(self, effect: RunScript, before: State, occasion: Occasion) -> None:  # noqa: ARG002
        raise self._refused(
            f"take back {effect.script}", "a script has no recorded state", "name the action that undoes it"
        )

    def _result(self, effect: RunScript, record: Path) -> _Result:
        try:
            return _Result.model_validate_json((record / "result.json").read_bytes())
        except (OSError, ValidationError) as error:
            answer, next_step = "a damaged record", "look at the output in the records"
            raise self._refused(f"what became of {effect.script}", answer, next_step) from error

    def _finished(self, effect: RunScript, record: Path, result: _Result) -> Observation:
        lines = self._output(record)
        last = f'; last line: "{lines[-1]}"' if lines else "; no output"
        unseen = [text for text in effect.expect if not any(text in line for line in lines)]
        if result.timed_out:
            problem = f"killed after {effect.longest.total_seconds():g} s"
        elif result.status != 0:
            problem = f"ended with status {result.status}"
        elif unseen:
            problem = f'ended with status 0 but never printed "{unseen[0]}"'
        else:
            return Observation(standing=Standing.HOLDS, detail=f"{effect.script} ended with status 0{last}"[:_DETAIL])
        return Observation(standing=Standing.FAILED, detail=f"{effect.script} {problem}{last}"[:_DETAIL])

    def _unfinished(self, effect: RunScript, record: Path) -> Observation:
        try:
            supervised = _supervised(record)
        except OSError:
            detail = f"{effect.script} was about to start; nothing shows whether it did"
            return Observation(standing=Standing.UNKNOWN, detail=detail)
        if supervised:
            lines = self._output(record)
            detail = lines[-1][:_DETAIL] if lines else f"{effect.script} runs"
            return Observation(standing=Standing.UNDER_WAY, detail=detail)
        if (record / "result.json").exists():
            # It ended between the two looks.
            return self._finished(effect, record, self._result(effect, record))
        detail = f"the run of {effect.script} ended without a result; its machine or its runner was stopped"
        return Observation(standing=Standing.FAILED, detail=detail)

    def _output(self, record: Path) -> list[str]:
        """Lines printed so far, with the values of the environment's secrets blanked."""
        try:
            text = (record / "output").read_text(errors="replace")
        except FileNotFoundError:
            return []
        for secret in filter(None, (value.get_secret_value() for value in self.environment.values())):
            text = text.replace(secret, "***")
        return [line for line in text.splitlines() if line.strip()]

    def _allowed(self, effect: RunScript) -> None:
        if effect.script not in self.scripts:
            known = ", ".join(sorted(self.scripts))
            raise self._refused(
                f"run {effect.script}", f"not one of {known}", "add it to the system's block, or correct the plan"
            )
        for argument in effect.arguments:
            if not _ARGUMENT.fullmatch(argument):
                next_step = "use letters, digits and . _ : / = @ , + - only"
                raise self._refused(f"run {effect.script}", "an argument with other characters than allowed", next_step)

    def _record(self, effect: RunScript, occasion: Occasion) -> Path:
        name = "\0".join((occasion.launch, occasion.key, effect.script, *effect.arguments))
        return Path(self.records) / hashlib.sha256(name.encode()).hexdigest()[:32]

    def _refused(self, question: str, answer: str, next_step: str) -> PermanentFaultError:
        return PermanentFaultError(system=_SYSTEM, question=question, answer=answer, next_step=next_step)

    def _unwritable(self, error: OSError) -> PermanentFaultError:
        return self._refused("write a record", error.strerror or "an input/output error", "check the records directory")


def _supervised(record: Path) -> bool:
    """Whether the runner lives: it holds a lock for its life, which a process id (reused, or a zombie's) cannot tell.

    Raises `OSError` where no runner ever took the lock.
    """
    with (record / "lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
