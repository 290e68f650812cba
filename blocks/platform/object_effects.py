"""What a launch does to objects of a cluster: apply, delete, replace a Secret, run a Job; and takes back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from pydantic import JsonValue, SecretStr, ValidationError

from blocks.platform import job_end, manifest_files
from blocks.platform.kube import Kube
from blocks.platform.kube_objects import Object, Objects, bare, differences, ending, fields_of, key_of
from launch.effects.platform import ApplyManifests, DeleteObjects, ObjectEffect, ReplaceSecret, RunJob
from launch.errors import PermanentFaultError
from launch.ports import Observation, Occasion, Standing, State

_SHOWN = 3
_DETAIL = 256
_NAME = 63
_SECRET = "v1 Secret"  # noqa: S105  a kind


@dataclass(frozen=True)
class ObjectWork:
    """The verbs, in one conversation with the cluster."""

    kube: Kube
    system: str
    namespace: str
    folder: Path | None
    secrets: Mapping[str, Mapping[str, SecretStr]]
    seconds: float

    @property
    def objects(self) -> Objects:
        return Objects(self.kube, system=self.system, namespace=self.namespace)

    def observe(self, effect: ObjectEffect, occasion: Occasion) -> Observation:
        """Raises `SystemFaultError`."""
        match effect:
            case ApplyManifests():
                return self._applied(effect)
            case DeleteObjects():
                return self._deleted(effect)
            case ReplaceSecret():
                return self._replaced(effect, occasion)
            case RunJob():
                return self._job_seen(self._job(effect, occasion))
            case _:
                assert_never(effect)

    def apply(self, effect: ObjectEffect, occasion: Occasion) -> None:
        """Raises `SystemFaultError`."""
        match effect:
            case ApplyManifests():
                objects = self.objects
                for manifest in self._manifests(effect.manifests, effect.values):
                    objects.apply(manifest)
            case DeleteObjects():
                objects = self.objects
                for key in _keys(effect):
                    objects.delete(key)
            case ReplaceSecret():
                self._replace(effect, occasion)
            case RunJob():
                self.objects.create(self._job(effect, occasion))
            case _:
                assert_never(effect)

    def observe_restored(self, effect: ObjectEffect, before: State) -> Observation:
        """Raises `SystemFaultError`."""
        match effect:
            case ApplyManifests() | DeleteObjects():
                return self._as_before(before)
            case ReplaceSecret():
                return self._secret_as_before(effect, before)
            case RunJob():
                detail = f"what {effect.manifest} did cannot be observed from here; the action that undoes it knows"
                return Observation(standing=Standing.UNKNOWN, detail=detail)
            case _:
                assert_never(effect)

    def restore(self, effect: ObjectEffect, before: State) -> None:
        """Raises `SystemFaultError`."""
        match effect:
            case ApplyManifests() | DeleteObjects():
                self._put_back(before)
            case ReplaceSecret():
                self._put_secret_back(effect, before)
            case RunJob():
                raise self._refused(
                    f"take back {effect.manifest}", "a Job has no recorded state", "name the action that undoes it"
                )
            case _:
                assert_never(effect)

    def _applied(self, effect: ApplyManifests) -> Observation:
        objects, other = self.objects, []
        state: dict[str, JsonValue] = {}
        manifests = self._manifests(effect.manifests, effect.values)
        for manifest in manifests:
            key = key_of(manifest)
            live = objects.read(key)
            state[key] = None if live is None else fields_of(bare(manifest), live)
            if live is None:
                other.append(f"{_told(key)} is not there")
            elif end := ending(live):
                other.append(f"{_told(key)} is being deleted and waits for {end}")
            elif changed := list(differences(bare(objects.apply(manifest, only_try=True)), bare(live))):
                other.append(f"{_told(key)} differs in {_few(changed)}")
        if other:
            return Observation(standing=Standing.ABSENT, state=state, detail=_few(other, "; ")[:_DETAIL])
        detail = f"{len(manifests)} objects are as their manifests say"
        return Observation(standing=Standing.HOLDS, state=state, detail=detail)

    def _deleted(self, effect: DeleteObjects) -> Observation:
        objects, state, waits = self.objects, dict[str, JsonValue](), []
        for key in _keys(effect):
            if key.startswith(f"{_SECRET} "):
                raise self._refused(f"record {_told(key)}", "a Secret", "delete Secrets by hand or by a script")
            if (live := objects.read(key)) is not None:
                state[key] = bare(live)
                waits.append((_told(key), ending(live)))
        if not waits:
            return Observation(standing=Standing.HOLDS, detail="none of them exists")
        there = [name for name, end in waits if not end]
        if there:
            return Observation(standing=Standing.ABSENT, state=state, detail=f"still there: {_few(there)}")
        told = _few([f"{name} waits for {end}" for name, end in waits], "; ")
        return Observation(standing=Standing.UNDER_WAY, state=state, detail=told[:_DETAIL])

    def _as_before(self, before: State) -> Observation:
        objects, other, ends = self.objects, list[str](), list[str]()
        for key, record in before.items():
            live = objects.read(key)
            if isinstance(record, dict):
                if live is None or (end := ending(live)):
                    other.append(f"{_told(key)} is not there")
                elif fields_of(record, live) != record:
                    other.append(f"{_told(key)} is not as it was")
            elif live is not None:
                end = ending(live)
                (ends if end else other).append(f"{_told(key)} {f'waits for {end}' if end else 'is still there'}")
        if other:
            return Observation(standing=Standing.ABSENT, detail=_few(other, "; ")[:_DETAIL])
        if ends:
            return Observation(standing=Standing.UNDER_WAY, detail=_few(ends, "; ")[:_DETAIL])
        return Observation(standing=Standing.HOLDS, detail=f"{len(before)} objects are as they were")

    def _put_back(self, before: State) -> None:
        objects = self.objects
        for key, record in before.items():
            if isinstance(record, dict):
                if objects.read(key) is None:
                    api_version, kind, _ = key.split(" ")
                    objects.create(_without_nothing({"apiVersion": api_version, "kind": kind, **record}))
                else:
                    objects.merge(key, record)
        for key in reversed([key for key, record in before.items() if record is None]):
            objects.delete(key)

    def _replaced(self, effect: ReplaceSecret, occasion: Occasion) -> Observation:
        data = self._secret_data(effect.secret)
        wanted = self._values(effect)
        state: State = {"kept_in": None if data is None else _copy_name(effect.secret, occasion.key)}
        if data is None:
            return Observation(standing=Standing.ABSENT, state=state, detail=f"no Secret {effect.secret}")
        other = [key for key, value in wanted.items() if data.get(key) != value]
        told = f"has other values: {', '.join(other)}" if other else f"has its {len(wanted)} values"
        standing = Standing.ABSENT if other else Standing.HOLDS
        return Observation(standing=standing, state=state, detail=f"Secret {effect.secret} {told}"[:_DETAIL])

    def _replace(self, effect: ReplaceSecret, occasion: Occasion) -> None:
        objects, live = self.objects, self.objects.read(f"{_SECRET} {effect.secret}")
        data: dict[str, JsonValue] = {**self._values(effect)}
        if live is None:
            objects.create(_secret(effect.secret, data, occasion))
            return
        copy = _secret(_copy_name(effect.secret, occasion.key), live.get("data"), occasion)
        # One that is there already was made before the first change, and that is what undo wants.
        objects.create({**copy, "type": live.get("type", "Opaque")})
        objects.merge(f"{_SECRET} {effect.secret}", {"data": data})

    def _secret_as_before(self, effect: ReplaceSecret, before: State) -> Observation:
        kept, data = self._kept(effect, before), self._secret_data(effect.secret)
        if kept is None and data is None:
            return Observation(standing=Standing.HOLDS, detail=f"there is no Secret {effect.secret}, as before")
        if data is None or data != kept:
            return Observation(standing=Standing.ABSENT, detail=f"Secret {effect.secret} is not as it was")
        return Observation(standing=Standing.HOLDS, detail=f"Secret {effect.secret} is as it was")

    def _put_secret_back(self, effect: ReplaceSecret, before: State) -> None:
        kept, data = self._kept(effect, before), self._secret_data(effect.secret)
        key = f"{_SECRET} {effect.secret}"
        if kept is None:
            self.objects.delete(key)
        else:
            gone: dict[str, JsonValue] = dict.fromkeys(data or {})
            self.objects.merge(key, {"data": {**gone, **kept}})

    def _kept(self, effect: ReplaceSecret, before: State) -> dict[str, JsonValue] | None:
        """What the Secret had before; None where there was none. A copy that was never made: nothing was changed."""
        name = before.get("kept_in")
        if name is None:
            return None
        data = self._secret_data(str(name))
        return data if data is not None else self._secret_data(effect.secret)

    def _secret_data(self, name: str) -> dict[str, JsonValue] | None:
        live = self.objects.read(f"{_SECRET} {name}")
        if live is None:
            return None
        data = live.get("data")
        return data if isinstance(data, dict) else {}

    def _values(self, effect: ReplaceSecret) -> dict[str, str]:
        secret = {key: value.get_secret_value() for key, value in self.secrets.get(effect.secret, {}).items()}
        values = secret | effect.values
        if not values:
            raise self._refused(
                f"the values of Secret {effect.secret}",
                "neither block nor plan has any",
                "give them in `secrets` of the block, or those that are none in `values` of the effect",
            )
        return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}

    def _job(self, effect: RunJob, occasion: Occasion) -> Object:
        found = self._manifests((effect.manifest,), effect.values)
        if len(found) != 1 or (found[0]["apiVersion"], found[0]["kind"]) != ("batch/v1", "Job"):
            raise self._refused(
                f"run {effect.manifest}", "not one Job of batch/v1", "keep the Job in a file of its own"
            )
        metadata = found[0]["metadata"]
        known = metadata if isinstance(metadata, dict) else {}
        labels = known.get("labels")
        run: Object = {
            **known,
            "name": _hashed(str(known["name"]), occasion.key),
            "labels": {**(labels if isinstance(labels, dict) else {}), "tminus/launch": _label(occasion.launch)},
        }
        return {**found[0], "metadata": run}

    def _job_seen(self, job: Object) -> Observation:
        objects, key = self.objects, key_of(job)
        name = key.rpartition(" ")[2]
        live = objects.read(key)
        if live is None:
            return Observation(standing=Standing.ABSENT, detail=f"Job {name} has not been run")
        try:
            status = job_end.JobStatus.model_validate(live.get("status") or {})
        except ValidationError as error:
            raise self._refused(f"how far Job {name} is", "a status of another form", "look at the cluster") from error
        match status.standing:
            case Standing.HOLDS:
                return Observation(standing=Standing.HOLDS, detail=f"Job {name} ended well")
            case Standing.FAILED:
                told = job_end.why(self._pods(name), lambda pod: objects.log(pod, lines=job_end.TAIL))
                late = f" ({status.reason})" if status.reason else ""
                return Observation(standing=Standing.FAILED, detail=f"Job {name} failed{late}: {told}"[:_DETAIL])
            case _:
                waits = job_end.stuck(self._pods(name))
                told = f": {waits}" if waits else ""
                return Observation(standing=Standing.UNDER_WAY, detail=f"Job {name} runs{told}"[:_DETAIL])

    def _pods(self, job: str) -> tuple[job_end.JobPod, ...]:
        question = f"the pods of Job {job}"
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        body = self.kube.request("GET", path, question=question, query={"labelSelector": f"job-name={job}"})
        try:
            pods = job_end.JobPods.model_validate_json(body).items
        except ValidationError as error:
            raise self._refused(question, "pods of another form", "look at the cluster") from error
        # Not every server of this API evaluates selectors.
        return tuple(pod for pod in pods if pod.metadata.labels.get("job-name") == job)

    def _manifests(self, names: Iterable[str], values: Mapping[str, str]) -> list[Object]:
        if self.folder is None:
            raise self._refused("read manifests", "no folder", "fill in `manifests_folder` of the block")
        found = manifest_files.objects(self.folder, tuple(names), values, seconds=self.seconds)
        for body in found:
            metadata = body["metadata"]
            given = metadata.get("namespace", self.namespace) if isinstance(metadata, dict) else self.namespace
            if given != self.namespace:
                raise self._refused(
                    f"apply {_told(key_of(body))}", f'it is of namespace "{given}"', "use its own block"
                )
        return found

    def _refused(self, question: str, answer: str, next_step: str) -> PermanentFaultError:
        return PermanentFaultError(system=self.system, question=question, answer=answer, next_step=next_step)


def _keys(effect: DeleteObjects) -> list[str]:
    return [f"{one.api_version} {one.kind} {one.name}" for one in effect.objects]


def _told(key: str) -> str:
    return key.partition(" ")[2]


def _few(names: Iterable[str], joint: str = ", ") -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return joint.join(listed[:_SHOWN]) + more


def _without_nothing(body: Object) -> Object:
    return {
        key: _without_nothing(value) if isinstance(value, dict) else value
        for key, value in body.items()
        if value is not None
    }


def _secret(name: str, data: JsonValue, occasion: Occasion) -> Object:
    labels: JsonValue = {"tminus/launch": _label(occasion.launch)}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": labels},
        "data": data if isinstance(data, dict) else {},
    }


def _copy_name(secret: str, key: str) -> str:
    return _hashed(f"{secret}-before", key)


def _hashed(name: str, key: str) -> str:
    """Names are at most 63 letters; the key may be longer."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:10]
    return f"{name[: _NAME - len(digest) - 1]}-{digest}"


def _label(launch: str) -> str:
    """Label values are at most 63 characters and begin and end with a letter or digit."""
    return launch[:_NAME].strip("-_.")
