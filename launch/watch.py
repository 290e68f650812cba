"""The watchdog's patience: what stands still is told once it has stood still for long enough, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from launch.model import Model

LOOK = timedelta(seconds=5)
"""From one look of the watchdog to the next."""
PATIENCE = timedelta(seconds=18)
"""Four times `LOOK`, less what a look may come late: so what stands still is told within half a minute.

Starting a process takes four to nine seconds. Where it takes longer (images to be pulled), so must this.
"""


class Overdue(Model):
    """Something a launch should have done: `what` names it (one alarm each), `detail` is the sentence for the pager.

    `attempt` tells a first try from the next: a check that is asked again is not the one that was due before.
    """

    what: str
    detail: str
    attempt: int = 0
    line: str = ""
    """Things of one line are done side by side: while one after the other gets done, the line goes on."""
    takes: timedelta = timedelta(0)
    """How long it may take once it is begun; the patience comes after it."""
    unwatched: bool = False
    """Nobody looks at the product meanwhile, so exposure must not rise on what is not seen."""


class Watch:
    """Tells what has been due for `patience` of wall time.

    Wall time, not launch time: on a compressed clock an hour is a second, and starting a process still takes ten.
    """

    def __init__(self, patience: timedelta = PATIENCE) -> None:
        self._patience = patience
        self._since: dict[tuple[str, int], datetime] = {}
        self._lines: dict[tuple[str, int], str] = {}

    def look(self, found: Sequence[Overdue], wall: datetime) -> list[Overdue]:
        """What to raise an alarm for now, one for each line. What is not found at one look begins anew."""
        lines = {(one.what, one.attempt): one.line or one.what for one in found}
        going_on = {line for key, line in self._lines.items() if key not in lines}
        self._since = {key: wall if line in going_on else self._since.get(key, wall) for key, line in lines.items()}
        self._lines = lines
        late: dict[str, list[Overdue]] = {}
        for one in found:
            if wall - self._since[one.what, one.attempt] >= self._patience + one.takes:
                late.setdefault(one.line or one.what, []).append(one)
        return [_together(several) for several in late.values()]


def _together(late: Sequence[Overdue]) -> Overdue:
    """One alarm for a line: forty pages for one dead process would be thirty-nine too many."""
    first, others = late[0], len(late) - 1
    return first.model_copy(update={"detail": f"{first.detail} (and {others} more)"}) if others else first
