"""Which entries of an agenda only tell people something: on the day they go on beside the work."""

from __future__ import annotations

from launch.agenda import AnnounceDecision, AskPeople, DoEffect, PostUpdate


def speaks(due: object) -> bool:
    """Whether nothing else has to wait for this."""
    match due:
        case DoEffect():
            return due.action.speaks
        case PostUpdate() | AnnounceDecision() | AskPeople():
            return True
        case _:
            return False


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
