"""What is to be said of a program's run that an effect started, and how undo stops it."""

from __future__ import annotations

import re
from pathlib import Path

from blocks.supervised import Phase, Programs, Run
from launch.ports import Observation, Standing, State

_RECORD = re.compile(r"[0-9a-f]{32}")
_DETAIL = 256


class RecordedRuns(Programs):
    """Programs whose runs the ledger knows by their records."""

    def unended(self, run: Run, name: str, record: Path) -> Observation:
        """What is to be said of a run that has no result."""
        state: State = {"record": record.name}
        match run.phase:
            case Phase.NEVER:
                return Observation(standing=Standing.ABSENT, state=state, detail=f"{name} has not been run")
            case Phase.UNKNOWN:
                detail = f"{name} was about to start; nothing shows whether it did"
                return Observation(standing=Standing.UNKNOWN, state=state, detail=detail)
            case Phase.RUNNING:
                return Observation(standing=Standing.UNDER_WAY, state=state, detail=f"{name} runs")
            case _:
                detail = f"the run of {name} ended without a result; its machine or its runner was stopped"
                return Observation(standing=Standing.FAILED, state=state, detail=detail)

    def cut_short(self, run: Run, name: str) -> str:
        """Why a run that ended did not come to its own end; empty when it did."""
        if run.result is None:
            return ""
        last = f'; last line: "{run.lines[-1]}"' if run.lines else "; no output"
        if run.result.timed_out:
            return f"{name} was killed because it took too long{last}"[:_DETAIL]
        if run.result.stopped:
            return f"{name} was stopped"
        return f"{name} ended with status {run.result.status}{last}"[:_DETAIL] if run.result.status else ""

    def stopped(self, before: State, name: str) -> Observation:
        """Holds when the recorded run runs no more. Raises `SystemFaultError`."""
        running = self.look(self._recorded(before, name), called=name).phase is Phase.RUNNING
        standing = Standing.ABSENT if running else Standing.HOLDS
        return Observation(standing=standing, detail=f"{name} {'still runs' if running else 'does not run'}")

    def stop_recorded(self, before: State, name: str) -> None:
        """Raises `SystemFaultError`."""
        self.stop(self._recorded(before, name), called=name)

    def _recorded(self, before: State, name: str) -> Path:
        record = str(before.get("record", ""))
        if not _RECORD.fullmatch(record):
            raise self.refused(f"stop {name}", "the ledger's record names no run", "stop it on the worker's machine")
        return Path(self.records) / record
