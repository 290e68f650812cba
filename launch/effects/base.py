"""What every effect has: a verb (`do`), the system it changes (`on`), and how far it can be observed and undone."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from launch.model import Id, Model


class Effect(Model):
    """A change of one system, stated as the state that shall hold afterwards.

    A subclass narrows `do` to one `Literal` (verb phrase, kebab-case, e.g. `set-images`). String fields may hold
    templates (`{{ release.version }}`, `{{ t0 }}`); they are rendered before a block sees the effect.
    `observable` is False for what cannot be read back (an e-mail sent): it then carries an idempotency key, is
    applied at most once, and its fate is reported as unknown when the process dies in between.
    """

    observable: ClassVar[bool] = True

    do: str
    on: Id = Field(description="Id of the system changed (see `systems`).")


class Restore(Model):
    """Puts back what the named action changed, from the state recorded before its first effect, not a typed one."""

    do: Literal["restore"]
    of: Id = Field(description="Id of the action whose effect is taken back.")
