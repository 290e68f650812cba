"""The way into one namespace of a cluster, shared by every block that asks or changes something there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Self

import yaml
from pydantic import BaseModel, Field, SecretStr, model_validator

from blocks.faults import missing_right
from blocks.platform.kube import Kube, conversation
from blocks.wire import Address
from launch.errors import PermanentFaultError

Right = tuple[str, str, str]
"""Verb, API group, resource."""


class KubeAccess(BaseModel):
    """Where the cluster is and who asks. Inside the cluster neither kubeconfig nor server is needed."""

    namespace: str = Field(min_length=1, description="Namespace of the product's workloads.")
    kubeconfig: SecretStr | None = Field(default=None, description="Text of a kubeconfig file.")
    context: str | None = Field(default=None, description="Context of the kubeconfig; its current one if empty.")
    server: Address | None = Field(default=None, description="URL of the API server, where there is no kubeconfig.")
    token: SecretStr | None = Field(default=None, description="Bearer token of a service account, with `server`.")
    ca_certificate: str | None = Field(default=None, description="PEM of the API server's authority, with `server`.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for a connection and for an answer.")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.kubeconfig is not None and self.server is not None:
            raise ValueError("give either `kubeconfig` or `server`, not both")
        if (self.server is None) != (self.token is None):
            raise ValueError("`server` and `token` go together")
        return self

    @property
    def named(self) -> str:
        """The system, as a fault's sentence names it."""
        return f'namespace "{self.namespace}"'

    @contextmanager
    def talk(self) -> Iterator[Kube]:
        """A conversation, whose connections are closed at its end."""
        with conversation(
            self._configuration(), system=self.named, namespace=self.namespace, timeout_seconds=self.timeout_seconds
        ) as kube:
            yield kube

    def demand(self, kube: Kube, needed: tuple[Right, ...]) -> None:
        """Raises `PermanentFaultError` naming the rights that the account lacks."""
        missing = [f"{verb} {resource}" for verb, group, resource in needed if not kube.may(verb, group, resource)]
        if missing:
            raise PermanentFaultError(
                system=self.named,
                question="what may I do",
                answer=f"not {', not '.join(missing)}",
                next_step=missing_right(f"{', '.join(missing)} in the namespace"),
            )

    def _configuration(self) -> Any:
        from kubernetes import client

        config: Any = import_module("kubernetes.config")  # without types
        configuration = client.Configuration()
        try:
            if self.kubeconfig is not None:
                config.load_kube_config_from_dict(
                    yaml.safe_load(self.kubeconfig.get_secret_value()),
                    context=self.context,
                    client_configuration=configuration,
                    persist_config=False,
                )
            elif self.server is not None and self.token is not None:
                configuration.host = self.server
                configuration.api_key["authorization"] = f"Bearer {self.token.get_secret_value()}"
                configuration.ca_cert_data = self.ca_certificate
            else:
                config.load_incluster_config(client_configuration=configuration)
        except (config.ConfigException, yaml.YAMLError, TypeError) as error:
            raise PermanentFaultError(
                system=self.named,
                question="log in",
                answer=f"no usable credentials ({type(error).__name__})",
                next_step="check kubeconfig, or server and token, in the system's block",
            ) from error
        return configuration
