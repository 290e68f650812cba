"""How long `tminus lint plans/teei-csr.yaml` takes, process start included. Target: 0.5 s.

uv run python benchmarks/lint.py [ROUNDS]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMAND = [str(Path(sys.executable).with_name("tminus")), "lint", "plans/teei-csr.yaml"]


def measure() -> float:
    """Seconds of one call."""
    started = time.monotonic()
    subprocess.run(COMMAND, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    measure()  # fills the disk cache
    seconds = [measure() for _ in range(rounds)]
    figures = {"rounds": rounds, "median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)}
    print(json.dumps({name: round(figure, 3) for name, figure in figures.items()}))
