"""Runbook scripts on the worker's machine: named in a list, run without a shell, their output kept."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl

from blocks.supervised import AbsolutePaths, Phase, Programs, Result
from launch.effects.base import Effect
from launch.effects.platform import RunScript
from launch.ports import Observation, Occasion, Standing, State

_ARGUMENT = re.compile(r"[A-Za-z0-9._:/=@,+-]+")
_DETAIL = 256


class ShellScripts(Programs, Block):
    """A list of scripts that a launch may run.

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
    system_name: ClassVar[str] = "runbook scripts"

    effects: ClassVar[tuple[type[Effect], ...]] = (RunScript,)

    scripts: AbsolutePaths = Field(min_length=1, description="Name in the plan to absolute path of an executable.")

    def check(self) -> str:
        """Proves that scripts can be run and records be written; writes nothing. Raises `SystemFaultError`."""
        for name, path in self.scripts.items():
            if not os.access(path, os.X_OK):
                raise self.refused(f"may I run {name}", "no such executable", "check its path in the system's block")
        self.prove_records()
        return f"{len(self.scripts)} scripts can be run"

    def observe(self, effect: RunScript, occasion: Occasion) -> Observation:
        """Raises `SystemFaultError`."""
        run = self.look(self._record(effect, occasion), called=effect.script)
        if run.result is not None:
            return _finished(effect, run.result, run.lines)
        match run.phase:
            case Phase.NEVER:
                return Observation(standing=Standing.ABSENT, detail=f"{effect.script} has not been run")
            case Phase.UNKNOWN:
                detail = f"{effect.script} was about to start; nothing shows whether it did"
                return Observation(standing=Standing.UNKNOWN, detail=detail)
            case Phase.RUNNING:
                detail = run.lines[-1][:_DETAIL] if run.lines else f"{effect.script} runs"
                return Observation(standing=Standing.UNDER_WAY, detail=detail)
            case _:
                detail = f"the run of {effect.script} ended without a result; its machine or its runner was stopped"
                return Observation(standing=Standing.FAILED, detail=detail)

    def apply(self, effect: RunScript, occasion: Occasion) -> None:
        """Starts the script once per idempotency key; a second call finds the first run and leaves it alone."""
        if effect.script not in self.scripts:
            known = ", ".join(sorted(self.scripts))
            raise self.refused(
                f"run {effect.script}", f"not one of {known}", "add it to the system's block, or correct the plan"
            )
        for argument in effect.arguments:
            if not _ARGUMENT.fullmatch(argument):
                next_step = "use letters, digits and . _ : / = @ , + - only"
                raise self.refused(f"run {effect.script}", "an argument with other characters than allowed", next_step)
        command = [self.scripts[effect.script], *effect.arguments]
        self.begin(self._record(effect, occasion), command, effect.longest, called=effect.script)

    def observe_restored(self, effect: RunScript, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        detail = f"what {effect.script} did cannot be observed from here; the action that undoes it knows"
        return Observation(standing=Standing.UNKNOWN, detail=detail)

    def restore(self, effect: RunScript, before: State, occasion: Occasion) -> None:  # noqa: ARG002
        raise self.refused(
            f"take back {effect.script}", "a script has no recorded state", "name the action that undoes it"
        )

    def _record(self, effect: RunScript, occasion: Occasion) -> Path:
        return self.record_of(occasion.launch, occasion.key, effect.script, *effect.arguments)


def _finished(effect: RunScript, result: Result, lines: tuple[str, ...]) -> Observation:
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
