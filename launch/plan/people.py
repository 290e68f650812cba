"""Who takes part, and where the systems of each environment are found."""

from __future__ import annotations

from pydantic import Field

from launch.model import Id, Model, Text
from launch.plan.items import Integration, Item


class Product(Item):
    """The product that is launched. At most one launch of a product can be open."""

    name: Text
    owner: str = ""
    revision: str = ""
    launch_kind: str = ""


class Role(Item):
    """A part somebody plays; persons are named in `people`."""

    title: Text
    duties: str = ""
    decisions: tuple[str, ...] = ()


class Person(Model):
    """A named person and the roles this person may fill."""

    id: Id
    name: Text
    roles: tuple[Id, ...] = Field(min_length=1)
    email: str = ""


class System(Model):
    """A system of the outside world by the name this plan uses; an environment says which Prefect block it is."""

    id: Id
    integration: Integration
    what: Text


class Environment(Model):
    """Where the plan runs: for each system the Prefect block that reaches it, as `type-slug/block-name`."""

    id: Id
    title: Text
    guarded_by: Id | None = Field(
        default=None,
        description="No credential of this environment is loaded for an effect before this gate says GO.",
    )
    blocks: dict[Id, str] = Field(description="System id to Prefect block address, e.g. `prometheus/production`.")
