"""Istio: weights of the destinations of VirtualServices.

https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRouteDestination
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar

from prefect.blocks.core import Block
from pydantic import HttpUrl

from blocks.platform.kube import ChangedMeanwhileError
from blocks.platform.kube_access import KubeAccess
from blocks.platform.manifests import HttpRoute, VirtualService
from blocks.routing.weighing import ConflictError, Splits, Table, Weighing, Weights

_NEEDED = (("get", VirtualService.group, VirtualService.plural), ("patch", VirtualService.group, VirtualService.plural))


class IstioRoutes(KubeAccess, Weighing, Block):
    """The VirtualServices of one namespace. A target is a subset, or the host of a destination without one."""

    _block_type_name = "Istio Routes"
    _block_type_slug = "istio-routes"
    _description = (
        "Weights of Istio VirtualServices in one namespace; the account needs get and patch on virtualservices "
        "(https://istio.io/latest/docs/reference/config/networking/virtual-service/)."
    )
    _documentation_url = HttpUrl("https://istio.io/latest/docs/reference/config/networking/virtual-service/")
    needs: ClassVar[str] = "get and patch on `virtualservices` (`networking.istio.io`), in one namespace"

    def check(self) -> str:
        """Proves that the API server answers and that weights may be changed. Raises `SystemFaultError`."""
        with self.talk() as kube:
            self.demand(kube, _NEEDED)
            return f"{self.named} has {len(kube.virtual_services())} VirtualServices, and they may be changed"

    def read(self, route: str) -> Table:
        """Raises `SystemFaultError`."""
        with self.talk() as kube:
            service, whole = kube.read(VirtualService, route)
        splits = {_place(at, http): _weights(http) for at, http in enumerate(service.spec.http)}
        return Table(splits, (service, whole))

    def write(self, route: str, table: Table, splits: Splits) -> None:
        """Replaces the list of routes, in which only weights differ. Raises `ConflictError` or `SystemFaultError`."""
        service, whole = table.seen
        https = copy.deepcopy(whole["spec"]["http"])
        for at, (http, raw) in enumerate(zip(service.spec.http, https, strict=True)):
            for target, destination in zip(_targets(http), raw["route"], strict=True):
                _set(destination, splits.get(_place(at, http), {}), target)
        try:
            with self.talk() as kube:
                kube.overwrite(VirtualService, route, {"http": https}, version=service.metadata.resource_version)
        except ChangedMeanwhileError as changed:
            raise ConflictError(route) from changed


def _place(at: int, http: HttpRoute) -> str:
    return http.name or f"#{at}"


def _targets(http: HttpRoute) -> list[str]:
    """Names of the destinations: the subset, with its host where two hosts have a subset of that name."""
    ends = [route.destination for route in http.route]
    short = [end.subset or end.host for end in ends]
    return [
        name if short.count(name) == 1 else f"{end.host}/{end.subset}" for name, end in zip(short, ends, strict=True)
    ]


def _weights(http: HttpRoute) -> Weights:
    return {target: route.weight for target, route in zip(_targets(http), http.route, strict=True)}


def _set(destination: dict[str, Any], weights: Weights, target: str) -> None:
    if target not in weights:
        return
    if weights[target] is None:
        destination.pop("weight", None)
    else:
        destination["weight"] = weights[target]
