"""Entries of an agenda that only tell people something go on beside the work on the day, each once."""

from __future__ import annotations

from launch.agenda import AnnounceDecision, AskPeople, DoEffect, PostUpdate


def spoken_key(due: object) -> str:
    """What makes two entries the same telling."""
    match due:
        case DoEffect():
            return f"effect {due.id}"
        case PostUpdate() | AnnounceDecision():
            return due.key
        case AskPeople():
            return "ask " + ", ".join(check.id for check in due.checks)
        case _:
            return repr(due)
