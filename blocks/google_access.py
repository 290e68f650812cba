"""Access to Google Cloud: by a service account's key, or as the machine's own account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, Field, SecretStr

from blocks import wire
from blocks.payloads import Payload, read
from launch.errors import PermanentFaultError

if TYPE_CHECKING:
    from google.oauth2.service_account import Credentials

_TOKEN = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105  a path


class _Token(Payload):
    access_token: str


class GoogleAccess(BaseModel):
    """Who asks. Without a key, the account of the machine or pod (workload identity) does."""

    scope: ClassVar[str]

    service_account: SecretStr | None = Field(
        default=None, description="Key of a service account, its JSON; empty takes the account of the machine."
    )
    metadata_url: str = Field(
        default="http://metadata.google.internal", description="Where a machine of Google's learns its own token."
    )
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")

    def authorized(self, system: str) -> dict[str, str]:
        """Headers that say who asks. Raises `SystemFaultError`.

        A key signs for itself (https://google.aip.dev/auth/4111), without a question to anybody.
        """
        if self.service_account is None:
            return {"Authorization": f"Bearer {self._machine_token(system)}"}
        credentials = _credentials(self.service_account, self.scope, system)
        credentials.refresh(None)  # type: ignore[no-untyped-call]
        return {"Authorization": f"Bearer {credentials.token}"}

    def _machine_token(self, system: str) -> str:
        question = "the machine's own account"
        headers = {"Metadata-Flavor": "Google"}
        with wire.client(self.metadata_url, timeout_seconds=self.timeout_seconds, headers=headers) as client:
            response = wire.fetch(
                client, "GET", _TOKEN, system=system, question=question, params={"scopes": self.scope}
            )
        return read(_Token, response, system=system, question=question).access_token


def _credentials(key: SecretStr, scope: str, system: str) -> Credentials:
    from google.auth.exceptions import GoogleAuthError
    from google.oauth2.service_account import Credentials

    try:
        info = json.loads(key.get_secret_value())
        made: Credentials = Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            info, scopes=[scope], always_use_jwt_access=True
        )
    # Google's library raises ValueError for every part that is missing or is no key.
    except (ValueError, TypeError, AttributeError, GoogleAuthError) as error:
        raise PermanentFaultError(
            system=system,
            question="the key of its service account",
            answer="not the JSON of a service account's key",
            next_step="paste the whole file into `service_account` of the system's block",
        ) from error
    return made
