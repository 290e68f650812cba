"""The parts of Kubernetes and Istio objects that a launch looks at, as the API serves them.

Fields that no question needs are ignored; a field of the wrong type is a malformed answer, never a default.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

T = TypeVar("T")
Labels = dict[str, str]
# The API writes empty lists and maps as null in some versions.
Several = Annotated[tuple[T, ...], BeforeValidator(lambda value: value or ())]


class Manifest(BaseModel):
    """A frozen view of an API object."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class Custom(Manifest):
    """A custom object, and where the API serves its kind."""

    group: ClassVar[str]
    plural: ClassVar[str]


class Metadata(Manifest):
    name: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: Labels = Field(default_factory=dict)


class Resources(Manifest):
    requests: dict[str, str | int | float] = Field(default_factory=dict)
    limits: dict[str, str | int | float] = Field(default_factory=dict)


class Lifecycle(Manifest):
    pre_stop: JsonValue = None


class Container(Manifest):
    name: str
    image: str = ""
    resources: Resources = Resources()
    lifecycle: Lifecycle = Lifecycle()


class PodSpec(Manifest):
    containers: Several[Container] = ()
    termination_grace_period_seconds: int = 30


class Template(Manifest):
    metadata: Metadata = Metadata()
    spec: PodSpec = PodSpec()


class Selector(Manifest):
    match_labels: Labels = Field(default_factory=dict)
    match_expressions: Several[JsonValue] = ()

    def selects(self, labels: Labels) -> bool:
        """Whether labels match; expressions are not evaluated, so a selector that has some is taken not to match."""
        return not self.match_expressions and self.match_labels.items() <= labels.items()

    @property
    def everything(self) -> bool:
        """An empty selector selects all pods of the namespace."""
        return not self.match_labels and not self.match_expressions


class DeploymentSpec(Manifest):
    replicas: int = 1
    selector: Selector = Selector()
    template: Template = Template()


class Condition(Manifest):
    type: str
    status: str
    reason: str = ""


class DeploymentStatus(Manifest):
    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    conditions: Several[Condition] = ()


class Deployment(Manifest):
    metadata: Metadata
    spec: DeploymentSpec
    status: DeploymentStatus = DeploymentStatus()

    @property
    def name(self) -> str:
        return self.metadata.name


class Waiting(Manifest):
    reason: str = ""


class ContainerState(Manifest):
    waiting: Waiting | None = None


class ContainerStatus(Manifest):
    name: str = ""
    image: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()


class PodStatus(Manifest):
    phase: str = ""
    conditions: Several[Condition] = ()
    container_statuses: Several[ContainerStatus] = ()


class Pod(Manifest):
    metadata: Metadata
    spec: PodSpec
    status: PodStatus = PodStatus()

    @property
    def ready(self) -> bool:
        return any(condition.type == "Ready" and condition.status == "True" for condition in self.status.conditions)

    @property
    def waits_for(self) -> frozenset[str]:
        """Reasons for which its containers wait, e.g. `ImagePullBackOff`."""
        states = (status.state.waiting for status in self.status.container_statuses)
        return frozenset(waiting.reason for waiting in states if waiting is not None)


class TargetRef(Manifest):
    kind: str
    name: str


class AutoscalerSpec(Manifest):
    scale_target_ref: TargetRef
    min_replicas: int = 1
    max_replicas: int


class Autoscaler(Manifest):
    metadata: Metadata
    spec: AutoscalerSpec


class NetworkPolicySpec(Manifest):
    pod_selector: Selector = Selector()
    policy_types: Several[str] = ()
    ingress: Several[JsonValue] = ()


class NetworkPolicy(Manifest):
    metadata: Metadata
    spec: NetworkPolicySpec


class OutlierDetection(Manifest):
    # Spelled by hand: the alias generator would write `consecutive5XxErrors`.
    consecutive_5xx_errors: int | None = Field(default=None, alias="consecutive5xxErrors")
    base_ejection_time: str = ""


class TrafficPolicy(Manifest):
    outlier_detection: OutlierDetection | None = None


class Subset(Manifest):
    name: str


class DestinationRuleSpec(Manifest):
    host: str
    subsets: Several[Subset] = ()
    traffic_policy: TrafficPolicy = TrafficPolicy()


class DestinationRule(Manifest):
    metadata: Metadata
    spec: DestinationRuleSpec


class Destination(Manifest):
    host: str
    subset: str = ""


class RouteDestination(Manifest):
    destination: Destination
    weight: int | None = None


class HttpRoute(Manifest):
    name: str = ""
    route: Several[RouteDestination] = ()


class VirtualServiceSpec(Manifest):
    hosts: Several[str] = ()
    http: Several[HttpRoute] = ()


class VirtualService(Custom):
    group: ClassVar[str] = "networking.istio.io"
    plural: ClassVar[str] = "virtualservices"

    metadata: Metadata
    spec: VirtualServiceSpec


class BackendRef(Manifest):
    name: str
    # The API's own default: https://gateway-api.sigs.k8s.io/reference/spec/#backendref
    weight: int = 1


class GatewayRule(Manifest):
    backend_refs: Several[BackendRef] = ()


class GatewayRouteSpec(Manifest):
    rules: Several[GatewayRule] = ()


class ParentCondition(Condition):
    message: str = ""
    observed_generation: int = 0


class ParentStatus(Manifest):
    conditions: Several[ParentCondition] = ()


class GatewayRouteStatus(Manifest):
    parents: Several[ParentStatus] = ()


class GatewayRoute(Custom):
    """An `HTTPRoute` of the Gateway API."""

    group: ClassVar[str] = "gateway.networking.k8s.io"
    plural: ClassVar[str] = "httproutes"

    metadata: Metadata
    spec: GatewayRouteSpec
    status: GatewayRouteStatus = GatewayRouteStatus()
