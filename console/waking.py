"""What an act at the command line sets off in the Prefect runs of a launch."""

from __future__ import annotations

from datetime import datetime

from console.engine import use_engine
from launch.acts import settle_gate
from launch.events import GateDecided
from launch.ledger import Ledger
from launch.state import fold


def settle_open_gates(ledger: Ledger, launch: str, *, at: datetime, wall: datetime) -> list[str]:
    """Writes the decisions that an act has made possible and wakes the phases that wait for them; a sentence for each.

    The decision stands in the ledger whether or not the server can be told: the phase then goes on when its gate's
    deadline wakes it.
    """
    told = []
    for gate, current in fold(ledger.records(launch)).gates.items():
        decided = settle_gate(ledger, launch, gate=gate, at=at, wall=wall) if current.open else None
        if decided is not None:
            told.append(_released(launch, decided))
    return told


def _released(launch: str, decided: GateDecided) -> str:
    said = f"gate {decided.gate} decided {decided.decision.value}: {decided.reason}"
    use_engine()
    # Prefect takes a second to import, and most acts decide nothing.
    import asyncio

    import httpx
    from prefect.settings import PREFECT_API_URL

    from flows.ballot import release

    api = PREFECT_API_URL.value()
    if not api:
        return f"{said}; no Prefect server is known here, so its phase goes on at the gate's deadline"
    try:
        asyncio.run(release(launch, decided.gate, decided.opening, ""))
    except (httpx.HTTPError, RuntimeError) as error:
        return f"{said}; {api} does not answer ({error}), so its phase goes on at the gate's deadline"
    return said
