"""Servers of the machine's that tests start for themselves: found, started, waited for until they say they are up."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_ALSO_HERE = ("/usr/sbin", "/usr/local/sbin")


def program(name: str) -> str:
    """Where it is. Without it a test is skipped; on CI, where `scripts/system-packages` has brought it, it fails."""
    found = shutil.which(name, path=os.pathsep.join([os.environ["PATH"], *_ALSO_HERE]))
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"there is no {name} here; scripts/system-packages installs it")
        pytest.skip(f"there is no {name} here")
    return found


@contextmanager
def running(
    command: Sequence[str], folder: Path, *, ready: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The process from when it has printed `ready` on; it and all that it started are killed at the end."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=None if environment is None else {**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    # What it says later has to be read, too, or it waits for a reader.
    reader = threading.Thread(target=process.stdout.read, daemon=True)
    try:
        told: list[str] = []
        for line in process.stdout:
            told.append(line)
            if ready in line:
                break
        else:
            raise RuntimeError(f"{command[0]} did not start: {''.join(told[-5:])}")
        reader.start()
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if reader.is_alive():
            reader.join()
        process.stdout.close()


def beside(name: str) -> str:
    """A program that came with our own development packages."""
    return str(Path(sys.executable).with_name(name))


def runner_ended(records: str) -> None:
    """Returns when every program that was started with these records is over: a pidfd becomes readable then."""
    for pid_file in Path(records).glob("*/pid"):
        try:
            watched = os.pidfd_open(int(pid_file.read_text()))
        except ProcessLookupError:
            continue
        try:
            assert select.select([watched], [], [], 60)[0], "the program did not end"
        finally:
            os.close(watched)
