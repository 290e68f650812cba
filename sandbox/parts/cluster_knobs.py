"""What can go wrong in the sandbox's cluster, by knob."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pydantic import JsonValue

from sandbox.parts import cluster_seed as seed
from sandbox.parts.cluster_seed import AUTOSCALERS, DEPLOYMENTS, POLICIES, PREVIOUS, RULES, SERVICES, Object, section
from sandbox.parts.kube_api import KubeApi, Refusal
from sandbox.parts.rollouts import Trouble
from sandbox.world import World

_VENDOR = "vendor.cluster"
VENDOR_REFUSALS = {
    "500": Refusal(500, "InternalError", "Internal error occurred"),
    "429": Refusal(429, "TooManyRequests", "the server has received too many requests"),
    "hang": Refusal(0, "Timeout", "the server was unable to return a response in time"),
    "refuse": Refusal(503, "ServiceUnavailable", "the server is currently unable to handle the request"),
}


def forbidden(verb: str, group: str, plural: str) -> Refusal:
    """How an account without a right is told so."""
    where = f'in API group "{group}" in the namespace "{seed.NAMESPACE}"'
    user = f"system:serviceaccount:{seed.NAMESPACE}:tminus"
    said = f'{plural} is forbidden: User "{user}" cannot {verb} resource "{plural}" {where}'
    return Refusal(403, "Forbidden", said)


class ClusterKnobs:
    """Defines the knobs; those about objects rewrite them, those about time and requests are read when they matter."""

    def __init__(self, world: World, api: KubeApi, jump: Callable[[str], None]) -> None:
        self._world = world
        self._api = api
        self._jump = jump

    def define(self) -> None:
        define = self._world.define
        define("cluster.rollout-seconds", 40, "how long a rolling update of one service takes")
        define("cluster.job-seconds", 20, "how long a Job runs")
        define("cluster.forbidden", "", 'a right that the account lacks, e.g. "patch deployments"')
        define("cluster.conflict", False, "whether somebody else changes deployments at the same moment (409)")
        define("cluster.owned", "", "a field that an apply may not take, and whose it is, e.g. hpa .spec.replicas")
        define("cluster.default-deny", True, "whether the default-deny network policy exists", self._deny)
        for service in PREVIOUS:
            self._define_faults(service)
            self._define_facts(service)

    def trouble(self, service: str, image: str) -> Trouble:
        """What keeps new pods of this image from serving; the seeded image is good unless the knob says `any`."""
        seeded = image == seed.image(service, PREVIOUS[service])
        for knob, trouble in (("image-pull", Trouble.IMAGE), ("crash", Trouble.CRASH), ("unready", Trouble.UNREADY)):
            value = self._world.get(f"cluster.{knob}.{service}")
            if value and (value == "any" or not seeded):
                return trouble
        return Trouble.NONE

    def refusal(self, verb: str, group: str, plural: str) -> Refusal | None:
        """How a request is turned down now; None lets it in."""
        vendor = str(self._world.get(_VENDOR)) if _VENDOR in self._world.knobs else "ok"
        if vendor in VENDOR_REFUSALS:
            return VENDOR_REFUSALS[vendor]
        if self._world.get("cluster.forbidden") == f"{verb} {plural}":
            return forbidden(verb, group, plural)
        if verb == "patch" and plural == "deployments" and self._world.get("cluster.conflict"):
            return Refusal(
                409, "Conflict", "the object has been modified; please apply your changes to the latest version"
            )
        return None

    def _define_faults(self, service: str) -> None:
        define = self._world.define
        scope = f"of {service}: False, True (images newer than the one running at the start) or any"
        define(f"cluster.unready.{service}", False, f"pods never get ready {scope}")
        define(f"cluster.image-pull.{service}", False, f"the image cannot be pulled {scope}")
        define(f"cluster.crash.{service}", False, f"pods start and crash {scope}")

    def _define_facts(self, service: str) -> None:
        facts: tuple[tuple[str, JsonValue, str, str, Callable[[JsonValue, Object], Object]], ...] = (
            (
                "version",
                None,
                "version set by hand, past every pipeline; null takes that back",
                DEPLOYMENTS,
                _ByHand(service),
            ),
            ("replicas", seed.REPLICAS, "pods wanted", DEPLOYMENTS, _replicas),
            ("limits", True, "whether the container has resource limits", DEPLOYMENTS, partial(_limits, service)),
            ("pre-stop", True, "whether the container has a preStop hook", DEPLOYMENTS, partial(_pre_stop, service)),
            ("grace-seconds", 45, "terminationGracePeriodSeconds", DEPLOYMENTS, _grace),
            ("min-pods", 2, "minReplicas of the autoscaler", AUTOSCALERS, partial(_bound, "minReplicas")),
            ("max-pods", 10, "maxReplicas of the autoscaler", AUTOSCALERS, partial(_bound, "maxReplicas")),
            ("breaker-failures", 5, "consecutive5xxErrors", RULES, partial(_breaker, "consecutive5xxErrors")),
            ("breaker-seconds", 30, "baseEjectionTime", RULES, partial(_breaker, "baseEjectionTime")),
            ("route-weight", 100, "weight of the only route, in %", SERVICES, _weight),
            ("route-subset", "stable", "subset that the route leads to", SERVICES, _subset),
        )
        for name, default, what, kind, edit in facts:
            self._world.define(
                f"cluster.{name}.{service}",
                default,
                f"{what}, {service}",
                partial(self._push, name, service, kind, edit),
            )

    def _push(
        self, name: str, service: str, kind: str, edit: Callable[[JsonValue, Object], Object], value: JsonValue
    ) -> None:
        self._api.change(kind, service, partial(edit, value))
        if name == "version":
            self._jump(service)

    def _deny(self, value: JsonValue) -> None:
        if value:
            self._api.store(POLICIES, "default-deny", seed.deny_everything())
        else:
            self._api.drop(POLICIES, "default-deny")


_CONTAINER = ("spec", "template", "spec", "containers", "0")
_ROUTE = ("spec", "http", "0", "route", "0")


class _ByHand:
    """Sets an image past every pipeline, and puts back what that replaced unless a pipeline came since."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._set, self._replaced = "", ""

    def __call__(self, value: JsonValue, body: Object) -> Object:
        container = section(body, *_CONTAINER)
        current = str(container["image"])
        by_hand = current == self._set
        if value is not None:
            self._replaced = self._replaced if by_hand else current
            self._set = container["image"] = seed.image(self._service, str(value))
        elif by_hand:
            container["image"], self._set = self._replaced, ""
        return body


def _replicas(value: JsonValue, body: Object) -> Object:
    section(body, "spec")["replicas"] = value
    return body


def _limits(service: str, value: JsonValue, body: Object) -> Object:
    whole = seed.container(service, "")["resources"]
    section(body, *_CONTAINER)["resources"] = whole if value else {"requests": {"cpu": "250m", "memory": "256Mi"}}
    return body


def _pre_stop(service: str, value: JsonValue, body: Object) -> Object:
    section(body, *_CONTAINER)["lifecycle"] = seed.container(service, "")["lifecycle"] if value else {}
    return body


def _grace(value: JsonValue, body: Object) -> Object:
    section(body, "spec", "template", "spec")["terminationGracePeriodSeconds"] = value
    return body


def _bound(field: str, value: JsonValue, body: Object) -> Object:
    section(body, "spec")[field] = value
    return body


def _breaker(field: str, value: JsonValue, body: Object) -> Object:
    breaker = section(body, "spec", "trafficPolicy", "outlierDetection")
    breaker[field] = f"{value}s" if field == "baseEjectionTime" else value
    return body


def _weight(value: JsonValue, body: Object) -> Object:
    section(body, *_ROUTE)["weight"] = value
    return body


def _subset(value: JsonValue, body: Object) -> Object:
    section(body, *_ROUTE, "destination")["subset"] = value
    return body
