"""What pod templates, autoscalers and network policies say about a set of workloads, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from blocks.platform.manifests import Autoscaler, Container, Deployment, NetworkPolicy
from blocks.platform.rollout import find
from launch.readings import Quantity, Scalar, quantities

_RESOURCES = ("cpu", "memory")


def shared(figures: Iterable[Scalar]) -> Scalar | None:
    """The figure that all have; every different one in a row where they differ; None where there is none."""
    different = list(dict.fromkeys(figures))
    if len(different) == 1:
        return different[0]
    return ", ".join(str(figure) for figure in different) or None


def limits(names: Iterable[str], deployments: Sequence[Deployment]) -> tuple[dict[str, Quantity], str]:
    found, missing = find(names, deployments)
    bare = [deployment.name for deployment in found if not all(map(_limited, _containers(deployment)))]
    count = sum(bool(_containers(deployment)) for deployment in found) - len(bare)
    return quantities(workloads_with_limits=count), _without("limits", [*bare, *missing])


def draining(names: Iterable[str], deployments: Sequence[Deployment]) -> tuple[dict[str, Quantity], str]:
    found, missing = find(names, deployments)
    abrupt = [
        deployment.name
        for deployment in found
        if not all(container.lifecycle.pre_stop for container in _containers(deployment))
    ]
    graces = [deployment.spec.template.spec.termination_grace_period_seconds for deployment in found]
    values = quantities(workloads_with_pre_stop=len(found) - len(abrupt))
    values |= quantities("s", shortest_grace=min(graces, default=None))
    return values, _without("a preStop hook", [*abrupt, *missing])


def autoscaling(names: Sequence[str], autoscalers: Sequence[Autoscaler]) -> tuple[dict[str, Quantity], str]:
    target = {item.spec.scale_target_ref.name: item.spec for item in autoscalers if _scales_deployment(item)}
    specs = [target[name] for name in names if name in target]
    values = quantities(autoscalers=len(specs))
    values |= quantities(
        "pods",
        min_pods=shared(spec.min_replicas for spec in specs),
        max_pods=shared(spec.max_replicas for spec in specs),
    )
    return values, _without("an autoscaler", [name for name in names if name not in target])


def isolation(
    names: Iterable[str], deployments: Sequence[Deployment], policies: Sequence[NetworkPolicy]
) -> tuple[dict[str, Quantity], str]:
    found, missing = find(names, deployments)
    closed = any(_denies_everything(policy) for policy in policies)
    opened = [policy.spec.pod_selector for policy in policies if policy.spec.ingress]
    bare = [
        deployment.name
        for deployment in found
        if not any(selector.selects(deployment.spec.template.metadata.labels) for selector in opened)
    ]
    values = quantities(default_deny="present" if closed else "absent", workloads_covered=len(found) - len(bare))
    return values, _without("a network policy", [*bare, *missing])


def _containers(deployment: Deployment) -> tuple[Container, ...]:
    return deployment.spec.template.spec.containers


def _limited(container: Container) -> bool:
    requests, bounds = container.resources.requests, container.resources.limits
    return all(name in requests and name in bounds and _not_above(requests, bounds, name) for name in _RESOURCES)


def _not_above(requests: Mapping[str, str | int | float], bounds: Mapping[str, str | int | float], name: str) -> bool:
    quantity: Any = import_module("kubernetes.utils.quantity")  # without types
    try:
        return bool(quantity.parse_quantity(requests[name]) <= quantity.parse_quantity(bounds[name]))
    except ValueError:
        return False


def _scales_deployment(autoscaler: Autoscaler) -> bool:
    return autoscaler.spec.scale_target_ref.kind == "Deployment"


def _denies_everything(policy: NetworkPolicy) -> bool:
    spec = policy.spec
    # Without `policyTypes` a policy governs ingress: https://kubernetes.io/docs/concepts/services-networking/network-policies/
    return (
        spec.pod_selector.everything and not spec.ingress and (not spec.policy_types or "Ingress" in spec.policy_types)
    )


def _without(what: str, names: Sequence[str]) -> str:
    return f"without {what}: {', '.join(names)}" if names else ""
