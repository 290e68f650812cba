"""A plain HTTP endpoint that holds the weights of routes: what a runbook's traffic script or a proxy's side-car offers.

The wire, in full: `GET <path>` answers `{"weights": {"blue": 95, "green": 5}}` and, where it can, an `ETag`;
`PUT <path>` with the same document sets them, and answers 412 to an `If-Match` that is no longer true (RFC 9110).
"""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, NonNegativeInt, SecretStr

from blocks.endpoint import Endpoint
from blocks.payloads import Payload, read
from blocks.routing.weighing import ConflictError, Splits, Table, Weighing

_OK = 200
_CONFLICTS = frozenset({409, 412})
_ONLY = "weights"


class _Weights(Payload):
    weights: dict[str, NonNegativeInt]


class HttpWeights(Weighing, Block):
    """Routes by name, each with an address of its own. A target is a key of the document."""

    _block_type_name = "HTTP Weights"
    _block_type_slug = "http-weights"
    _description = (
        "A plain HTTP endpoint: GET answers the weights of a route, PUT sets them, ETag and If-Match guard them "
        "(https://www.rfc-editor.org/rfc/rfc9110#name-if-match). The token needs to read and to write weights."
    )
    _documentation_url = HttpUrl("https://www.rfc-editor.org/rfc/rfc9110#name-if-match")
    needs: ClassVar[str] = "a token that may read and write the weights"

    url: str = Field(description="Base URL of the endpoint.")
    path: str = Field(default="/weights/{route}", description="Path of a route; `{route}` stands for its name.")
    token: SecretStr | None = Field(default=None, description="Bearer token, where one is needed.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")

    @property
    def named(self) -> str:
        """The system, as a fault's sentence names it."""
        return f"weights of {self.url}"

    def check(self) -> str:
        """Proves that the endpoint takes the token. Raises `SystemFaultError`."""
        # Which routes there are, a plan says; an endpoint that does not know the name took the token.
        question = "whether the token is taken"
        response = self._endpoint.send("GET", self._path("tminus"), question=question, ok={200, 404})
        if response.is_success:
            read(_Weights, response, system=self.named, question=question)
        return f"{self.url} takes the token"

    def read(self, route: str) -> Table:
        """Raises `SystemFaultError`."""
        question = f"the weights of {route}"
        response = self._endpoint.send("GET", self._path(route), question=question)
        weights = read(_Weights, response, system=self.named, question=question).weights
        return Table({_ONLY: dict(weights)}, response.headers.get("etag"))

    def write(self, route: str, table: Table, splits: Splits) -> None:
        """Raises `ConflictError` or `SystemFaultError`."""
        response = self._endpoint.send(
            "PUT",
            self._path(route),
            question=f"set the weights of {route}",
            ok=frozenset(range(_OK, 300)) | _CONFLICTS,
            json={_ONLY: dict(splits[_ONLY])},
            headers={"If-Match": table.seen} if table.seen else None,
        )
        if response.status_code in _CONFLICTS:
            raise ConflictError(route)

    def _path(self, route: str) -> str:
        return self.path.replace("{route}", quote(route, safe=""))

    @property
    def _endpoint(self) -> Endpoint:
        token = self.token.get_secret_value() if self.token else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Endpoint(self.named, self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs)
