"""The stage a flow stands on: the one that a rehearsal set, else the one built from this server's blocks."""

from __future__ import annotations

from flows.stage import Stage, staged


async def stage_for(launch: str) -> Stage:
    """The stage of a launch. Raises `RefusedError` when the ledger's block is not registered here."""
    stage = staged()
    if stage is not None:
        return stage
    from flows.blocks_stage import stage_from_blocks

    return await stage_from_blocks(launch)
