"""What a launch brings to production: one version per service, and the versions it leaves."""

from __future__ import annotations

from pydantic import Field

from launch.model import Id, Model, Text


class Release(Model):
    """`version` names the release as a whole; `services` maps a service's id to the version to run.

    What ran before is never typed: it is recorded from the running system before the first effect.
    """

    version: Text
    commit: str = ""
    services: dict[Id, Text] = Field(default_factory=dict)
