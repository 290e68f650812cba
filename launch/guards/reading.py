"""What came of evaluating a guard at one moment."""

from __future__ import annotations

from datetime import datetime

from launch.model import Model
from launch.words import GuardState


class GuardReading(Model):
    """A guard's state, the newest value in the guard's unit, and since when the breach or the silence has lasted.

    `sampled_at` is the instant of that value and `against` the baseline it was held against, in the unit of its query;
    `detail` says what else decided: windows, test and effect, or why there is no data.
    """

    state: GuardState
    value: float | None = None
    since: datetime | None = None
    sampled_at: datetime | None = None
    against: float | None = None
    detail: str = ""
