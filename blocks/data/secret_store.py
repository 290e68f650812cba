"""AWS Secrets Manager: how old secrets are and how often they rotate. Their values are never read."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import HttpUrl

from blocks.data.aws_access import AwsAccess, asking
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.stores import RotationPolicy, SecretAges, SecretProbe
from launch.readings import Reading, quantities

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_secretsmanager.type_defs import DescribeSecretResponseTypeDef

_DAY_SECONDS = 86_400


class SecretStore(AwsAccess, Block):
    """The launch's secrets, as metadata."""

    _block_type_name = "Secret Store"
    _block_type_slug = "secret-store"
    _description = "AWS Secrets Manager: ages and rotation of secrets; needs only secretsmanager:DescribeSecret."
    _documentation_url = HttpUrl("https://docs.aws.amazon.com/secretsmanager/latest/apireference/")
    needs: ClassVar[str] = (
        "`secretsmanager:ListSecrets`, `secretsmanager:DescribeSecret` and nothing that reads a value"
    )

    answers: ClassVar[tuple[type[Probe], ...]] = (SecretAges, RotationPolicy)

    def check(self) -> str:
        """Proves that the key may look at secrets. Raises `SystemFaultError`."""
        with asking("Secrets Manager", "list secrets"):
            found = self._secrets.list_secrets(MaxResults=1)["SecretList"]
        return f"Secrets Manager shows {'secrets' if found else 'no secret'} in {self.region}"

    def answer(self, probe: SecretProbe, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`, also for a secret that does not exist."""
        match probe:
            case SecretAges():
                return self._ages(probe, occasion)
            case RotationPolicy():
                return self._rotation(probe, occasion)
            case _:
                assert_never(probe)

    @property
    def _secrets(self) -> SecretsManagerClient:
        client: SecretsManagerClient = self.client("secretsmanager")
        return client

    def _described(self, names: tuple[str, ...]) -> list[DescribeSecretResponseTypeDef]:
        client, found = self._secrets, []
        for name in names:
            with asking("Secrets Manager", f"describe secret {name}"):
                found.append(client.describe_secret(SecretId=name))
        return found

    def _ages(self, probe: SecretAges, occasion: Occasion) -> Reading:
        passwords = self._oldest(self._described(probe.passwords), occasion)
        secrets = self._oldest(self._described(probe.secrets), occasion)
        return Reading(
            values=quantities("days", db_password_age=passwords, secret_age=secrets),
            where=f"Secrets Manager in {self.region}",
            at=occasion.now,
            evidence=f"{len(probe.passwords)} passwords and {len(probe.secrets)} other secrets, the oldest counts",
        )

    @staticmethod
    def _oldest(described: list[DescribeSecretResponseTypeDef], occasion: Occasion) -> float | None:
        changes = [secret.get("LastChangedDate") or secret.get("CreatedDate") for secret in described]
        if not changes or None in changes:
            return None
        return max((occasion.now - change).total_seconds() for change in changes if change) / _DAY_SECONDS

    def _rotation(self, probe: RotationPolicy, occasion: Occasion) -> Reading:
        described = self._described(probe.secrets)
        days = [
            secret["RotationRules"]["AutomaticallyAfterDays"]
            for secret in described
            if secret.get("RotationEnabled") and "AutomaticallyAfterDays" in secret.get("RotationRules", {})
        ]
        interval = max(days) if len(days) == len(described) else None
        return Reading(
            values={
                **quantities("days", rotation_interval=interval),
                **quantities("secrets", unrotated_secrets=len(described) - len(days)),
            },
            where=f"Secrets Manager in {self.region}",
            at=occasion.now,
        )
