"""Supervises one script apart from the worker: `script_runner.py RECORD LONGEST_SECONDS SCRIPT [ARGUMENT ...]`.

Returns at once, leaving a process of its own session behind: its id is in RECORD/pid, and while it lives it holds a
lock on RECORD/lock. That one writes the output to RECORD/output and, when the script has ended or was killed for taking
too long, RECORD/result.json.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

# What a shell reports for a command that cannot be executed.
_NOT_EXECUTABLE = 126


def main(record: Path, longest_seconds: float, script: list[str]) -> None:
    """Forks, so that the caller has no child to wait for. The lock passes to the child and lasts as it lives."""
    with (record / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        child = os.fork()
        if child:
            (record / "pid").write_text(str(child))
            return
        os.setsid()
        status, timed_out = run(record, longest_seconds, script)
        # Renamed in one step: whoever looks sees no result or the whole of it.
        (record / "result.part").write_text(json.dumps({"status": status, "timed_out": timed_out}))
        (record / "result.part").rename(record / "result.json")


def run(record: Path, longest_seconds: float, script: list[str]) -> tuple[int, bool]:
    """Exit status (negative: the signal that ended it), and whether it was killed for taking too long."""
    with (record / "output").open("wb") as output:
        try:
            process = subprocess.Popen(  # noqa: S603  an argument list, checked by the caller
                script, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            output.write(f"{error.strerror}\n".encode())
            return _NOT_EXECUTABLE, False
        try:
            return process.wait(longest_seconds), False
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return process.wait(), True


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
