"""Guards to be sampled."""

from __future__ import annotations

from collections.abc import Iterator

from launch.agenda.gating import Gating
from launch.agenda.items import Due, SampleGuards
from launch.plan.schedule import FlowPhase


class Watching(Gating):
    """What the launch is watched for."""

    def _guards(self) -> Iterator[Due]:
        due = []
        if self.scope.phase not in {FlowPhase.STABILIZATION, FlowPhase.COUNTDOWN}:
            return
        start, end = self._span()
        lasts = self.scope.phase is FlowPhase.COUNTDOWN
        for guard in self.plan.thresholds:
            # Nothing else watches before a countdown has ended, also one that words keep open past its planned end.
            ticks = [
                self._tick(one.start, one.end, one.every, start, max(end, self.now + one.every) if lasts else end)
                for one in guard.watched
            ]
            latest = max((last for last, _ in ticks if last is not None), default=None)
            self.future += [following for _, following in ticks if following is not None]
            sampled = self.memory.sampled.get(guard.id)
            if latest is not None and (sampled is None or sampled < latest):
                due.append(guard)
        if due:
            yield SampleGuards(tuple(due))
