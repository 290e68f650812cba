"""Access to one AWS account: clients without retries of their own, and what AWS's errors mean for a launch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, SecretStr

from blocks.faults import connection_fault, missing_right
from blocks.wire import Address
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError

if TYPE_CHECKING:
    from boto3.session import Session

_THROTTLES = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown", "TooManyRequestsException"}
_REFUSED_KEYS = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_REQUEST_IDS = {"x-amz-request-id", "x-amzn-requestid"}
_REQUEST_ID = re.compile(rb"<requestid>", re.IGNORECASE)
_DENIED = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
# A condition of ours no longer holds: it is read again, and written against what is there then.
_STALE = 412
_MISSING = {"404", "NoSuchKey", "NoSuchBucket", "ResourceNotFoundException", "DBSnapshotNotFound", "DBInstanceNotFound"}


class AwsAccess(BaseModel):
    """Where an account is and who asks. Without keys, boto3's own chain applies (role of the pod, profile)."""

    region: str = Field(description="AWS region, e.g. eu-west-1.")
    access_key_id: str | None = Field(default=None, description="Key id; empty takes the role of the machine.")
    secret_access_key: SecretStr | None = Field(default=None, description="Secret of the key.")
    endpoint_url: Address | None = Field(
        default=None, description="Another endpoint than AWS's own, e.g. of a rehearsal."
    )
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for a connection or an answer.")

    def client(self, service: str) -> Any:
        """A client of one AWS service. Tasks retry, so it does not."""
        from botocore.config import Config

        wait = self.timeout_seconds
        made = _session().client(
            service,  # type: ignore[call-overload]
            region_name=self.region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key.get_secret_value() if self.secret_access_key else None,
            config=Config(connect_timeout=wait, read_timeout=wait, retries={"total_max_attempts": 1}),
        )
        made.meta.events.register("before-parse", _from_aws)
        return made


@contextmanager
def asking(system: str, question: str) -> Iterator[None]:
    """Turns what boto3 raises inside into the two faults of a launch."""
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    try:
        yield
    except exceptions.ClientError as error:
        raise _fault(error, system, question) from error
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        raise connection_fault(error, system=system, question=question) from error
    except exceptions.NoCredentialsError as error:
        raise PermanentFaultError(
            system=system,
            question=question,
            answer="no credentials",
            next_step="give the system's block a key or a role",
        ) from error
    except ResponseParserError as error:
        raise PermanentFaultError(
            system=system,
            question=question,
            answer="a body that is not what AWS serves",
            next_step="check the endpoint in the system's block",
        ) from error
    except exceptions.BotoCoreError as error:
        raise PermanentFaultError(
            system=system,
            question=question,
            answer=f"an unusable exchange ({type(error).__name__})",
            next_step="check the fields of the system's block",
        ) from error


def missing(error: SystemFaultError) -> bool:
    """Whether the fault says that the thing asked for does not exist."""
    return isinstance(error, PermanentFaultError) and error.answer.split(" ", 1)[0] in _MISSING


def _from_aws(response_dict: dict[str, Any], **_: object) -> None:
    """Every answer of AWS carries a request id: without one a proxy's page would be read as an answer without data."""
    from botocore.parsers import ResponseParserError

    body, headers = response_dict["body"], {name.lower() for name in response_dict["headers"]}
    told = _REQUEST_IDS & headers or (isinstance(body, bytes) and _REQUEST_ID.search(body))
    if response_dict["status_code"] < 300 and not told:
        if not isinstance(body, bytes):
            body.close()
        message = "an answer without a request id"
        raise ResponseParserError(message)


def _fault(error: Any, system: str, question: str) -> SystemFaultError:
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    throttled = status == 429 or code in _THROTTLES
    if throttled or status >= 500:
        return TransientFaultError(
            system=system,
            question=question,
            answer=f"{code} (HTTP {status})",
            next_step="wait, or ask for a higher limit" if throttled else "look at the AWS health dashboard",
        )
    if status == _STALE:
        return TransientFaultError(
            system=system,
            question=question,
            answer=f"{code} (HTTP {status}), a conflict: somebody else changed it at the same moment",
            next_step="find who else changes it if it stays",
        )
    if code in _REFUSED_KEYS:
        next_step = "renew the key in the system's block"
    elif status in {401, 403}:
        next_step = missing_right(_action(error))
    else:
        next_step = "check the names in the plan and the block"
    return PermanentFaultError(system=system, question=question, answer=f"{code} (HTTP {status})", next_step=next_step)


def _action(error: Any) -> str:
    """The action that AWS says is denied, else the operation that was tried."""
    named = _DENIED.search(str(error.response.get("Error", {}).get("Message", "")))
    return named[1] if named else str(error.operation_name)


@cache
def _session() -> Session:
    """One for the process: it holds the parsed service descriptions, no credentials."""
    from boto3.session import Session

    return Session()
