"""One conversation with a Kubernetes API server: typed objects out, the two faults out of whatever goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from blocks.faults import connection_fault, missing_right, status_fault, unsendable
from blocks.platform.manifests import (
    Autoscaler,
    Custom,
    Deployment,
    DestinationRule,
    Manifest,
    NetworkPolicy,
    Pod,
    Several,
    VirtualService,
)
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError

M = TypeVar("M", bound=Manifest)
C = TypeVar("C", bound=Custom)
_ISTIO = "networking.istio.io"
_VERSION = "v1"
_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
_FORBIDDEN = re.compile(r'cannot (?P<verb>[a-z]+) resource "(?P<resource>[a-z./]+)"')
_OWNED = re.compile(r'conflicts? with "(?P<owner>[^"]{1,60})"')
_FIELD = re.compile(r"(?<![\w.])\.[A-Za-z][\w.\[\]\"=/:-]*[\w\]]")
_LONGEST = 160
_NOT_FOUND = 404
_CONFLICT = 409
_INVALID = 422
_THROTTLED = 429


class ChangedMeanwhileError(Exception):
    """Somebody else changed the object between our reading and our writing; nothing was written."""


class _ConflictFaultError(TransientFaultError):
    """A 409, for a caller that can read again; to everybody else a fault like others."""


class NotFoundFaultError(PermanentFaultError):
    """A 404, for a caller to whom an absent object is an answer; to everybody else a fault like others."""


class Kube:
    """The calls a launch makes in one namespace, each one request, none repeated here."""

    def __init__(self, api: Any, *, system: str, namespace: str, timeout_seconds: float) -> None:
        from kubernetes import client

        # Typed loosely: the stubs differ between versions of the package, the wire does not.
        self._system = system
        self._namespace = namespace
        self._options: dict[str, Any] = {
            "_preload_content": False,
            "_request_timeout": (timeout_seconds, timeout_seconds),
        }
        self._api = api
        self._apps: Any = client.AppsV1Api(api)
        self._core: Any = client.CoreV1Api(api)
        self._autoscaling: Any = client.AutoscalingV2Api(api)
        self._networking: Any = client.NetworkingV1Api(api)
        self._custom: Any = client.CustomObjectsApi(api)
        self._authorization: Any = client.AuthorizationV1Api(api)

    def deployments(self) -> tuple[Deployment, ...]:
        return self._items(Deployment, "list deployments", self._apps.list_namespaced_deployment)

    def pods(self) -> tuple[Pod, ...]:
        return self._items(Pod, "list pods", self._core.list_namespaced_pod)

    def autoscalers(self) -> tuple[Autoscaler, ...]:
        call = self._autoscaling.list_namespaced_horizontal_pod_autoscaler
        return self._items(Autoscaler, "list horizontalpodautoscalers", call)

    def network_policies(self) -> tuple[NetworkPolicy, ...]:
        return self._items(NetworkPolicy, "list networkpolicies", self._networking.list_namespaced_network_policy)

    def destination_rules(self) -> tuple[DestinationRule, ...]:
        return self._items(DestinationRule, "list destinationrules", self._istio("destinationrules"))

    def virtual_services(self) -> tuple[VirtualService, ...]:
        return self._items(VirtualService, "list virtualservices", self._istio("virtualservices"))

    def set_image(self, workload: str, container: str, image: str, *, cause: str) -> None:
        """Changes one container's image; a strategic merge keeps the container's other fields."""
        body = {
            "metadata": {"annotations": {"kubernetes.io/change-cause": cause}},
            "spec": {"template": {"spec": {"containers": [{"name": container, "image": image}]}}},
        }
        self._ask(
            f'patch deployment "{workload}"',
            lambda: self._apps.patch_namespaced_deployment(
                workload, self._namespace, body, field_manager="tminus", **self._options
            ),
        )

    def scale(self, workload: str, replicas: int) -> None:
        """Sets how many pods a workload wants and nothing else of it."""
        self._ask(
            f'patch the scale of deployment "{workload}"',
            lambda: self._apps.patch_namespaced_deployment_scale(
                workload, self._namespace, {"spec": {"replicas": replicas}}, field_manager="tminus", **self._options
            ),
        )

    def read(self, kind: type[C], name: str) -> tuple[C, dict[str, JsonValue]]:
        """One custom object, as `kind` sees it and whole, so that a list in it can be written back with every field."""
        question = f"read {kind.__name__} {name}"
        body = self._ask(
            question,
            lambda: self._custom.get_namespaced_custom_object(
                kind.group, _VERSION, self._namespace, kind.plural, name, **self._options
            ),
        )
        return self._parsed(kind, body, question), _OBJECT.validate_json(body)

    def overwrite(self, kind: type[Custom], name: str, spec: dict[str, JsonValue], *, version: str) -> None:
        """Replaces fields of the spec if the object still has this resource version. Raises `ChangedMeanwhileError`.

        https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
        """
        body = {"metadata": {"resourceVersion": version}, "spec": spec}
        try:
            self._ask(
                f"patch {kind.__name__} {name}",
                lambda: self._custom.patch_namespaced_custom_object(
                    kind.group, _VERSION, self._namespace, kind.plural, name, body, **self._options
                ),
            )
        except _ConflictFaultError as conflict:
            raise ChangedMeanwhileError(name) from conflict

    def request(
        self,
        method: str,
        path: str,
        *,
        question: str,
        body: dict[str, JsonValue] | None = None,
        content_type: str = "application/json",
        query: dict[str, str] | None = None,
    ) -> bytes:
        """The body of a successful answer to one request of any kind. Raises `SystemFaultError`; a 409 is transient."""
        # The client encodes JSON and leaves the rest to us; JSON is YAML.
        sent = body if body is None or content_type.endswith("json") else json.dumps(body)
        asked = self._api.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=sent,
            auth_settings=["BearerToken"],
        )

        def call() -> Any:
            answer = self._api.call_api(*asked, _request_timeout=self._options["_request_timeout"])
            answer.read()
            return answer

        return self._ask(question, call)

    def may(self, verb: str, group: str, resource: str) -> bool:
        """Whether the account holds a right in the namespace."""
        attributes = {"namespace": self._namespace, "verb": verb, "group": group, "resource": resource}
        review = self._ask(
            f"may I {verb} {resource}",
            lambda: self._authorization.create_self_subject_access_review(
                {"spec": {"resourceAttributes": attributes}}, **self._options
            ),
        )
        return self._parsed(_Review, review, "may I").status.allowed

    def _istio(self, plural: str) -> Callable[..., Any]:
        return lambda namespace, **options: self._custom.list_namespaced_custom_object(
            _ISTIO, _VERSION, namespace, plural, **options
        )

    def _items(self, kind: type[M], question: str, call: Callable[..., Any]) -> tuple[M, ...]:
        body = self._ask(question, lambda: call(self._namespace, **self._options))
        listing: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
        items: TypeAdapter[tuple[M, ...]] = TypeAdapter(Several[kind])  # type: ignore[valid-type]
        try:
            return items.validate_python(listing.validate_json(body)["items"])
        except (ValidationError, KeyError) as error:
            raise self._malformed(question) from error

    def _parsed(self, kind: type[ParsedModel], body: bytes, question: str) -> ParsedModel:
        try:
            return kind.model_validate_json(body)
        except ValidationError as error:
            raise self._malformed(question) from error

    def _malformed(self, question: str) -> PermanentFaultError:
        return PermanentFaultError(
            system=self._system,
            question=question,
            answer="a body that is not what the Kubernetes API serves",
            next_step="check the address in the system's block",
        )

    def _ask(self, question: str, call: Callable[[], Any]) -> bytes:
        """The body of a successful answer."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError, NewConnectionError, TimeoutError  # noqa: A004  urllib3 names it so

        try:
            response = call()
            body = bytes(response.data)
        except ApiException as error:
            if not error.status:  # the client's own words for TLS that failed
                raise connection_fault(error, system=self._system, question=question) from error
            raise self._status_fault(question, int(error.status or 0), str(error.body or "")) from error
        except ValueError:
            raise unsendable(self._system, question) from None
        except HTTPError as error:
            # A refused connection is a kind of time-out to urllib3, and none to a captain.
            late = isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError)
            answer = "no answer in time" if late else "no connection"
            raise connection_fault(error, system=self._system, question=question, answer=answer) from error
        if response.status >= 300:
            raise self._status_fault(question, int(response.status), body.decode(errors="replace"))
        return body

    def _status_fault(self, question: str, status: int, body: str) -> SystemFaultError:
        if status == _THROTTLED or status >= 500:
            return status_fault(status, system=self._system, question=question)
        if status == _CONFLICT and (held := _held_by_others(_message(body))):
            return PermanentFaultError(
                system=self._system,
                question=question,
                answer=f"HTTP 409, a conflict: {held}",
                next_step="take these fields out of the manifest, or take them from who set them",
            )
        if status == _CONFLICT:
            return _ConflictFaultError(
                system=self._system,
                question=question,
                answer="HTTP 409, a conflict: somebody else changed it at the same moment",
                next_step="find who else deploys if it stays",
            )
        kind = NotFoundFaultError if status == _NOT_FOUND else PermanentFaultError
        wrong = invalid_fields(body) if status == _INVALID else ""
        return kind(
            system=self._system, question=question, answer=f"HTTP {status}{wrong}", next_step=_next_step(status, body)
        )


class _Allowed(Manifest):
    allowed: bool


class _Review(Manifest):
    status: _Allowed


class _Cause(Manifest):
    field: str = ""


class _Details(Manifest):
    causes: Several[_Cause] = ()


class _Invalid(Manifest):
    details: _Details


ParsedModel = TypeVar("ParsedModel", bound=BaseModel)


def _next_step(status: int, body: str) -> str:
    match status:
        case 401:
            return "renew the credentials in the system's block"
        case 403:
            missing = _FORBIDDEN.search(_message(body))
            return missing_right(f"{missing['verb']} {missing['resource']} in the namespace" if missing else "")
        case 404:
            return "check the namespace and the names in the plan"
        case _:
            return "check this effect in the plan against the cluster"


def _held_by_others(message: str) -> str:
    """Whose fields an apply would take, from: Apply failed with 1 conflict: conflict with "hpa" using v1: .spec.x."""
    owners = list(dict.fromkeys(_OWNED.findall(message)))
    fields = list(dict.fromkeys(_FIELD.findall(message)))
    return f"{', '.join(fields)} of {', '.join(owners)}"[:_LONGEST] if owners else ""


def invalid_fields(body: str) -> str:
    """Where an object is wrong; what it says there is its own affair."""
    try:
        causes = _Invalid.model_validate_json(body).details.causes
    except ValidationError:
        return ""
    fields = list(dict.fromkeys(cause.field for cause in causes if cause.field))
    return f", invalid: {', '.join(fields)}"[:_LONGEST] if fields else ""


def _message(body: str) -> str:
    """The sentence of a Kubernetes Status object."""
    try:
        status = json.loads(body)
    except ValueError:
        return ""
    return str(status.get("message", "")) if isinstance(status, dict) else ""


@contextmanager
def conversation(configuration: Any, *, system: str, namespace: str, timeout_seconds: float) -> Iterator[Kube]:
    """Opens connections as needed and closes them all."""
    from kubernetes.client import ApiClient

    # Retries are the task's business, once, and not the client's as well.
    configuration.retries = False
    with ApiClient(configuration) as api:
        yield Kube(api, system=system, namespace=namespace, timeout_seconds=timeout_seconds)
