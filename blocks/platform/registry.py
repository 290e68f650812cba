"""The image registry: what is published under a tag, and what is still there to go back to.

Wire: OCI distribution specification (https://github.com/opencontainers/distribution-spec/blob/main/spec.md) with the
token handshake of https://distribution.github.io/distribution/spec/auth/token/.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, assert_never

import httpx
from prefect.blocks.core import Block
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, ValidationError

from blocks import faults, wire
from launch.errors import PermanentFaultError
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.platform import PreviousImages, PublishedImages
from launch.readings import Quantity, Reading, quantities

_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
_VERSION_LABEL = "org.opencontainers.image.version"
_VERSION = re.compile(r"^v?(\d+)\.(\d+)\.(\d+)$")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_MISSING = 404
_UNAUTHORIZED = 401
_EVIDENCE = 256
UNPUBLISHED = "unpublished"


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="ignore")
    annotations: dict[str, str] = Field(default_factory=dict)


class _Tags(BaseModel):
    model_config = ConfigDict(extra="ignore")
    tags: list[str] | None = None


class _Token(BaseModel):
    model_config = ConfigDict(extra="ignore")
    token: str = ""
    access_token: str = ""


@dataclass(frozen=True)
class Image:
    """A tag that the registry serves: the version it says it is, and the digest that pins it (empty: not pinned)."""

    version: str
    digest: str


class ImageRegistry(Block):
    """A container image registry."""

    _block_type_name = "Image Registry"
    _block_type_slug = "image-registry"
    _description = (
        "A registry that speaks the OCI distribution API: Docker Hub, GHCR, ECR, Artifact Registry, Harbor. "
        "The account needs pull on the product's repositories."
    )
    _documentation_url = HttpUrl("https://github.com/opencontainers/distribution-spec/blob/main/spec.md")
    needs: ClassVar[str] = "pull on the product's repositories"

    answers: ClassVar[tuple[type[Probe], ...]] = (PublishedImages, PreviousImages)

    url: str = Field(description="Base URL, without /v2, e.g. https://registry-1.docker.io")
    prefix: str = Field(description="Path before the service's name: `teei` for teei/reporting-api.")
    username: str | None = Field(default=None, description="Account that may pull; none for public repositories.")
    password: SecretStr | None = Field(default=None, description="Its password or access token.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")

    def check(self) -> str:
        """Proves that the registry answers and takes the account. Raises `SystemFaultError`."""
        with self._client() as client:
            question = "which API do you speak"
            answer = self._get(client, "/v2/", scope="", question=question)
        # The body is free, and often empty; a page for people is another thing than a registry.
        if "html" in answer.headers.get("content-type", ""):
            raise self._malformed(question)
        return f"{self._system} answers"

    def answer(self, probe: PublishedImages | PreviousImages, occasion: Occasion) -> Reading:
        versions = occasion.release.services
        with self._client() as client:
            match probe:
                case PublishedImages():
                    values, evidence = self._published(client, probe.metrics_of, versions)
                case PreviousImages():
                    values, evidence = self._previous(client, probe.services, versions)
                case _:
                    assert_never(probe)
        return Reading(values=values, where=self._system, at=occasion.now, evidence="; ".join(evidence)[:_EVIDENCE])

    def _published(
        self, client: httpx.Client, metrics_of: dict[str, str], versions: dict[str, str]
    ) -> tuple[dict[str, Quantity], list[str]]:
        values: dict[str, Quantity] = {}
        evidence: list[str] = []
        for metric, service in metrics_of.items():
            if service not in versions:
                evidence.append(f'the release names no version of "{service}"')
                continue
            image = self._image(client, service, versions[service])
            if image is None:
                values[metric] = Quantity(value=UNPUBLISHED)
            elif image.digest:
                values[metric] = Quantity(value=image.version, unit="version")
                evidence.append(f"{service} {image.digest[:19]}")
            else:
                evidence.append(f'"{service}:{versions[service]}" has no digest to pin it by')
        return values, evidence

    def _previous(
        self, client: httpx.Client, services: tuple[str, ...], versions: dict[str, str]
    ) -> tuple[dict[str, Quantity], list[str]]:
        found: list[str] = []
        evidence: list[str] = []
        for service in services:
            older = self._newest_before(client, service, versions.get(service, ""))
            if older is not None and self._image(client, service, older) is not None:
                found.append(service)
                evidence.append(f"{service}:{older}")
            else:
                evidence.append(f"nothing before {versions.get(service, 'an unnamed version')} of {service}")
        return quantities(previous_images=len(found)), evidence

    def _newest_before(self, client: httpx.Client, service: str, version: str) -> str | None:
        limit = _order(version)
        if limit is None:
            return None
        ordered = [(order, tag) for tag in self._tags(client, service) if (order := _order(tag)) and order < limit]
        return max(ordered)[1] if ordered else None

    def _tags(self, client: httpx.Client, service: str) -> list[str]:
        path, tags = f"/v2/{self._repository(service)}/tags/list", list[str]()
        while path:
            response = self._get(client, path, scope=service, question=f'which tags has "{service}"', missing_ok=True)
            if response.status_code == _MISSING:
                return []
            try:
                tags += _Tags.model_validate_json(response.content).tags or []
            except ValidationError as error:
                raise self._malformed(f'which tags has "{service}"') from error
            path = response.links.get("next", {}).get("url", "")
        return tags

    def _image(self, client: httpx.Client, service: str, tag: str) -> Image | None:
        """What is served under the tag; None where the registry has no such tag."""
        question = f'what is "{service}:{tag}"'
        path = f"/v2/{self._repository(service)}/manifests/{tag}"
        response = self._get(client, path, scope=service, question=question, missing_ok=True)
        if response.status_code == _MISSING:
            return None
        try:
            manifest = _Manifest.model_validate_json(response.content)
        except ValidationError as error:
            raise self._malformed(question) from error
        told = response.headers.get("Docker-Content-Digest", "")
        real = f"sha256:{hashlib.sha256(response.content).hexdigest()}"
        return Image(manifest.annotations.get(_VERSION_LABEL, tag), told if told == real else "")

    def _get(
        self, client: httpx.Client, path: str, *, scope: str, question: str, missing_ok: bool = False
    ) -> httpx.Response:
        ok = {200, _UNAUTHORIZED, *([_MISSING] if missing_ok else [])}
        headers = {"Accept": _MANIFESTS}
        response = wire.fetch(
            client, "GET", path, system=self._system, question=question, ok=ok, headers=headers, needs=self.needs
        )
        if response.status_code != _UNAUTHORIZED:
            return response
        headers["Authorization"] = f"Bearer {self._token(client, response, scope, question)}"
        ok.discard(_UNAUTHORIZED)
        return wire.fetch(
            client, "GET", path, system=self._system, question=question, ok=ok, headers=headers, needs=self.needs
        )

    def _token(self, client: httpx.Client, refusal: httpx.Response, service: str, question: str) -> str:
        """A pull token from the service that the registry's refusal names."""
        scheme, _, rest = refusal.headers.get("WWW-Authenticate", "").partition(" ")
        parameters = dict(_PARAMETER.findall(rest))
        if scheme.lower() != "bearer" or "realm" not in parameters:
            raise faults.status_fault(_UNAUTHORIZED, system=self._system, question=question)
        scope = {"scope": f"repository:{self._repository(service)}:pull"} if service else {}
        asked = {"service": parameters.get("service", ""), **scope}
        basic = httpx.BasicAuth(self.username or "", self.password.get_secret_value() if self.password else "")
        signed = next(basic.auth_flow(httpx.Request("GET", parameters["realm"]))).headers
        headers = {"Authorization": signed["Authorization"]} if self.username else {}
        response = wire.fetch(
            client,
            "GET",
            parameters["realm"],
            system=self._system,
            question="a token",
            params=asked,
            headers=headers,
            needs=self.needs,
        )
        try:
            granted = _Token.model_validate_json(response.content)
        except ValidationError as error:
            raise self._malformed("a token") from error
        return granted.token or granted.access_token

    def _repository(self, service: str) -> str:
        return f"{self.prefix}/{service}" if self.prefix else service

    def _malformed(self, question: str) -> PermanentFaultError:
        return PermanentFaultError(
            system=self._system,
            question=question,
            answer="a body that is not what a registry serves",
            next_step="check the URL in the system's block",
        )

    @property
    def _system(self) -> str:
        return f"registry {wire.host_of(self.url)}"

    @contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        with wire.client(self.url, timeout_seconds=self.timeout_seconds) as client:
            yield client


def _order(tag: str) -> tuple[int, ...] | None:
    match = _VERSION.match(tag)
    return tuple(int(part) for part in match.groups()) if match else None
