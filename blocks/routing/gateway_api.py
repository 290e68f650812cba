"""Kubernetes' Gateway API: weights of the backends of HTTPRoutes.

https://gateway-api.sigs.k8s.io/guides/traffic-splitting/
"""

from __future__ import annotations

import copy
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import HttpUrl

from blocks.platform.kube import ChangedMeanwhileError
from blocks.platform.kube_access import KubeAccess
from blocks.platform.manifests import GatewayRoute
from blocks.routing.weighing import ConflictError, Splits, Table, Weighing

_NEEDED = (("get", GatewayRoute.group, GatewayRoute.plural), ("patch", GatewayRoute.group, GatewayRoute.plural))


class GatewayRoutes(KubeAccess, Weighing, Block):
    """The HTTPRoutes of one namespace.

    A target is the name of a backend, less the route's own name and a dash in front: `canary` for `auth-service-canary`
    of route `auth-service`, so that one effect can name the same target of several routes.
    """

    _block_type_name = "Gateway Routes"
    _block_type_slug = "gateway-routes"
    _description = (
        "Weights of Gateway API HTTPRoutes in one namespace; the account needs get and patch on httproutes "
        "(https://gateway-api.sigs.k8s.io/guides/traffic-splitting/)."
    )
    _documentation_url = HttpUrl("https://gateway-api.sigs.k8s.io/guides/traffic-splitting/")
    needs: ClassVar[str] = "get and patch on `httproutes` (`gateway.networking.k8s.io`), in one namespace"

    def check(self) -> str:
        """Proves that the API server answers and that weights may be changed. Raises `SystemFaultError`."""
        with self.talk() as kube:
            self.demand(kube, _NEEDED)
            return f"{self.named}: weights of HTTPRoutes may be changed"

    def read(self, route: str) -> Table:
        """Under way until every gateway has taken the last change up. Raises `SystemFaultError`."""
        with self.talk() as kube:
            found, whole = kube.read(GatewayRoute, route)
        splits: Splits = {
            f"#{at}": {_target(route, backend.name): backend.weight for backend in rule.backend_refs}
            for at, rule in enumerate(found.spec.rules)
        }
        late, refused = _taken_up(found)
        return Table(splits, (found, whole), under_way=late, refused=refused)

    def write(self, route: str, table: Table, splits: Splits) -> None:
        """Replaces the list of rules, in which only weights differ. Raises `ConflictError` or `SystemFaultError`."""
        found, whole = table.seen
        rules = copy.deepcopy(whole["spec"]["rules"])
        for at, rule in enumerate(rules):
            for backend in rule.get("backendRefs") or ():
                weight = splits.get(f"#{at}", {}).get(_target(route, backend["name"]))
                if weight is not None:
                    backend["weight"] = weight
        try:
            with self.talk() as kube:
                kube.overwrite(GatewayRoute, route, {"rules": rules}, version=found.metadata.resource_version)
        except ChangedMeanwhileError as changed:
            raise ConflictError(route) from changed


def _target(route: str, backend: str) -> str:
    return backend.removeprefix(f"{route}-")


def _taken_up(route: GatewayRoute) -> tuple[str, str]:
    """What is still to be taken up, and what a gateway refuses; both empty once every gateway serves the route."""
    name, late, refused = route.metadata.name, "", ""
    for parent in route.status.parents:
        for condition in parent.conditions:
            if condition.type != "Accepted":
                continue
            if condition.observed_generation < route.metadata.generation:
                late = f"a gateway has not taken the last change of {name} up yet"
            elif condition.status != "True":
                refused = f"a gateway refuses {name}: {condition.reason}"
    return late, refused
