"""Supervises one program apart from the worker: `script_runner.py RECORD LONGEST_SECONDS PROGRAM [ARGUMENT ...]`.

Returns at once, leaving a process of its own session behind: its id is in RECORD/pid, and while it lives it holds a
lock on RECORD/lock. That one writes the output to RECORD/output and, when the program has ended or was killed for
taking too long, RECORD/result.json. SIGTERM to it stops the program: asked first, killed when it does not end.
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
from types import FrameType

# What a shell reports for a command that cannot be executed.
_NOT_EXECUTABLE = 126
# A chaos experiment that is interrupted plays its rollbacks first.
_STOP_SECONDS = 60


class Supervision:
    """One program, and whether somebody asked to stop it."""

    def __init__(self) -> None:
        self.stopped = False
        self._process: subprocess.Popen[bytes] | None = None
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGALRM, self._kill)

    def run(self, record: Path, longest_seconds: float, program: list[str]) -> tuple[int, bool]:
        """Exit status (negative: the signal that ended it), and whether it was killed for taking too long."""
        with (record / "output").open("wb") as output:
            if self.stopped:
                return -signal.SIGTERM, False
            try:
                self._process = process = subprocess.Popen(  # noqa: S603  an argument list, checked by the caller
                    program, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
                )
            except OSError as error:
                output.write(f"{error.strerror}\n".encode())
                return _NOT_EXECUTABLE, False
            if self.stopped:
                # Asked between the two looks, before there was a process to pass it on to.
                self._stop(signal.SIGTERM, None)
            try:
                return process.wait(longest_seconds), False
            except subprocess.TimeoutExpired:
                self._kill(signal.SIGALRM, None)
                return process.wait(), True

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  a handler's form
        self.stopped = True
        if self._process is not None:
            signal.alarm(_STOP_SECONDS)
            self._process.terminate()

    def _kill(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  a handler's form
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def main(record: Path, longest_seconds: float, program: list[str]) -> None:
    """Forks, so that the caller has no child to wait for. The lock passes to the child and lasts as it lives."""
    with (record / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        child = os.fork()
        if child:
            (record / "pid").write_text(str(child))
            return
        os.setsid()
        supervision = Supervision()
        status, timed_out = supervision.run(record, longest_seconds, program)
        # Renamed in one step: whoever looks sees no result or the whole of it.
        result = {"status": status, "timed_out": timed_out, "stopped": supervision.stopped}
        (record / "result.part").write_text(json.dumps(result))
        (record / "result.part").rename(record / "result.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
