"""Questions to the platform: workloads of a cluster, its mesh, the image registry, the network around it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from launch.model import Id, Text
from launch.probes.base import Probe

Workloads = tuple[Id, ...]
_WORKLOADS = Field(
    min_length=1,
    description="Names of the Deployments asked about; a missing one counts as not having it.",
)


class WorkloadLimits(Probe):
    """Which workloads have CPU and memory requests and limits on every container, requests not above limits.

    `workloads_with_limits`: how many of the named ones do.
    Source: Kubernetes API, `spec.template.spec.containers[].resources` of Deployments.
    """

    yields: ClassVar = frozenset({"workloads_with_limits"})

    ask: Literal["workload-limits"]
    workloads: Workloads = _WORKLOADS


class Draining(Probe):
    """Whether workloads end their requests before they die.

    `workloads_with_pre_stop`: how many of the named ones run a preStop hook on every container;
    `shortest_grace` (s): the smallest `terminationGracePeriodSeconds` among them (Kubernetes' default 30 where unset).
    Source: Kubernetes API, pod templates of Deployments.
    """

    yields: ClassVar = frozenset({"workloads_with_pre_stop", "shortest_grace"})

    ask: Literal["draining"]
    workloads: Workloads = _WORKLOADS


class Autoscaling(Probe):
    """The bounds of the workloads' autoscalers.

    `autoscalers`: how many of the named workloads have one; `min_pods`, `max_pods` (pods): the bound they share, or
    every different one in a row ("2, 3") where they differ, which no single figure equals.
    Source: Kubernetes API, autoscaling/v2 HorizontalPodAutoscalers by `scaleTargetRef`.
    """

    yields: ClassVar = frozenset({"autoscalers", "min_pods", "max_pods"})

    ask: Literal["autoscaling"]
    workloads: Workloads = _WORKLOADS


class NetworkIsolation(Probe):
    """Whether pods are closed by default and opened by rule.

    `default_deny` (present or absent): a policy that selects every pod of the namespace and admits no ingress;
    `workloads_covered`: how many of the named workloads are selected by a policy that admits some ingress.
    Source: Kubernetes API, networking.k8s.io/v1 NetworkPolicies and the labels of pod templates.
    """

    yields: ClassVar = frozenset({"default_deny", "workloads_covered"})

    ask: Literal["network-isolation"]
    workloads: Workloads = _WORKLOADS


class CircuitBreakers(Probe):
    """When the mesh takes a failing pod out of rotation, and for how long.

    `circuit_breakers`: how many of the named services have one; `failure_threshold` (failures): consecutive 5xx that
    open it; `open_timeout` (s): how long it stays open at first. Where services differ, every different figure.
    Source: Istio DestinationRule, `trafficPolicy.outlierDetection` (`consecutive5xxErrors`, `baseEjectionTime`).
    """

    yields: ClassVar = frozenset({"circuit_breakers", "failure_threshold", "open_timeout"})

    ask: Literal["circuit-breakers"]
    workloads: Workloads = _WORKLOADS


class MeshRoutes(Probe):
    """Whether every service is routed by the mesh to subsets that exist.

    `services_routed`: how many of the named services have a VirtualService whose routes' weights add up to 100;
    `unknown_subsets`: routes that lead to a host or subset which no DestinationRule declares.
    Source: Istio VirtualServices and DestinationRules.
    """

    yields: ClassVar = frozenset({"services_routed", "unknown_subsets"})

    ask: Literal["mesh-routes"]
    workloads: Workloads = _WORKLOADS


class RolloutState(Probe):
    """What really runs.

    `pods_ready` (%): ready pods of the named workloads against the pods they want;
    `rollouts_complete`: how many of them have no old and no unready pod left;
    `workloads_on_release`: how many of them run the release's version, and nothing else, in every pod.
    Source: Kubernetes API, status of Deployments and images of their pods.
    """

    yields: ClassVar = frozenset({"pods_ready", "rollouts_complete", "workloads_on_release"})

    ask: Literal["rollout-state"]
    workloads: Workloads = _WORKLOADS


class PublishedImages(Probe):
    """Which version of each service the registry serves under the tag of the release, pinned by a digest.

    One metric per entry of `metrics_of`: the version that the image says it is (label
    `org.opencontainers.image.version`), else the tag itself; `unpublished` where the registry has no such tag.
    A service that the release does not name, or an image without a digest, yields nothing.
    Source: OCI distribution API, `/v2/<name>/manifests/<tag>`.
    """

    ask: Literal["published-images"]
    metrics_of: dict[Text, Id] = Field(min_length=1, description="Metric name to service id, as in the thresholds.")

    def metrics(self) -> frozenset[str]:
        return frozenset(self.metrics_of)


class PreviousImages(Probe):
    """Whether there is still something to roll back to.

    `previous_images`: how many of the named services have a version older than the release's in the registry, whose
    manifest is still served. A service that the release does not name does not count.
    Source: OCI distribution API, `/v2/<name>/tags/list` and `/v2/<name>/manifests/<tag>`.
    """

    yields: ClassVar = frozenset({"previous_images"})

    ask: Literal["previous-images"]
    services: tuple[Id, ...] = Field(min_length=1)


class AccountIdentity(Probe):
    """Whose the credentials are: `account` (its number, a word) and `identity` (the ARN of the user or role).

    So that a launch of production never looks at staging's account, or the other way round. Source: AWS STS
    GetCallerIdentity, which needs no right.
    """

    yields: ClassVar = frozenset({"account", "identity"})

    ask: Literal["account-identity"]


class PrivateSubnets(Probe):
    """How the network is cut.

    `private_subnets`: subnets tagged as private that are: no route to an internet gateway, no public addresses;
    `exposed_subnets`: those tagged so that are not; `availability_zones`: how many zones the private ones lie in;
    `active_peerings`: peerings of the VPC that are `active`.
    Source: AWS EC2 DescribeSubnets, DescribeRouteTables, DescribeVpcPeeringConnections.
    """

    yields: ClassVar = frozenset({"private_subnets", "exposed_subnets", "availability_zones", "active_peerings"})

    ask: Literal["private-subnets"]
    tier: Text = Field(default="private", description="Value of the `tier` tag of the subnets that must be private.")


class Firewall(Probe):
    """What the internet may reach. `open_ports`: ports open to 0.0.0.0/0 or ::/0 in any security group of the VPC.

    Source: AWS EC2 DescribeSecurityGroups. "none" where no port is open, "80, 443" where there are several.
    """

    yields: ClassVar = frozenset({"open_ports"})

    ask: Literal["firewall"]


class LoadBalancerHealthChecks(Probe):
    """How the load balancer finds out that a target is dead.

    `checked_target_groups`: target groups of the load balancer with an enabled HTTP health check that expects 200;
    `health_check_path`: the path they ask (every different one where they differ);
    `health_check_interval` (s): the longest interval.
    Source: AWS ELBv2 DescribeTargetGroups.
    """

    yields: ClassVar = frozenset({"checked_target_groups", "health_check_path", "health_check_interval"})

    ask: Literal["load-balancer-health-checks"]


PlatformProbe = (
    WorkloadLimits
    | Draining
    | Autoscaling
    | NetworkIsolation
    | CircuitBreakers
    | MeshRoutes
    | RolloutState
    | PublishedImages
    | PreviousImages
    | AccountIdentity
    | PrivateSubnets
    | Firewall
    | LoadBalancerHealthChecks
)
