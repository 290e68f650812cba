"""A vendor's JSON read into typed values: only the fields asked for; anything of another form is a fault."""

from __future__ import annotations

from typing import TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from launch.errors import PermanentFaultError


class Payload(BaseModel):
    """The fields that a block reads from a vendor's answer; the vendor's others are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


P = TypeVar("P", bound=BaseModel)


def read(model: type[P], response: httpx.Response, *, system: str, question: str) -> P:
    """The body as `model`. Raises `PermanentFaultError` when it is no JSON or lacks a field."""
    return parse(model, response.content, system=system, question=question)


def parse(model: type[P], body: bytes, *, system: str, question: str) -> P:
    """The same for a body that did not come through httpx."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the body"
        raise PermanentFaultError(
            system=system,
            question=question,
            answer=f"something of another form ({field}: {first['type']})",
            next_step="check the address in the system's block and the version of the API behind it",
        ) from error
