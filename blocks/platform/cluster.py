"""The cluster that runs the product: asked about its workloads, told which images to run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, TypeVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr, TypeAdapter, ValidationError

from blocks.platform import mesh, workloads
from blocks.platform.kube import Kube
from blocks.platform.kube_access import KubeAccess
from blocks.platform.object_effects import ObjectWork
from blocks.platform.rollout import (
    MissingContainerError,
    container_of,
    find,
    rollout_values,
    share_on,
    standing_of_images,
    standing_of_replicas,
    standing_of_rollout,
)
from launch.effects.base import Effect
from launch.effects.platform import (
    ApplyManifests,
    AwaitRollout,
    DeleteObjects,
    ObjectEffect,
    ReplaceSecret,
    RunJob,
    ScaleWorkloads,
    SetImages,
)
from launch.errors import PermanentFaultError
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.platform import (
    Autoscaling,
    CircuitBreakers,
    Draining,
    MeshRoutes,
    NetworkIsolation,
    RolloutState,
    WorkloadLimits,
)
from launch.readings import Quantity, Reading

ClusterEffect = SetImages | AwaitRollout | ScaleWorkloads | ObjectEffect
ClusterProbe = WorkloadLimits | Draining | Autoscaling | NetworkIsolation | CircuitBreakers | MeshRoutes | RolloutState
_IMAGES: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])
_REPLICAS: TypeAdapter[dict[str, int]] = TypeAdapter(dict[str, int])
_NEEDED = (("list", "apps", "deployments"), ("patch", "apps", "deployments"), ("list", "", "pods"))
_EVIDENCE = 256
T = TypeVar("T")


class KubernetesCluster(KubeAccess, Block):
    """One namespace of a Kubernetes cluster."""

    _block_type_name = "Kubernetes Namespace"
    _block_type_slug = "kubernetes-namespace"
    _description = (
        "One namespace of a cluster, with its Istio objects. The account needs get and list on what is asked about and "
        "patch on deployments (https://kubernetes.io/docs/reference/access-authn-authz/rbac/). Give a kubeconfig, or a "
        "server with a token, or neither inside the cluster."
    )
    _documentation_url = HttpUrl("https://kubernetes.io/docs/reference/access-authn-authz/rbac/")
    needs: ClassVar[str] = (
        "get and list on what is asked about, patch on deployments and `deployments/scale`, in one namespace; "
        "Istio objects only if they are asked about; get, create, patch and delete on the kinds that it applies or "
        "deletes, on secrets only if it replaces one, and get on `pods/log` for why a Job failed"
    )

    answers: ClassVar[tuple[type[Probe], ...]] = (
        WorkloadLimits,
        Draining,
        Autoscaling,
        NetworkIsolation,
        CircuitBreakers,
        MeshRoutes,
        RolloutState,
    )
    effects: ClassVar[tuple[type[Effect], ...]] = (
        SetImages,
        AwaitRollout,
        ScaleWorkloads,
        ApplyManifests,
        DeleteObjects,
        ReplaceSecret,
        RunJob,
    )

    manifests_folder: Path | None = Field(default=None, description="Folder with manifests and kustomizations.")
    secrets: dict[str, dict[str, SecretStr]] = Field(
        default_factory=dict, description="Values by key, by the Secret that `replace-secret` may replace."
    )

    def check(self) -> str:
        """Proves that the API server answers and grants what a launch needs. Raises `SystemFaultError`."""
        with self._talk() as kube:
            self.demand(kube, _NEEDED)
            return f"{self.named} has {len(kube.deployments())} deployments, and they may be changed"

    def answer(self, probe: ClusterProbe, occasion: Occasion) -> Reading:
        with self._talk() as kube:
            values, evidence = self._values(kube, probe, occasion)
        return Reading(values=values, where=self.named, at=occasion.now, evidence=evidence[:_EVIDENCE])

    def observe(self, effect: ClusterEffect, occasion: Occasion) -> Observation:
        match effect:
            case SetImages():
                return self._standing(effect.images, effect.images)
            case AwaitRollout():
                with self._talk() as kube:
                    found, missing = find(effect.workloads, kube.deployments())
                    if missing:
                        detail = f"no such deployment: {', '.join(missing)}"
                        return Observation(standing=Standing.FAILED, detail=detail)
                    return standing_of_rollout(found, kube.pods())
            case ScaleWorkloads():
                return self._sizes(effect.replicas)
            case ApplyManifests() | DeleteObjects() | ReplaceSecret() | RunJob():
                with self._talk() as kube:
                    return self._work(kube).observe(effect, occasion)
            case _:
                assert_never(effect)

    def apply(self, effect: ClusterEffect, occasion: Occasion) -> None:
        match effect:
            case SetImages():
                self._set_images(effect.images, cause=f"tminus {occasion.launch}")
            case AwaitRollout():
                """Kubernetes itself does what is waited for."""
            case ScaleWorkloads():
                self._scale(effect.replicas)
            case ApplyManifests() | DeleteObjects() | ReplaceSecret() | RunJob():
                with self._talk() as kube:
                    self._work(kube).apply(effect, occasion)
            case _:
                assert_never(effect)

    def observe_restored(self, effect: ClusterEffect, before: State, occasion: Occasion) -> Observation:
        match effect:
            case SetImages():
                return self._standing(self._recorded(_IMAGES, before, "images"), effect.images)
            case AwaitRollout():
                return self.observe(effect, occasion)
            case ScaleWorkloads():
                return self._sizes(self._recorded(_REPLICAS, before, "pods"))
            case ApplyManifests() | DeleteObjects() | ReplaceSecret() | RunJob():
                with self._talk() as kube:
                    return self._work(kube).observe_restored(effect, before)
            case _:
                assert_never(effect)

    def restore(self, effect: ClusterEffect, before: State, occasion: Occasion) -> None:
        match effect:
            case SetImages():
                images = self._recorded(_IMAGES, before, "images")
                self._set_images(images, cause=f"tminus {occasion.launch} rollback")
            case AwaitRollout():
                """It changed nothing."""
            case ScaleWorkloads():
                self._scale(self._recorded(_REPLICAS, before, "pods"))
            case ApplyManifests() | DeleteObjects() | ReplaceSecret() | RunJob():
                with self._talk() as kube:
                    self._work(kube).restore(effect, before)
            case _:
                assert_never(effect)

    def _values(self, kube: Kube, probe: ClusterProbe, occasion: Occasion) -> tuple[dict[str, Quantity], str]:
        match probe:
            case WorkloadLimits():
                return workloads.limits(probe.workloads, kube.deployments())
            case Draining():
                return workloads.draining(probe.workloads, kube.deployments())
            case Autoscaling():
                return workloads.autoscaling(probe.workloads, kube.autoscalers())
            case NetworkIsolation():
                return workloads.isolation(probe.workloads, kube.deployments(), kube.network_policies())
            case CircuitBreakers():
                return mesh.circuit_breakers(probe.workloads, kube.destination_rules())
            case MeshRoutes():
                return mesh.routes(probe.workloads, kube.virtual_services(), kube.destination_rules())
            case RolloutState():
                versions = occasion.release.services
                return rollout_values(probe.workloads, versions, kube.deployments(), kube.pods())
            case _:
                assert_never(probe)

    def _work(self, kube: Kube) -> ObjectWork:
        return ObjectWork(
            kube,
            system=self.named,
            namespace=self.namespace,
            folder=self.manifests_folder,
            secrets=self.secrets,
            seconds=self.timeout_seconds,
        )

    def _standing(self, images: dict[str, str], release: dict[str, str]) -> Observation:
        with self._talk() as kube:
            deployments, pods = kube.deployments(), kube.pods()
        exposure = share_on(release, deployments, pods)
        return standing_of_images(images, deployments, pods).model_copy(update={"exposure": exposure})

    def _set_images(self, images: dict[str, str], *, cause: str) -> None:
        with self._talk() as kube:
            found, missing = find(images, kube.deployments())
            if missing:
                raise self._unknown("set the image of", missing)
            for deployment in found:
                container, image = container_of(deployment)
                if image != images[deployment.name]:
                    kube.set_image(deployment.name, container, images[deployment.name], cause=cause)

    def _sizes(self, replicas: dict[str, int]) -> Observation:
        with self._talk() as kube:
            return standing_of_replicas(replicas, kube.deployments(), kube.pods())

    def _scale(self, replicas: dict[str, int]) -> None:
        with self._talk() as kube:
            found, missing = find(replicas, kube.deployments())
            if missing:
                raise self._unknown("scale", missing)
            for deployment in found:
                if deployment.spec.replicas != replicas[deployment.name]:
                    kube.scale(deployment.name, replicas[deployment.name])

    def _recorded(self, shape: TypeAdapter[dict[str, T]], before: State, what: str) -> dict[str, T]:
        try:
            return shape.validate_python(before)
        except ValidationError as error:
            raise PermanentFaultError(
                system=self.named,
                question=f"put back the recorded {what}",
                answer=f"the record is not a map of workload to {what}",
                next_step=f"set the {what} by hand; the ledger shows what was recorded",
            ) from error

    def _unknown(self, order: str, missing: list[str]) -> PermanentFaultError:
        return PermanentFaultError(
            system=self.named,
            question=f"{order} {', '.join(missing)}",
            answer="no such deployment",
            next_step="check the names in the plan",
        )

    @contextmanager
    def _talk(self) -> Iterator[Kube]:
        try:
            with self.talk() as kube:
                yield kube
        except MissingContainerError as error:
            raise PermanentFaultError(
                system=self.named,
                question=f'which image runs in "{error}"',
                answer="several containers, none named like the workload",
                next_step="name the main container like its deployment",
            ) from error
