"""How long the TEEI rehearsal takes and how much memory its processes hold together. Target: 60 s, 1.5 GB.

    uv run python benchmarks/rehearsal.py [ROUNDS]

Wall time includes process start. Memory is the peak of the sum over all processes, sampled every 0.2 s: RSS counts
pages that processes share once for each of them, PSS shares them out. A process belongs to the rehearsal when it has
inherited a mark in its environment, so servers that detach themselves (PostgreSQL) count too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field

import psutil

COMMAND = [sys.executable, "-m", "console.main", "rehearse", "plans/teei-csr.yaml", "--json"]
_MARK = "TMINUS_BENCHMARK"
_EVERY_SECONDS = 0.2
_MB = 1024 * 1024


@dataclass
class Peak:
    """The most that all marked processes held at one moment."""

    mark: str
    rss: int = 0
    pss: int = 0
    processes: int = 0
    _ours: dict[int, bool] = field(default_factory=dict)

    def look(self) -> None:
        """One sample. PSS is read only at a new peak of RSS: it costs milliseconds a process."""
        ours = [process for process in psutil.process_iter() if self._is_ours(process)]
        rss = sum(_memory(process, "rss") for process in ours)
        if rss > self.rss:
            self.rss, self.processes = rss, len(ours)
            self.pss = sum(_memory(process, "pss") for process in ours)

    def _is_ours(self, process: psutil.Process) -> bool:
        if process.pid not in self._ours:
            try:
                self._ours[process.pid] = process.environ().get(_MARK) == self.mark
            except (psutil.Error, OSError):
                return False
        return self._ours[process.pid]


def _memory(process: psutil.Process, kind: str) -> int:
    try:
        seen = process.memory_full_info() if kind == "pss" else process.memory_info()
    except (psutil.Error, OSError):
        # It ended between the list and the question.
        return 0
    return int(getattr(seen, kind, 0))


def measure() -> dict[str, object]:
    """One rehearsal."""
    peak = Peak(uuid.uuid4().hex)
    started = time.monotonic()
    with subprocess.Popen(COMMAND, env=os.environ | {_MARK: peak.mark}, stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            peak.look()
            time.sleep(_EVERY_SECONDS)
        wall = time.monotonic() - started
        said = json.loads((process.stdout.read() if process.stdout else b"") or b"{}")
    left = [one.pid for one in psutil.process_iter() if one.is_running() and peak._is_ours(one)]  # noqa: SLF001  our own
    return {
        "wall_seconds": round(wall, 1),
        "peak_rss_mb": peak.rss // _MB,
        "peak_pss_mb": peak.pss // _MB,
        "processes_at_peak": peak.processes,
        "processes_left": len(left),
        "exit_code": process.returncode,
        "outcome": said.get("outcome"),
        "events": said.get("events"),
        "event_hash": said.get("event_hash"),
    }


if __name__ == "__main__":
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        print(json.dumps(measure()), flush=True)
