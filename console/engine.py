"""Which Prefect server a command talks to: that of `tminus up` in this directory, else the active profile's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launch.errors import RefusedError

STATE_DIRECTORY = Path(".tminus")
UP_FILE = STATE_DIRECTORY / "up.json"
"""Written by `tminus up`: a JSON object that says where its server and its ledger are."""


def use_engine() -> None:
    """Points this process at the server. Has to come before Prefect is imported, which reads its settings then."""
    # A command that finds no server says so; Prefect would start one of its own, which knows no deployment.
    os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "false")
    if os.environ.get("PREFECT_API_URL"):
        return
    try:
        written = json.loads(UP_FILE.read_text(encoding="utf-8"))
        api, ui = str(written["api"]), str(written["ui"])
    except (OSError, ValueError, TypeError, KeyError):
        return
    os.environ["PREFECT_API_URL"], os.environ["PREFECT_UI_URL"] = api, ui


@contextmanager
def asking_engine() -> Iterator[None]:
    """Calls of the server are made inside. What keeps it from answering is a `RefusedError` of one sentence."""
    import httpx
    from prefect.exceptions import ObjectNotFound
    from prefect.settings import PREFECT_API_URL

    api = PREFECT_API_URL.value()
    if not api:
        message = "no Prefect server is known here; run tminus up here, or set PREFECT_API_URL"
        raise RefusedError(message)
    try:
        yield
    except ObjectNotFound as error:
        message = f"the Prefect server at {api} does not have tminus's deployments; run prefect deploy --all"
        raise RefusedError(message) from error
    except (httpx.HTTPError, RuntimeError) as error:
        message = (
            f"the Prefect server at {api} does not answer: {str(error).splitlines()[0] if str(error) else 'no reason'}"
        )
        raise RefusedError(message) from error
