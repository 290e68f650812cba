"""Reads a launch from its ledger, only what is new each time."""

from __future__ import annotations

from launch.acts import plan_of
from launch.errors import RefusedError
from launch.ledger import Ledger
from launch.plan import Plan
from launch.state import LaunchState


class Reader:
    """The view of one launch; `refresh` takes in what was written since. Raises `UnknownLaunchError`."""

    def __init__(self, ledger: Ledger, launch: str) -> None:
        self._ledger = ledger
        self._launch = launch
        records = ledger.records(launch)
        self.plan: Plan = plan_of(records)
        self.state = LaunchState()
        for record in records:
            self.state.apply(record)

    def refresh(self) -> None:
        """Applies every record written since the last look."""
        for record in self._ledger.records(self._launch, after=self.state.sequence):
            self.state.apply(record)

    @property
    def environment(self) -> str:
        """Id of the environment the launch runs in."""
        if self.state.opened is None:
            message = f"launch {self._launch} was not opened"
            raise RefusedError(message)
        return self.state.opened.environment
