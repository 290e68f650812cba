"""Objects of any kind in one namespace: found by discovery, read, applied, merged, created and deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue, TypeAdapter, ValidationError

from blocks.platform.kube import Kube, NotFoundFaultError
from blocks.platform.manifests import Manifest, Several
from launch.errors import PermanentFaultError, TransientFaultError

Object = dict[str, JsonValue]
_OBJECT: TypeAdapter[Object] = TypeAdapter(Object)
_APPLY, _MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
_MANAGER = "tminus"
# What the server writes; no manifest says it and no undo puts it back.
_SERVERS_OWN = frozenset(
    {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "ownerReferences"}
)
_REVISION = "deployment.kubernetes.io/revision"


class _Resource(Manifest):
    name: str
    kind: str
    namespaced: bool


class _Resources(Manifest):
    resources: Several[_Resource] = ()


class Objects:
    """One conversation about objects of one namespace."""

    def __init__(self, kube: Kube, *, system: str, namespace: str) -> None:
        self._kube = kube
        self._system = system
        self._namespace = namespace
        self._kinds: dict[str, tuple[_Resource, ...]] = {}

    def read(self, key: str) -> Object | None:
        """The object, or None. Raises `SystemFaultError`."""
        api_version, kind, name = key.split(" ")
        path = self._path(api_version, kind, name)
        try:
            body = self._kube.request("GET", path, question=f"read {kind} {name}")
        except NotFoundFaultError:
            return None
        return self._parsed(body, f"read {kind} {name}")

    def apply(self, manifest: Object, *, only_try: bool = False) -> Object:
        """Server-side apply (https://kubernetes.io/docs/reference/using-api/server-side-apply/), never by force.

        `only_try` changes nothing and returns what it would become. Raises `SystemFaultError`.
        """
        api_version, kind, name = key_of(manifest).split(" ")
        question = f"{'try' if only_try else 'apply'} {kind} {name}"
        query = {"fieldManager": _MANAGER} | ({"dryRun": "All"} if only_try else {})
        path = self._path(api_version, kind, name)
        return self._parsed(
            self._kube.request("PATCH", path, question=question, body=manifest, content_type=_APPLY, query=query),
            question,
        )

    def merge(self, key: str, patch: Mapping[str, JsonValue]) -> None:
        """A merge patch (RFC 7386). Raises `SystemFaultError`."""
        api_version, kind, name = key.split(" ")
        self._kube.request(
            "PATCH",
            self._path(api_version, kind, name),
            question=f"patch {kind} {name}",
            body=dict(patch),
            content_type=_MERGE,
            query={"fieldManager": _MANAGER},
        )

    def create(self, body: Object) -> None:
        """Creates it; one of its name that exists already is left as it is. Raises `SystemFaultError`."""
        api_version, kind, name = key_of(body).split(" ")
        try:
            path = self._path(api_version, kind)
            self._kube.request(
                "POST", path, question=f"create {kind} {name}", body=body, query={"fieldManager": _MANAGER}
            )
        except TransientFaultError:
            if self.read(key_of(body)) is None:
                raise

    def delete(self, key: str) -> None:
        """Deletes it and, before it, what belongs to it; gone already is fine. Raises `SystemFaultError`."""
        api_version, kind, name = key.split(" ")
        path = self._path(api_version, kind, name)
        try:
            self._kube.request(
                "DELETE",
                path,
                question=f"delete {kind} {name}",
                body={"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"},
            )
        except NotFoundFaultError:
            """Somebody was faster."""

    def log(self, pod: str, *, lines: int) -> str:
        """The last lines that a pod wrote. Raises `SystemFaultError`."""
        path = f"/api/v1/namespaces/{self._namespace}/pods/{pod}/log"
        body = self._kube.request("GET", path, question=f"the log of pod {pod}", query={"tailLines": str(lines)})
        return body.decode(errors="replace")

    def _path(self, api_version: str, kind: str, name: str = "") -> str:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        if root not in self._kinds:
            question = f"the kinds of {api_version}"
            try:
                body = self._kube.request("GET", root, question=question)
            except NotFoundFaultError as error:
                raise self._refused(kind, f"the cluster has no {api_version}", "check apiVersion and kind") from error
            try:
                self._kinds[root] = _Resources.model_validate_json(body).resources
            except ValidationError as error:
                raise self._malformed(question) from error
        for resource in self._kinds[root]:
            if resource.kind == kind and "/" not in resource.name:
                break
        else:
            raise self._refused(kind, f"{api_version} has no such kind", "check apiVersion and kind")
        if not resource.namespaced:
            raise self._refused(kind, "not a kind of a namespace", "let an administrator apply what is the cluster's")
        return f"{root}/namespaces/{self._namespace}/{resource.name}" + (f"/{name}" if name else "")

    def _parsed(self, body: bytes, question: str) -> Object:
        try:
            return _OBJECT.validate_json(body)
        except ValidationError as error:
            raise self._malformed(question) from error

    def _malformed(self, question: str) -> PermanentFaultError:
        return PermanentFaultError(
            system=self._system,
            question=question,
            answer="a body that is not what the Kubernetes API serves",
            next_step="check the address in the system's block",
        )

    def _refused(self, kind: str, answer: str, next_step: str) -> PermanentFaultError:
        return PermanentFaultError(system=self._system, question=f"where {kind} is", answer=answer, next_step=next_step)


def key_of(body: Object) -> str:
    """What an object is known by: `apps/v1 Deployment web`."""
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else ""
    return f"{body['apiVersion']} {body['kind']} {name}"


def bare(body: Object) -> Object:
    """The object without what the server writes."""
    metadata = body.get("metadata")
    kept = {
        key: value for key, value in (metadata if isinstance(metadata, dict) else {}).items() if key not in _SERVERS_OWN
    }
    notes = kept.get("annotations")
    if isinstance(notes, dict):
        kept["annotations"] = {key: value for key, value in notes.items() if key != _REVISION}
    return {**{key: value for key, value in body.items() if key != "status"}, "metadata": kept}


def ending(body: Object) -> str:
    """What an object that is being deleted waits for; empty for one that is not."""
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("deletionTimestamp"):
        return ""
    finalizers = metadata.get("finalizers")
    return ", ".join(map(str, finalizers)) if isinstance(finalizers, list) and finalizers else "its end"


def differences(wanted: JsonValue, found: JsonValue, path: str = "") -> Iterator[str]:
    """Paths at which two objects differ."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in dict.fromkeys([*wanted, *found]):
            yield from differences(wanted.get(key), found.get(key), f"{path}.{key}" if path else key)
    elif wanted != found:
        yield path


def fields_of(shape: Mapping[str, JsonValue], live: Mapping[str, JsonValue]) -> Object:
    """What `live` has in the fields that `shape` names; None where it has none: a merge patch back to it."""
    kept: Object = {}
    for key, part in shape.items():
        value = live.get(key)
        kept[key] = fields_of(part, value) if isinstance(part, dict) and isinstance(value, dict) else value
    return kept
