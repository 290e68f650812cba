"""What an act at the command line sets off in the Prefect runs of a launch."""

from __future__ import annotations

import asyncio
from datetime import datetime

from console.engine import asking_engine
from launch.acts import settle_gate
from launch.errors import RefusedError
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
    # Prefect's flows take a second to import, and most acts decide nothing.
    from flows.ballot import release

    try:
        with asking_engine():
            asyncio.run(release(launch, decided.gate, decided.opening, ""))
    except RefusedError as error:
        return f"{said}; {error}; its phase goes on at the gate's deadline"
    return said
