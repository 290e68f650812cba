"""The warm process: runs begin without the cost of imports, obey signals, and die with whoever asked for them.

Prefect's engine is what a fork runs; here it is asked for a flow run that does not exist, on no server, so that its
answer (exit code 1 and its own sentence) shows that it ran, in the environment of the asker.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deployments import warm

pytestmark = pytest.mark.integration
STARTER = Path(warm.__file__).with_name("warm_start.py")
# An engine stand-in that waits: what is forked is whatever `prefect.engine` resolves to in the asker's environment.
WAITING = "import os, signal, sys\nprint('pid', os.getpid(), os.environ['ASKED'], flush=True)\nsignal.pause()\n"


@pytest.fixture(scope="module")
def socket_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("w") / "warm.sock"
    script = f"from pathlib import Path; from deployments import warm; warm.IMPORTED = (); warm.serve(Path({str(path)!r}))"
    with subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2]) as server:
        deadline = time.monotonic() + 30
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield path
        server.terminate()


def start(socket_path: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(STARTER), str(socket_path)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_engine_runs_in_the_environment_of_the_asker_and_its_exit_code_comes_back(socket_path: Path) -> None:
    with start(socket_path, PREFECT__FLOW_RUN_ID="not-an-id") as run:
        told, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "Invalid flow run id" in told


def test_a_cold_engine_runs_where_nobody_answers(tmp_path: Path) -> None:
    with start(tmp_path / "nobody.sock", PREFECT__FLOW_RUN_ID="not-an-id") as run:
        told, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "Invalid flow run id" in told


@pytest.fixture
def waiting(socket_path: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A starter whose run waits for a signal, and the pid of that run."""
    (tmp_path / "sitecustomize.py").write_text("")
    package = tmp_path / "prefect_stand_in"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "engine.py").write_text(WAITING)
    run = start(socket_path, ASKED="yes", TMINUS_ENGINE="prefect_stand_in.engine", PYTHONPATH=str(tmp_path))
    assert run.stdout is not None
    word, pid, asked = run.stdout.readline().split()
    assert (word, asked) == ("pid", "yes")
    with run:
        yield run, int(pid)
        run.kill()


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not psutil.pid_exists(pid)
