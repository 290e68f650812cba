"""The process tree: what ends is started again, and nothing outlives its head."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deployments.processes import Child, Tree

pytestmark = pytest.mark.integration

PYTHON = sys.executable
FOREVER = (PYTHON, "-c", "import signal; signal.pause()")
DEAF_CODE = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
PARENT_CODE = f"import subprocess, signal; subprocess.Popen({FOREVER!r}); print('parent', flush=True); signal.pause()"
DEAF, PARENT = (PYTHON, "-c", DEAF_CODE), (PYTHON, "-c", PARENT_CODE)
BRIEF = (PYTHON, "-c", "print('could not find the file')")


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tree = Tree({}, tmp_path)
    yield tree
    tree.stop()


def soon(what: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_stopping_ends_children_their_children_and_those_that_do_not_listen(tree: Tree) -> None:
    tree.start(Child("parent", PARENT))
    deaf = tree.start(Child("deaf", DEAF))
    assert soon(lambda: "parent" in tree.last_words(tree.children[0]) and "deaf" in tree.last_words(deaf))
    heads = [psutil.Process(pid) for pid in tree.pids().values()]
    pids = [process.pid for head in heads for process in (head, *head.children(recursive=True))]
    assert len([pid for pid in pids if alive(pid)]) == 3
    tree.stop()
    assert not [pid for pid in pids if alive(pid)]


def test_stopping_leaves_alone_what_others_started(tree: Tree) -> None:
    with subprocess.Popen(FOREVER) as stranger:
        tree.start(Child("child", FOREVER))
        tree.stop()
        assert alive(stranger.pid)
        stranger.kill()


def test_a_child_that_ended_is_started_again(tree: Tree) -> None:
    child = tree.start(Child("worker", FOREVER))
    first = tree.pids()["worker"]
    psutil.Process(first).kill()
    assert soon(lambda: child.ended)
    assert tree.mend() is None
    assert tree.pids()["worker"] != first
    assert child.restarts == 1


def test_a_vital_child_that_ended_is_reported_with_its_last_words(tree: Tree) -> None:
    child = tree.start(Child("server", BRIEF, vital=True))
    assert soon(lambda: child.ended)
    assert tree.mend() is child
    assert tree.last_words(child) == "could not find the file"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
def test_a_head_that_is_killed_takes_its_children_along(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import signal, sys
        from pathlib import Path
        from deployments.processes import Child, Tree
        tree = Tree({{}}, Path({str(tmp_path)!r}))
        tree.start(Child("child", {FOREVER!r}))
        print(tree.pids()["child"], flush=True)
        signal.pause()
    """)
    root = Path(__file__).parents[2]
    with subprocess.Popen([PYTHON, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True) as head:
        assert head.stdout is not None
        child = int(head.stdout.readline())
        assert alive(child)
        head.kill()
        assert soon(lambda: not alive(child))
