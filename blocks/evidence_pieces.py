"""Evidence of tests and scans: where, when and from which commit it came, and whether it counts for a question."""

from __future__ import annotations

from datetime import timedelta

from pydantic import AwareDatetime, JsonValue

from blocks.payloads import Payload
from launch.ports import Occasion
from launch.probes.evidence import Evidence


class Origin(Payload):
    """Where a result came from."""

    name: str
    commit: str
    environment: str
    produced_at: AwareDatetime


class Piece(Origin):
    """One piece of evidence as stored: `result` is what the tool itself wrote (XML and logs as a string)."""

    result: JsonValue


class Unusable(Exception):  # noqa: N818 - not a fault: the reading says why it carries no value
    """A piece of evidence that is missing, stale or about something else."""


def admit(piece: Origin, probe: Evidence, occasion: Occasion) -> None:
    """Raises `Unusable` for a piece that is too old, from elsewhere or of another commit than the probe asks for."""
    age = occasion.now - piece.produced_at
    if age < timedelta(0):
        raise Unusable(f'"{piece.name}" is stamped {piece.produced_at:%Y-%m-%d %H:%M} UTC, after now')
    if age > probe.not_older_than:
        raise Unusable(f'"{piece.name}" is {age} old, more than {probe.not_older_than}')
    if probe.environment and piece.environment != probe.environment:
        raise Unusable(f'"{piece.name}" is from {piece.environment or "nowhere"}, not {probe.environment}')
    wanted = occasion.release.commit if probe.of_release else ""
    if wanted and piece.commit != wanted:
        raise Unusable(f'"{piece.name}" is of commit {piece.commit[:12] or "none"}, not {wanted[:12]}')
