"""Takes the picture of the README: a real rehearsal in a terminal of its own, drawn as SVG.

`make picture` runs it. Lines between the opening and the countdown are left out, and the picture says how many.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS, ROWS = 104, 200
COMMAND = [sys.executable, "-m", "console.main", "rehearse", "plans/teei-csr.yaml"]
SHOWN_FIRST = 11
COUNTDOWN = "countdown"
TARGET = Path("docs/images/rehearsal.svg")
_CURSOR = re.compile(r"\x1b\[[0-9;?]*[A-LN-Za-ln-z]")


def recorded() -> list[str]:
    """Lines of a rehearsal as a terminal got them, colours included."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": str(COLUMNS)}
    with subprocess.Popen(COMMAND, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        seen = bytearray()
        while True:
            try:
                chunk = os.read(ours, 65_536)
            except OSError:
                # Linux says so when the last writer has gone.
                break
            if not chunk:
                break
            seen += chunk
    os.close(ours)
    if process.returncode:
        sys.exit(f"the rehearsal ended with {process.returncode}: no picture")
    # What a line showed last is what stays of it.
    lines = [line.rsplit("\r", 1)[-1] for line in seen.decode().replace("\r\n", "\n").split("\n")]
    return [_CURSOR.sub("", line).rstrip() for line in lines]


def drawn(lines: list[str]) -> str:
    """The SVG: the command, how it opens, the countdown and the end."""
    countdown = next(at for at, line in enumerate(lines) if COUNTDOWN in line)
    # The run's own id and file are nobody's business.
    end = next((at for at, line in enumerate(lines) if line.startswith("report")), len(lines))
    gap = f"\x1b[2m      ... {countdown - SHOWN_FIRST} lines ...\x1b[0m"
    shown = [*lines[:SHOWN_FIRST], gap, *lines[countdown:end]]
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text("$ make rehearse", style="bold"))
    console.print(Text.from_ansi("\n".join(shown)), soft_wrap=True)
    return console.export_svg(title="make rehearse")


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(drawn(recorded()), encoding="utf-8")
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")
