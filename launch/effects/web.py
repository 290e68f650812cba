"""Effects on the product's web face and on its flags."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from launch.effects.base import Effect
from launch.model import Id, Model, Text


class SetMaintenanceBanner(Effect):
    """Shows (with this text) or removes the banner; the service itself stays up."""

    do: Literal["set-maintenance-banner"]
    shown: bool
    text: str = Field(default="", description="What the banner says; empty when it is removed.")


class Tenant(Model):
    """A customer to create. The id is the plan's own, so that creating it twice is creating it once."""

    id: Id
    name: Text
    admin: Text = Field(description="Mail address of the admin user; a set-password link is sent, never a password.")


class ProvisionTenants(Effect):
    """Every tenant exists, with its admin user, the roles and sample data."""

    do: Literal["provision-tenants"]
    plan: Text = "pilot"
    tenants: tuple[Tenant, ...] = Field(min_length=1)
    roles: tuple[Text, ...] = ("admin",)
    sample_data: bool = True


class SetFlag(Effect):
    """A flag is on for everybody, off for everybody, or on for one segment only."""

    do: Literal["set-flag"]
    flag: Text
    state: Literal["on", "off", "pilot-only"]


WebEffect = SetMaintenanceBanner | ProvisionTenants | SetFlag
