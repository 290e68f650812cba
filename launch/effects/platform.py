"""Effects on the platform: images and pods of workloads, rollouts waited for, objects of a cluster, scripts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from launch.effects.base import Effect
from launch.model import Id, Model, Text
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


class ApplyManifests(Effect):
    """The namespace has every object of these manifests, as they say it; rollouts are another action's wait.

    Applied by the API server (server-side apply): fields that the manifests leave out stay with whoever set them, and a
    field that belongs to somebody else is a conflict, told and not taken. Recorded before: of each object whether it
    was there, and what it had in the fields that the manifests name. No Secret: `replace-secret` keeps values out of
    files and ledger.
    """

    do: Literal["apply-manifests"]
    manifests: tuple[Text, ...] = Field(
        min_length=1, description="YAML files and kustomization folders, below the block's `manifests_folder`."
    )
    values: dict[str, str] = Field(
        default_factory=dict, description="Replaces `${name}` in files, e.g. `VERSION: '{{ release.version }}'`."
    )


class ObjectName(Model):
    """One object of the namespace."""

    api_version: Text = Field(description="E.g. `apps/v1`.")
    kind: Text = Field(description="E.g. `Deployment`.")
    name: Text


class DeleteObjects(Effect):
    """None of these objects exists, nor what belongs to them. Recorded before: the objects; undo creates them again."""

    do: Literal["delete-objects"]
    objects: tuple[ObjectName, ...] = Field(min_length=1)


class ReplaceSecret(Effect):
    """A Secret has the values that the system's block holds for it, and the plain ones of the plan; other keys stay.

    The block's values are in no plan and no ledger. What it had before is kept in the cluster, in a Secret of its own
    labelled `tminus/launch`, from which undo takes it. Pods read it when they start again.
    """

    do: Literal["replace-secret"]
    secret: Text = Field(description="Name of the Secret, and of its values in the block's `secrets`.")
    values: dict[str, str] = Field(
        default_factory=dict,
        description='Values that are no secrets, e.g. `host: "{{ actions["clone"].outputs.address }}"`.',
    )


class RunJob(Effect):
    """One run of a Job (known by its idempotency key) ended well; one that failed says why, with its last words.

    Nothing undoes what it did: name the action that does.
    """

    do: Literal["run-job"]
    manifest: Text = Field(description="YAML file of one batch/v1 Job, below the block's `manifests_folder`.")
    values: dict[str, str] = Field(default_factory=dict, description="Replaces `${name}` in the file.")


ObjectEffect = ApplyManifests | DeleteObjects | ReplaceSecret | RunJob
PlatformEffect = SetImages | AwaitRollout | ScaleWorkloads | RunScript | ObjectEffect
