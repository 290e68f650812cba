"""Migration Jobs in Kubernetes: created with a name that is the idempotency key, found again by it."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
from pydantic import BaseModel, Field, JsonValue, SecretStr

from blocks import payloads, wire
from blocks.platform import job_end
from launch.errors import PermanentFaultError, SystemFaultError
from launch.ports import Occasion, Standing

_TARGET, _BEFORE = "tminus/target", "tminus/before"
_NOT_FOUND = "HTTP 404"


class _Metadata(payloads.Payload):
    name: str
    creation_timestamp: str = Field(default="", alias="creationTimestamp")
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Job(payloads.Payload):
    """One migration Job, as far as a launch looks at it."""

    metadata: _Metadata
    status: job_end.JobStatus = job_end.JobStatus()

    @property
    def standing(self) -> Standing:
        return self.status.standing

    @property
    def target(self) -> str:
        """Version that a down migration was told to reach."""
        return self.metadata.annotations.get(_TARGET, "")

    @property
    def before(self) -> str:
        """Version that was applied when an up migration was ordered."""
        return self.metadata.annotations.get(_BEFORE, "")


class _Jobs(payloads.Payload):
    items: list[Job]


class JobRunner(BaseModel):
    """Where migration Jobs run and what they run."""

    api_url: str = Field(description="Kubernetes API server, e.g. https://10.0.0.1:6443.")
    token: SecretStr = Field(description="Service account token that may create, get and list jobs.")
    ca_certificate: str = Field(default="", description="PEM of the API server's authority; empty takes the system's.")
    namespace: str = Field(default="production", description="Namespace of the Jobs.")
    image: str = Field(description="Image with the migration tool, e.g. teei/reporting-api:{version}.")
    command: tuple[str, ...] = Field(default=("pnpm",), description="What precedes migrate:prod and migrate:down.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")

    def check(self) -> str:
        """Proves that Jobs may be listed; whether they may be created shows when one is. Raises `SystemFaultError`."""
        question = "the Jobs of the namespace"
        with self._client() as client:
            response = wire.fetch(
                client,
                "GET",
                self._path,
                system="kubernetes",
                question=question,
                params={"limit": 1},
                needs="list jobs",
            )
        payloads.read(_Jobs, response, system="kubernetes", question=question)
        return f"Jobs in namespace {self.namespace} may be listed"

    def run(
        self, direction: str, arguments: Sequence[str], occasion: Occasion, *, target: str = "", before: str = ""
    ) -> None:
        """Creates the Job; one of the same key that exists already is this one. Raises `SystemFaultError`."""
        question = f"the new Job for {' '.join(arguments)}"
        with self._client() as client:
            wire.fetch(
                client,
                "POST",
                self._path,
                system="kubernetes",
                question=question,
                ok={200, 201, 202, 409},
                json=self._manifest(direction, arguments, occasion, {_TARGET: target, _BEFORE: before}),
            )

    def find(self, direction: str, occasion: Occasion) -> Job | None:
        """The Job of this effect, or None. Raises `SystemFaultError`."""
        question = "the migration Job"
        with self._client() as client:
            try:
                path = f"{self._path}/{_name(direction, occasion.key)}"
                response = wire.fetch(client, "GET", path, system="kubernetes", question=question)
            except PermanentFaultError as error:
                if not error.answer.startswith(_NOT_FOUND):
                    raise
                return None
            return payloads.read(Job, response, system="kubernetes", question=question)

    def why_failed(self, job: Job) -> str:
        """What became of its pod, and its last words; empty where that cannot be asked. Raises nothing."""
        question = f"the pods of Job {job.metadata.name}"
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        own = {"labelSelector": f"job-name={job.metadata.name}"}
        with self._client() as client:

            def log(pod: str) -> str:
                asked = {"tailLines": job_end.TAIL}
                told = f"the log of pod {pod}"
                return wire.fetch(
                    client, "GET", f"{path}/{pod}/log", system="kubernetes", question=told, params=asked
                ).text

            try:
                response = wire.fetch(client, "GET", path, system="kubernetes", question=question, params=own)
                pods = payloads.read(job_end.JobPods, response, system="kubernetes", question=question).items
            except SystemFaultError:
                return ""
            return job_end.why([pod for pod in pods if pod.metadata.labels.get("job-name") == job.metadata.name], log)

    def of_launch(self, direction: str, launch: str) -> list[Job]:
        """Every Job of a launch in this direction, oldest first. Raises `SystemFaultError`."""
        question, labels = "the migration Jobs", _labels(direction, launch)
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        with self._client() as client:
            response = wire.fetch(
                client, "GET", self._path, system="kubernetes", question=question, params={"labelSelector": selector}
            )
        listed = payloads.read(_Jobs, response, system="kubernetes", question=question).items
        # Not every server of this API evaluates selectors, and another launch's Job must never be taken for this one.
        jobs = [job for job in listed if labels.items() <= job.metadata.labels.items()]
        return sorted(jobs, key=lambda job: (job.metadata.creation_timestamp, job.metadata.name))

    @property
    def _path(self) -> str:
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs"

    @contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        trust = ssl.create_default_context(cadata=self.ca_certificate) if self.ca_certificate else None
        headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"}
        with wire.client(self.api_url, timeout_seconds=self.timeout_seconds, headers=headers, trust=trust) as client:
            yield client

    def _manifest(
        self, direction: str, arguments: Sequence[str], occasion: Occasion, versions: dict[str, str]
    ) -> JsonValue:
        labels: dict[str, JsonValue] = {**_labels(direction, occasion.launch)}
        container: JsonValue = {
            "name": "migrate",
            "image": self.image.format(version=occasion.release.version),
            "args": [*self.command, *arguments],
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": _name(direction, occasion.key),
                "namespace": self.namespace,
                "labels": labels,
                "annotations": {name: version for name, version in versions.items() if version},
            },
            # A migration that failed is looked at by a person before it runs again.
            "spec": {
                "backoffLimit": 0,
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"restartPolicy": "Never", "containers": [container]},
                },
            },
        }


def _name(direction: str, key: str) -> str:
    """Job names are at most 63 letters; the key may be longer."""
    return f"tminus-migrate-{direction}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _labels(direction: str, launch: str) -> dict[str, str]:
    """Label values are at most 63 characters and begin and end with a letter or digit."""
    return {"tminus/launch": launch[:63].strip("-_."), "tminus/direction": direction}
