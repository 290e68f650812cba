"""The base of every document model: frozen, and an unknown key is an error with its path."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """A frozen value read from or written to a document; unknown keys are refused."""

    # Validators are built when first used: a plan needs one for the whole, not one for each of its 150 classes.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_timedelta="iso8601", defer_build=True)


Id = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=80, description="Kebab-case id, unique in the plan."),
]
Text = Annotated[str, Field(min_length=1)]
