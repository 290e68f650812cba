"""Starts a flow run in a process forked from the warm one (see `deployments.warm`), or a cold one where there is none.

The worker runs this file by path, without site packages: it must cost milliseconds, so it imports the least it can.
Exit code: the run's. A signal that ends this process ends the run.
"""

import json
import os
import signal
import socket
import sys

_KILLED = 137


def main() -> int:
    """Hands environment, directory and output over to the warm process and waits for the run's exit code."""
    try:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.connect(sys.argv[1])
        _ask(line)
    except OSError:
        return _cold()

    def pass_on(number: int, _frame: object) -> None:
        line.sendall(bytes([number]))

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    answer = line.recv(1)
    return answer[0] if answer else _KILLED


def _ask(line: socket.socket) -> None:
    question = json.dumps({"environment": dict(os.environ), "directory": os.getcwd()}).encode()  # noqa: PTH109  pathlib costs 10 ms
    socket.send_fds(line, [len(question).to_bytes(4, "big")], [1, 2])
    line.sendall(question)


def _cold() -> int:
    python = sys.executable
    os.execv(python, [python, "-m", "prefect.engine"])  # noqa: S606  the worker's own default command


if __name__ == "__main__":
    sys.exit(main())
