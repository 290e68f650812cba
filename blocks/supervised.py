"""Programs on the worker's machine: started once, left to a runner that outlives the worker, looked at and stopped."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError

from launch.errors import PermanentFaultError, TransientFaultError

_RUNNER = Path(__file__).with_name("script_runner.py")
_START_SECONDS = 10.0
_ANSWER_SECONDS = 20.0


def _absolute(paths: dict[str, str]) -> dict[str, str]:
    relative = [path for path in paths.values() if not Path(path).is_absolute()]
    if relative:
        message = f"paths must be absolute: {', '.join(relative)}"
        raise ValueError(message)
    return paths


AbsolutePaths = Annotated[dict[str, str], AfterValidator(_absolute)]


class Phase(StrEnum):
    """Where a run is. `unknown`: it was about to start, and nothing shows whether it did."""

    NEVER = "never"
    UNKNOWN = "unknown"
    RUNNING = "running"
    LOST = "lost"
    ENDED = "ended"


class Result(BaseModel):
    """What the runner leaves when a program has ended; a negative status is the signal that ended it."""

    status: int
    timed_out: bool
    stopped: bool = False


@dataclass(frozen=True)
class Run:
    """What is known of a run: the result only when it ended, the lines that it printed so far."""

    phase: Phase
    lines: tuple[str, ...] = ()
    result: Result | None = None


class Programs(BaseModel):
    """How programs are run: where their records are kept and what they see of the machine.

    A run is known by its record, a folder named after what identifies it: whoever asks for the same run again finds it
    and starts no second one, also after a worker was killed.
    """

    system_name: ClassVar[str]

    records: str = Field(description="Directory for outputs and results; must outlive the worker (a volume, not /tmp).")
    work_directory: str = Field(description="Directory the programs run in.")
    path: str = Field(default="/usr/local/bin:/usr/bin:/bin", description="PATH of the programs.")
    environment: dict[str, SecretStr] = Field(default_factory=dict, description="Other variables, e.g. tokens.")

    def record_of(self, *identity: str) -> Path:
        """The folder of the run that these words identify."""
        return Path(self.records) / hashlib.sha256("\0".join(identity).encode()).hexdigest()[:32]

    def begin(self, record: Path, command: Sequence[str], longest: timedelta, *, called: str, notes: str = "") -> None:
        """Starts the command unless the record says that it was started; `notes` are kept with it.

        Raises `SystemFaultError`: nothing runs then, or the record says so.
        """
        try:
            record.parent.mkdir(parents=True, exist_ok=True)
            record.mkdir()
            (record / "notes").write_text(notes)
        except FileExistsError:
            return
        except OSError as error:
            raise self.refused(
                "write a record", error.strerror or "an input/output error", "check the records directory"
            ) from error
        try:
            subprocess.run(  # noqa: S603  an argument list from the block's own table
                [sys.executable, "-I", str(_RUNNER), str(record), str(longest.total_seconds()), *command],
                env=self.variables(),
                cwd=self.work_directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_START_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise TransientFaultError(
                system=self.system_name,
                question=f"run {called}",
                answer=f"it could not be started ({type(error).__name__})",
                next_step="look at the worker's machine",
            ) from error

    def look(self, record: Path, *, called: str) -> Run:
        """Raises `SystemFaultError` for a damaged record."""
        if not record.exists():
            return Run(Phase.NEVER)
        if not (record / "result.json").exists():
            try:
                running = _supervised(record)
            except OSError:
                return Run(Phase.UNKNOWN)
            if running:
                return Run(Phase.RUNNING, self._lines(record))
            # It may have ended between the two looks.
            if not (record / "result.json").exists():
                return Run(Phase.LOST, self._lines(record))
        try:
            result = Result.model_validate_json((record / "result.json").read_bytes())
        except (OSError, ValidationError) as error:
            answer, next_step = "a damaged record", "look at the output in the records"
            raise self.refused(f"what became of {called}", answer, next_step) from error
        return Run(Phase.ENDED, self._lines(record), result)

    def stop(self, record: Path, *, called: str) -> None:
        """Asks a running program to end, as SIGTERM does; the runner kills it when it takes too long.

        Raises `SystemFaultError` where that is not allowed.
        """
        # The runner holds the lock for its life, so that the number is its own while the lock is held.
        if self.look(record, called=called).phase is not Phase.RUNNING:
            return
        try:
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                os.kill(int((record / "pid").read_text()), signal.SIGTERM)
        except (OSError, ValueError) as error:
            raise self.refused(f"stop {called}", type(error).__name__, "stop it on the worker's machine") from error

    def ask(self, command: Sequence[str], question: str, next_step: str) -> str:
        """What a short command prints. Raises `SystemFaultError` when it fails; what it printed is in no message."""
        try:
            asked = subprocess.run(  # noqa: S603  an argument list from the block's own table
                command,
                env=self.variables(),
                cwd=self.work_directory,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_ANSWER_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise self.refused(question, f"no answer within {_ANSWER_SECONDS:g} s", next_step) from error
        except OSError as error:
            raise self.refused(question, error.strerror or "it cannot be started", next_step) from error
        if asked.returncode:
            raise self.refused(question, f"status {asked.returncode}", next_step)
        return asked.stdout.strip()

    def program(self, name: str) -> str:
        """The absolute path of a program on the block's `path`. Raises `SystemFaultError`."""
        found = shutil.which(name, path=self.path)
        if found is None:
            raise self.refused(f"may I run {name}", "no such executable", "check its path in the system's block")
        return found

    def prove_records(self) -> None:
        """Proves that records can be written; writes nothing. Raises `SystemFaultError`."""
        # The folder is made with the first record.
        there = next(one for one in (Path(self.records), *Path(self.records).parents) if one.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise self.refused("may I write records", "no", "check the records directory in the system's block")

    def refused(self, question: str, answer: str, next_step: str) -> PermanentFaultError:
        """The fault of a program that is not run, or of which nothing more can be known."""
        return PermanentFaultError(system=self.system_name, question=question, answer=answer, next_step=next_step)

    def variables(self) -> dict[str, str]:
        """All that a program sees of the environment."""
        secrets = {name: value.get_secret_value() for name, value in self.environment.items()}
        return {"PATH": self.path, "LANG": "C.UTF-8", **secrets}

    def _lines(self, record: Path) -> tuple[str, ...]:
        """Lines printed so far, with the values of the environment's secrets blanked."""
        try:
            text = (record / "output").read_text(errors="replace")
        except FileNotFoundError:
            return ()
        for secret in filter(None, (value.get_secret_value() for value in self.environment.values())):
            text = text.replace(secret, "***")
        return tuple(line for line in text.splitlines() if line.strip())


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
