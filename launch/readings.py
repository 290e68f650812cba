"""What a system answers: values with units, where they were measured and when. Absence stays absent."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from launch.model import Model

Scalar = bool | int | float | str


class Quantity(Model):
    """One measured value. `unit` is a unit of `launch.units`, or "" for a count, a state or a word."""

    value: Scalar
    unit: str = ""


class Reading(Model):
    """The answer of one system to one probe.

    `values` maps the metric names of the check's thresholds to what was measured; a metric that could not be
    determined is left out (the verdict is then inconclusive, never pass). `where` names the system and the object that
    was asked, in words a captain understands. `evidence` is a short quotation, at most 256 characters, no secrets.
    """

    values: dict[str, Quantity]
    where: str
    at: datetime
    evidence: str = Field(default="", max_length=256)


def quantities(unit: str = "", /, **values: Scalar | None) -> dict[str, Quantity]:
    """Values of one unit by name; those that are None (could not be determined) are left out."""
    return {name: Quantity(value=value, unit=unit) for name, value in values.items() if value is not None}
