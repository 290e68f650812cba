"""Trials: load put on a system, and faults put into it, to learn what it bears before a launch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from launch.effects.base import Effect
from launch.model import Text
from launch.moments import Duration


class RunLoadTest(Effect):
    """One run of a load test (known by its idempotency key) ran to its end and left its figures.

    What they are worth is for a check that asks `load-test` of the same system: the action only says that it ran.
    Undone by stopping it when it still runs.
    """

    do: Literal["run-load-test"]
    test: Text = Field(description="Name of a test that the block allows.")
    users: int = Field(gt=0, description="Simulated users at a time.")
    users_per_second: float = Field(default=1.0, gt=0, description="How many of them start in a second.")
    lasting: Duration = Field(description="How long it runs, the start of the users included.")


class RunExperiment(Effect):
    """One run of a chaos experiment (known by its idempotency key) ended, and the system bore it.

    It failed when the steady state was not there before or not met afterwards, or when a fault could not be put in;
    which faults there were is for a check that asks `chaos-journal` of the same system. The experiment's own rollbacks
    are always played, also when undo stops it.
    """

    do: Literal["run-experiment"]
    experiment: Text = Field(description="Name of an experiment that the block allows.")
    variables: dict[str, str] = Field(
        default_factory=dict, description="Values for its `configuration`, e.g. `namespace: staging`."
    )
    longest: Duration = Field(description="It is killed after this time, without rollbacks, and has then failed.")


TrialEffect = RunLoadTest | RunExperiment
