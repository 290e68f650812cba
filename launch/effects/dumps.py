"""Dumps of databases, and trying whether they can be restored."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from launch.effects.base import Effect
from launch.moments import Duration


class TakeDump(Effect):
    """A dump of the whole database (known by its idempotency key) was taken and read again to its last byte.

    It holds every table as of one instant, with how many rows each had then. Kept, whatever becomes of the launch.
    """

    do: Literal["take-dump"]
    longest: Duration = Field(description="It is killed after this time, and has then failed.")


class RehearseRestore(Effect):
    """The newest dump was restored into a new database of the scratch server, and every table has its rows.

    The database is dropped afterwards. How long it took (the recovery time), and how old the dump was when it began
    (the recovery point), is for a check that asks `restore-rehearsal` of the same system. Undone by stopping it.
    """

    do: Literal["rehearse-restore"]
    longest: Duration = Field(description="It is killed after this time, and has then failed.")


DumpEffect = TakeDump | RehearseRestore
