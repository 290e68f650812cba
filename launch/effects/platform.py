"""Effects on the platform: images and pods of workloads, rollouts waited for, runbook scripts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from launch.effects.base import Effect
from launch.model import Id, Text
from launch.moments import Duration


class SetImages(Effect):
    """Every named workload runs its image, rolled out pod by pod; the images that ran before are its earlier state."""

    do: Literal["set-images"]
    images: dict[Id, Text] = Field(
        min_length=1,
        description="Image by workload, e.g. `teei/reporting-api:{{ release.services['reporting-api'] }}`.",
    )


class AwaitRollout(Effect):
    """Every named workload is rolled out and ready. Nothing is applied: this waits for what another action began."""

    do: Literal["await-rollout"]
    workloads: tuple[Id, ...] = Field(min_length=1)


class ScaleWorkloads(Effect):
    """Every named workload has this many pods, all of them ready; 0 stops it. Recorded before: the pods each wanted.

    An autoscaler of the workload changes the count again unless it is 0; scale what has none, or its bounds.
    """

    do: Literal["scale-workloads"]
    replicas: dict[Id, Annotated[int, Field(ge=0, le=10_000)]] = Field(
        min_length=1, description="Pods by workload, e.g. `auth-service-canary: 0`."
    )


class RunScript(Effect):
    """One run of a script that the system's block allows by name; never a shell line.

    It holds when this run (known by its idempotency key) ended with status 0 and printed every expected line.
    """

    do: Literal["run-script"]
    script: Text = Field(description="Name of a script that the block allows.")
    arguments: tuple[Text, ...] = ()
    expect: tuple[Text, ...] = Field(default=(), description="Lines, or parts of lines, that its output must have.")
    longest: Duration = Field(description="It is killed after this time, and has then failed.")


PlatformEffect = SetImages | AwaitRollout | ScaleWorkloads | RunScript
