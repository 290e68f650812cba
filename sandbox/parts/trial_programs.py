"""Stand-ins for `locust` and `chaos` that need no time: `trial_programs.py PROGRAM FIGURES ARGUMENT ...`.

They take the arguments of the real ones and leave the same files, with the figures of a JSON file. A rehearsal puts no
load on anything and breaks nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def locust(figures: dict[str, float | str], arguments: list[str]) -> int:
    """Writes statistics of one request name (https://docs.locust.io/en/stable/retrieving-stats.html)."""
    parser = argparse.ArgumentParser()
    for option in ("--locustfile", "--host", "--spawn-rate", "--stop-timeout", "--html", "--exit-code-on-error"):
        parser.add_argument(option)
    for option in ("--headless", "--only-summary"):
        parser.add_argument(option, action="store_true")
    parser.add_argument("--processes", type=int)
    parser.add_argument("--users", type=int)
    parser.add_argument("--run-time", type=lambda text: int(text.removesuffix("s")))
    for option in ("--csv", "--json-file"):
        parser.add_argument(option, type=Path)
    given = parser.parse_args(arguments)
    if figures["load.outcome"] == "fail":
        sys.stdout.write("locust.main: User classes in the locust file could not be found\n")
        return 1
    requests = round(float(figures["load.requests-per-minute"]) * given.run_time / 60)
    slow = requests // 10
    p95 = float(figures["load.p95-ms"])
    entry = {
        "name": "/",
        "method": "GET",
        "start_time": 0.0,
        "last_request_timestamp": float(given.run_time),
        "num_requests": requests,
        "num_none_requests": 0,
        "num_failures": int(figures["load.errors"]),
        "response_times": {str(p95 / 2): requests - slow, str(p95): slow},
    }
    Path(f"{given.json_file}.json").write_text(json.dumps([entry]))
    header = "Timestamp,User Count,Type,Name,Total Request Count,Total Failure Count"
    last = f"{given.run_time},{given.users},,Aggregated,{requests},{int(figures['load.errors'])}"
    Path(f"{given.csv}_stats_history.csv").write_text(f"{header}\n{last}\n")
    return 0


def chaos(figures: dict[str, float | str], arguments: list[str]) -> int:
    """Writes the journal of an experiment (https://chaostoolkit.org/reference/api/journal/)."""
    if "validate" in arguments:
        return 0
    journal = Path(arguments[arguments.index("--journal-path") + 1])
    borne = figures["chaos.outcome"] == "borne"
    run = [
        {"activity": {"type": "action", "name": name, "provider": {"func": name}}, "status": "succeeded"}
        for name in ("terminate_pods", "failover_db_cluster")
    ]
    states = {"before": {"steady_state_met": True}, "after": {"steady_state_met": borne}, "during": []}
    written = {"status": "completed", "deviated": not borne, "steady_states": states, "run": run, "rollbacks": []}
    journal.write_text(json.dumps(written))
    return 0


def main(program: str, figures: Path, arguments: list[str]) -> int:
    """Runs the stand-in of this name."""
    if arguments == ["--version"]:
        sys.stdout.write(f"{program} of the sandbox\n")
        return 0
    known = json.loads(figures.read_text())
    return locust(known, arguments) if program == "locust" else chaos(known, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
