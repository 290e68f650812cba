"""Effects on dashboards and on the source repository."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from launch.effects.base import Effect
from launch.model import Text
from launch.moments import Duration


class FreezeBranches(Effect):
    """Nobody updates `branches` but the teams of the bypass list (critical hotfixes). Undone by lifting the freeze."""

    do: Literal["freeze-branches"]
    ruleset: Text
    branches: tuple[str, ...] = Field(min_length=1, description="Full refs, e.g. `refs/heads/main`.")
    bypass_teams: tuple[int, ...] = Field(default=(), description="Ids of the teams that may merge hotfixes.")


class TagRollback(Effect):
    """The previous release's commit carries the tag `<prefix><previous version>`; the version is never typed.

    The previous release is the newest published one that is not the launch's own.
    """

    do: Literal["tag-rollback"]
    prefix: Text = "rollback-"


class MarkPeriod(Effect):
    """A period of watching that starts now and lasts `lasts` is marked on every dashboard. Undone by ending it."""

    do: Literal["mark-period"]
    tag: Text
    text: Text
    lasts: Duration


ObservabilityEffect = FreezeBranches | TagRollback | MarkPeriod
