"""`tminus audit verify LAUNCH`."""

from __future__ import annotations

import click

from console.ledgers import existing_ledger, ledger_option, meant
from console.output import json_option, print_json
from launch.ledger import BrokenChainError, event_hash, verify_chain

INTACT, BROKEN = 0, 1


@click.group()
def audit() -> None:
    """Verify what is recorded."""


@audit.command()
@click.argument("launch", required=False)
@ledger_option
@json_option
def verify(launch: str | None, url: str | None, *, as_json: bool) -> int:
    """Verify the chain of LAUNCH's records (default: the open launch). Exits 0 intact, 1 broken.

    An edit, a deletion or a reordering is found, and where. Records cut off at the end are not: what is left is a
    chain in itself.
    """
    with existing_ledger(url) as ledger:
        name = meant(ledger, launch)
        records = ledger.records(name)
    broken: BrokenChainError | None = None
    try:
        verify_chain(name, records)
    except BrokenChainError as error:
        broken = error
    if as_json:
        print_json(
            {
                "launch": name,
                "intact": broken is None,
                "events": len(records),
                "broken_at": broken.sequence if broken else None,
                "why": broken.why if broken else "",
                "last_hash": records[-1].hash,
                "event_hash": event_hash(records),
            }
        )
    elif broken is None:
        click.echo(f"{name}: intact, {len(records)} events, last hash {records[-1].hash}")
    if broken is not None:
        if not as_json:
            raise broken
        return BROKEN
    return INTACT
