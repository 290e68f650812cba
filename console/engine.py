"""Which Prefect server a command talks to: that of `tminus up` in this directory, else the active profile's."""

from __future__ import annotations

import json
import os

from console.ledgers import UP_FILE


def use_engine() -> None:
    """Points this process at the server; called before Prefect is imported, which reads its settings then."""
    if os.environ.get("PREFECT_API_URL"):
        return
    try:
        written = json.loads(UP_FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    os.environ["PREFECT_API_URL"] = str(written["api"])
    os.environ["PREFECT_UI_URL"] = str(written["ui"])
