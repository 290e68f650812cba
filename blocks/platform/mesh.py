"""What Istio's routing objects say about a set of services, as values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from blocks.platform.manifests import Destination, DestinationRule, HttpRoute, VirtualService
from blocks.platform.workloads import shared
from launch.readings import Quantity, quantities

# A Go duration, as Istio writes them: https://pkg.go.dev/time#ParseDuration
_DURATION = re.compile(r"^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$")


def circuit_breakers(names: Sequence[str], rules: Sequence[DestinationRule]) -> tuple[dict[str, Quantity], str]:
    by_service = {_service(rule.spec.host): rule.spec.traffic_policy.outlier_detection for rule in rules}
    breakers = {name: found for name in names if (found := by_service.get(name)) is not None}
    failures = [found.consecutive_5xx_errors for found in breakers.values()]
    times = [_seconds(found.base_ejection_time) for found in breakers.values()]
    values = quantities(circuit_breakers=len(breakers))
    values |= quantities("failures", failure_threshold=shared(figure for figure in failures if figure is not None))
    values |= quantities("s", open_timeout=shared(figure for figure in times if figure is not None))
    if None in failures:
        del values["failure_threshold"]
    if None in times:
        del values["open_timeout"]
    return values, _listed("without circuit breaker", [name for name in names if name not in breakers])


def routes(
    names: Sequence[str], services: Sequence[VirtualService], rules: Sequence[DestinationRule]
) -> tuple[dict[str, Quantity], str]:
    declared = {(_service(rule.spec.host), subset.name) for rule in rules for subset in rule.spec.subsets}
    hosts = {_service(rule.spec.host) for rule in rules}
    own = {name: [item for item in services if name in map(_service, item.spec.hosts)] for name in names}
    routed = [name for name, found in own.items() if any(map(_complete, found))]
    lost = [
        f"{target.host}/{target.subset or '*'}"
        for target in _destinations(services)
        if (_service(target.host), target.subset) not in declared and not (_whole(target) and target.host in hosts)
    ]
    problems = [
        _listed("not routed", [name for name in names if name not in routed]),
        _listed("leads nowhere", lost),
    ]
    return quantities(services_routed=len(routed), unknown_subsets=len(lost)), "; ".join(filter(None, problems))


def _service(host: str) -> str:
    """`reporting-api` from `reporting-api.production.svc.cluster.local`."""
    return host.partition(".")[0]


def _complete(service: VirtualService) -> bool:
    return bool(service.spec.http) and all(_weights(route) == 100 for route in service.spec.http)


def _weights(route: HttpRoute) -> int:
    # One destination without a weight takes everything: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRouteDestination
    if len(route.route) == 1 and route.route[0].weight is None:
        return 100
    return sum(target.weight or 0 for target in route.route)


def _destinations(services: Iterable[VirtualService]) -> Iterable[Destination]:
    return (target.destination for service in services for route in service.spec.http for target in route.route)


def _whole(target: Destination) -> bool:
    return not target.subset


def _seconds(text: str) -> float | None:
    match = _DURATION.match(text)
    if match is None or not text:
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _listed(what: str, names: Sequence[str]) -> str:
    return f"{what}: {', '.join(names)}" if names else ""
