"""What every event has in common."""

from __future__ import annotations

from typing import ClassVar

from launch.model import Model


class Event(Model):
    """Base of every event. `volatile` names fields that differ between equal runs: they stay out of the event hash.

    A record is sealed with all fields of its event. One that is added later is left out while it is empty
    (`exclude_if`), or records of before would look altered.
    """

    volatile: ClassVar[frozenset[str]] = frozenset()
