"""Questions to the source repository and its pipelines."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field

from launch.model import Text
from launch.moments import Duration
from launch.probes.base import Probe


class WorkflowRun(Probe):
    """The newest run of a workflow, at most `not_older_than` old: `run_succeeded`, `jobs_missing` and its duration in
    min under the name `duration`.

    `jobs_missing` counts those of `jobs` that the run did not complete successfully. With `of_release` only runs of
    the release's commit count, where the release has one. No such run, or one that is queued, runs or is repeated:
    no answer, whatever ended before it.
    """

    ask: Literal["workflow-run"]
    workflow: Text = Field(description="File name of the workflow, e.g. `staging-deploy.yml`.")
    jobs: tuple[str, ...] = ()
    duration: Text = "run_duration"
    not_older_than: Duration = timedelta(days=2)
    of_release: bool = True

    def metrics(self) -> frozenset[str]:
        return frozenset({"run_succeeded", "jobs_missing", self.duration})


class RepositoryValues(Probe):
    """Values of a JSON file in the repository, at the release's commit (else the default branch).

    `values` maps metric names to dotted paths; `*` in a path means every member. Several numbers give the largest,
    several equal words the word; different words, or a path that is not there, give no answer.
    """

    ask: Literal["repository-values"]
    path: Text
    values: dict[str, str] = Field(min_length=1)

    def metrics(self) -> frozenset[str]:
        return frozenset(self.values)


class BranchFreeze(Probe):
    """`freeze_active`: the ruleset `ruleset` is active and lets only its bypass list update any of `branches`."""

    ask: Literal["branch-freeze"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"freeze_active"})
    ruleset: Text
    branches: tuple[str, ...] = Field(min_length=1)


class RollbackTag(Probe):
    """`rollback_tagged`: the tag `<prefix><previous version>` exists and is the commit of the previous release.

    The previous release is the newest published one that is not the launch's own.
    """

    ask: Literal["rollback-tag"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"rollback_tagged"})
    prefix: Text = "rollback-"


RepositoryProbe = WorkflowRun | RepositoryValues | BranchFreeze | RollbackTag
