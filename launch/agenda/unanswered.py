"""A metric in a range to which the plan has no response: somebody has to be asked."""

from __future__ import annotations

from collections.abc import Iterator

from launch.agenda.items import AskAboutRange
from launch.agenda.watching import Watching
from launch.events import GuardState
from launch.guards import unanswered
from launch.rollback import production_changed
from launch.steps import current_step
from launch.triggers import standing


class Unanswered(Watching):
    """Neither good enough to go on nor bad enough to go back."""

    def _unanswered(self) -> Iterator[AskAboutRange]:
        """Once for each time that a guard fires there. What a trigger is about is decided already, or about to be."""
        firing = {name for name, view in self.state.guards.items() if view.state is GuardState.FIRING}
        if not firing or not production_changed(self.plan, self.state) or standing(self.plan, self.state):
            return
        hold = self.state.exposure_hold is None and current_step(self.plan, self.state) is not None
        for found in unanswered(self.plan, self.memory.values):
            guard = next((name for name in found.guards if name in firing), None)
            if guard is not None and str(found) not in self.state.unanswered:
                yield AskAboutRange(found, guard, self.memory.values.get(guard), hold)
                hold = False
