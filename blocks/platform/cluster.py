"""The cluster that runs the product: asked about its workloads, told which images to run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, ClassVar, assert_never

import yaml
from prefect.blocks.core import Block
from pydantic import Field, SecretStr, TypeAdapter, ValidationError, model_validator

from blocks.platform import mesh, workloads
from blocks.platform.kube import Kube, conversation
from blocks.platform.rollout import (
    MissingContainerError,
    container_of,
    find,
    rollout_values,
    standing_of_images,
    standing_of_rollout,
)
from launch.effects.base import Effect
from launch.effects.platform import AwaitRollout, SetImages
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

ClusterProbe = WorkloadLimits | Draining | Autoscaling | NetworkIsolation | CircuitBreakers | MeshRoutes | RolloutState
_IMAGES: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])
_NEEDED = (("list", "apps", "deployments"), ("patch", "apps", "deployments"), ("list", "", "pods"))
_EVIDENCE = 256


class KubernetesCluster(Block):
    """One namespace of a Kubernetes cluster."""

    _block_type_name = "Kubernetes Namespace"
    _block_type_slug = "kubernetes-namespace"
    _description = (
        "One namespace of a cluster, with its Istio objects. The account needs get and list on what is asked about and "
        "patch on deployments (https://kubernetes.io/docs/reference/access-authn-authz/rbac/). Give a kubeconfig, or a "
        "server with a token, or neither inside the cluster."
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
    effects: ClassVar[tuple[type[Effect], ...]] = (SetImages, AwaitRollout)

    namespace: str = Field(min_length=1, description="Namespace of the product's workloads.")
    kubeconfig: SecretStr | None = Field(default=None, description="Text of a kubeconfig file.")
    context: str | None = Field(default=None, description="Context of the kubeconfig; its current one if empty.")
    server: str | None = Field(default=None, description="URL of the API server, where there is no kubeconfig.")
    token: SecretStr | None = Field(default=None, description="Bearer token of a service account, with `server`.")
    ca_certificate: str | None = Field(default=None, description="PEM of the API server's authority, with `server`.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for a connection and for an answer.")

    @model_validator(mode="after")
    def _one_way_in(self) -> KubernetesCluster:
        if self.kubeconfig is not None and self.server is not None:
            raise ValueError("give either `kubeconfig` or `server`, not both")
        if (self.server is None) != (self.token is None):
            raise ValueError("`server` and `token` go together")
        return self

    def check(self) -> str:
        """Proves that the API server answers and that the account holds the rights a launch needs."""
        with self._talk() as kube:
            missing = [f"{verb} {resource}" for verb, group, resource in _NEEDED if not kube.may(verb, group, resource)]
            if missing:
                raise PermanentFaultError(
                    system=self._system,
                    question="what may I do",
                    answer=f"not {', not '.join(missing)}",
                    next_step="give the account of the block these rights in the namespace",
                )
            return f"{self._system} has {len(kube.deployments())} deployments, and they may be changed"

    def answer(self, probe: ClusterProbe, occasion: Occasion) -> Reading:
        with self._talk() as kube:
            values, evidence = self._values(kube, probe, occasion)
        return Reading(values=values, where=self._system, at=occasion.now, evidence=evidence[:_EVIDENCE])

    def observe(self, effect: SetImages | AwaitRollout, occasion: Occasion) -> Observation:  # noqa: ARG002
        match effect:
            case SetImages():
                return self._standing(effect.images)
            case AwaitRollout():
                with self._talk() as kube:
                    found, missing = find(effect.workloads, kube.deployments())
                    if missing:
                        detail = f"no such deployment: {', '.join(missing)}"
                        return Observation(standing=Standing.FAILED, detail=detail)
                    return standing_of_rollout(found, kube.pods())
            case _:
                assert_never(effect)

    def apply(self, effect: SetImages | AwaitRollout, occasion: Occasion) -> None:
        match effect:
            case SetImages():
                self._set_images(effect.images, cause=f"tminus {occasion.launch}")
            case AwaitRollout():
                """Kubernetes itself does what is waited for."""
            case _:
                assert_never(effect)

    def observe_restored(self, effect: SetImages | AwaitRollout, before: State, occasion: Occasion) -> Observation:
        match effect:
            case SetImages():
                return self._standing(self._recorded(before))
            case AwaitRollout():
                return self.observe(effect, occasion)
            case _:
                assert_never(effect)

    def restore(self, effect: SetImages | AwaitRollout, before: State, occasion: Occasion) -> None:
        match effect:
            case SetImages():
                self._set_images(self._recorded(before), cause=f"tminus {occasion.launch} rollback")
            case AwaitRollout():
                """It changed nothing."""
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

    def _standing(self, images: dict[str, str]) -> Observation:
        with self._talk() as kube:
            return standing_of_images(images, kube.deployments(), kube.pods())

    def _set_images(self, images: dict[str, str], *, cause: str) -> None:
        with self._talk() as kube:
            found, missing = find(images, kube.deployments())
            if missing:
                raise self._unknown(missing)
            for deployment in found:
                container, image = container_of(deployment)
                if image != images[deployment.name]:
                    kube.set_image(deployment.name, container, images[deployment.name], cause=cause)

    def _recorded(self, before: State) -> dict[str, str]:
        try:
            return _IMAGES.validate_python(before)
        except ValidationError as error:
            raise PermanentFaultError(
                system=self._system,
                question="put back the recorded images",
                answer="the record is not a map of workload to image",
                next_step="set the images by hand; the ledger shows what was recorded",
            ) from error

    def _unknown(self, missing: list[str]) -> PermanentFaultError:
        return PermanentFaultError(
            system=self._system,
            question=f"set the image of {', '.join(missing)}",
            answer="no such deployment",
            next_step="check the names in the plan",
        )

    @property
    def _system(self) -> str:
        return f'namespace "{self.namespace}"'

    @contextmanager
    def _talk(self) -> Iterator[Kube]:
        try:
            with conversation(
                self._configuration(),
                system=self._system,
                namespace=self.namespace,
                timeout_seconds=self.timeout_seconds,
            ) as kube:
                yield kube
        except MissingContainerError as error:
            raise PermanentFaultError(
                system=self._system,
                question=f'which image runs in "{error}"',
                answer="several containers, none named like the workload",
                next_step="name the main container like its deployment",
            ) from error

    def _configuration(self) -> Any:
        from kubernetes import client

        config: Any = import_module("kubernetes.config")  # without types
        configuration = client.Configuration()
        try:
            if self.kubeconfig is not None:
                config.load_kube_config_from_dict(
                    yaml.safe_load(self.kubeconfig.get_secret_value()),
                    context=self.context,
                    client_configuration=configuration,
                    persist_config=False,
                )
            elif self.server is not None and self.token is not None:
                configuration.host = self.server
                configuration.api_key["authorization"] = f"Bearer {self.token.get_secret_value()}"
                configuration.ca_cert_data = self.ca_certificate
            else:
                config.load_incluster_config(client_configuration=configuration)
        except (config.ConfigException, yaml.YAMLError, TypeError) as error:
            raise PermanentFaultError(
                system=self._system,
                question="log in",
                answer=f"no usable credentials ({type(error).__name__})",
                next_step="check kubeconfig, or server and token, in the system's block",
            ) from error
        return configuration
