"""The support desk by Zendesk: how many customers ask, whether it is staffed, and tasks of the launch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import ClassVar, TypeVar, assert_never

import httpx
from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, SecretStr

from blocks import faults, wire
from blocks.payloads import Payload, read
from launch.effects.base import Effect
from launch.effects.people import OpenTicket
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.people import SupportDesk, SupportTickets, TicketDue, TicketProbe
from launch.readings import Quantity, Reading, quantities

_SYSTEM = "Zendesk"
_OWN_TAG = "tminus"
_PAGE = 100


class _Count(Payload):
    count: int


class _Group(Payload):
    id: int
    name: str
    deleted: bool = False


class _Page(Payload):
    next_page: str | None = None


class _Groups(_Page):
    groups: tuple[_Group, ...]


class _Membership(Payload):
    user_id: int


class _Memberships(_Page):
    group_memberships: tuple[_Membership, ...]


class _Address(Payload):
    email: str
    forwarding_status: str | None = None


class _Addresses(_Page):
    recipient_addresses: tuple[_Address, ...]


class _Ticket(Payload):
    id: int
    status: str
    created_at: datetime
    due_at: datetime | None = None


class _Tickets(_Page):
    tickets: tuple[_Ticket, ...]


class _User(Payload):
    id: int | None = None
    name: str = ""


class _Me(Payload):
    user: _User


P = TypeVar("P", bound=Payload)
Q = TypeVar("Q", bound=_Page)


class Zendesk(Block):
    """A Zendesk account. Tickets of this tool carry its tag, and the launch and ticket name as external id."""

    _block_type_name = "Zendesk"
    _block_type_slug = "zendesk"
    _description = "Zendesk Support API. https://developer.zendesk.com/api-reference/"
    _documentation_url = HttpUrl("https://developer.zendesk.com/api-reference/")
    needs: ClassVar[str] = "an agent's API token"

    answers: ClassVar[tuple[type[Probe], ...]] = (SupportTickets, SupportDesk, TicketDue)
    effects: ClassVar[tuple[type[Effect], ...]] = (OpenTicket,)

    base_url: str = Field(description="Address of the account, e.g. https://teei.zendesk.com.")
    email: str = Field(description="Agent the token belongs to.")
    api_token: SecretStr = Field(description="API token.")
    timeout_seconds: float = Field(default=10, gt=0, description="Longest wait for one answer, in seconds.")

    def check(self) -> str:
        """Proves that the token is somebody's: a wrong one is anonymous to Zendesk. Raises `SystemFaultError`."""
        question = "who am I"
        user = read(_Me, self._ask("GET", "/users/me.json", question), system=_SYSTEM, question=question).user
        if user.id is None:
            raise faults.status_fault(401, system=_SYSTEM, question=question)
        return f"Zendesk knows this token as {user.name!r}"

    def answer(self, probe: TicketProbe, occasion: Occasion) -> Reading:
        """See `launch.ports.Answers`."""
        match probe:
            case SupportTickets():
                since = (occasion.went_live or occasion.t0).astimezone(UTC)
                query = f"type:ticket created>={since:%Y-%m-%dT%H:%M:%SZ} -tags:{_OWN_TAG}"
                count = self._get(_Count, "/search/count.json", "the tickets since go-live", {"query": query}).count
                return _reading(quantities(support_tickets=count), f"tickets since {since:%H:%M} UTC", occasion)
            case SupportDesk():
                return self._desk(probe, occasion)
            case TicketDue():
                return self._due(probe, occasion)
            case _:
                assert_never(probe)

    def observe(self, effect: OpenTicket, occasion: Occasion) -> Observation:
        """See `launch.ports.Acts`."""
        tickets = self._tickets(_external_id(occasion, effect.ticket))
        standing = Standing.HOLDS if tickets else Standing.ABSENT
        detail = f"ticket {tickets[0].id} is {tickets[0].status}" if tickets else "no such ticket"
        return Observation(standing=standing, detail=detail, state={"existed": bool(tickets)})

    def apply(self, effect: OpenTicket, occasion: Occasion) -> None:
        """See `launch.ports.Acts`. Zendesk itself refuses a second ticket for one key within two hours."""
        external_id = _external_id(occasion, effect.ticket)
        due = (occasion.now + effect.due_in).astimezone(UTC)
        ticket: dict[str, JsonValue] = {
            "subject": effect.subject,
            "comment": {"body": effect.text, "public": False},
            "type": "task",
            "priority": "high",
            "due_at": f"{due:%Y-%m-%dT%H:%M:%SZ}",
            "external_id": external_id,
            "tags": [_OWN_TAG],
        }
        headers = {"Idempotency-Key": external_id}
        self._ask("POST", "/tickets.json", f"open ticket {effect.ticket!r}", {"ticket": ticket}, headers=headers)

    def observe_restored(self, effect: OpenTicket, before: State, occasion: Occasion) -> Observation:
        """See `launch.ports.Acts`."""
        gone = before.get("existed") is True or not self._tickets(_external_id(occasion, effect.ticket))
        return Observation(standing=Standing.HOLDS if gone else Standing.ABSENT)

    def restore(self, effect: OpenTicket, before: State, occasion: Occasion) -> None:
        """See `launch.ports.Acts`: deletes the ticket, unless it stood before."""
        if before.get("existed") is not True:
            for ticket in self._tickets(_external_id(occasion, effect.ticket)):
                self._ask("DELETE", f"/tickets/{ticket.id}.json", f"delete ticket {ticket.id}", ok={204, 404})

    def _desk(self, probe: SupportDesk, occasion: Occasion) -> Reading:
        pages = self._pages(_Groups, "/groups.json", "the groups")
        groups = [group for page in pages for group in page.groups if group.name == probe.group and not group.deleted]
        addresses = [
            address
            for page in self._pages(_Addresses, "/recipient_addresses.json", "the support addresses")
            for address in page.recipient_addresses
        ]
        values = quantities(addresses_verified=sum(found.forwarding_status == "verified" for found in addresses))
        if not groups:
            return _reading(values, "support desk", occasion, f"no group named {probe.group!r}")
        path = f"/groups/{groups[0].id}/memberships.json"
        members = [
            one.user_id for page in self._pages(_Memberships, path, "the group") for one in page.group_memberships
        ]
        values["support_agents"] = Quantity(value=len(members))
        return _reading(values, "support desk", occasion)

    def _due(self, probe: TicketDue, occasion: Occasion) -> Reading:
        tickets = [found for found in self._tickets(_external_id(occasion, probe.ticket)) if found.due_at]
        where = f"ticket {probe.ticket!r}"
        if not tickets:
            return _reading({}, where, occasion, "no ticket with a due date")
        first = tickets[0]
        due = first.due_at or first.created_at
        hours = (due - first.created_at).total_seconds() / 3_600
        values = {"postmortem_within": Quantity(value=hours, unit="h")}
        return _reading(values, where, occasion, f"ticket {first.id}, due {due:%Y-%m-%d %H:%M} UTC")

    def _tickets(self, external_id: str) -> tuple[_Ticket, ...]:
        return self._get(_Tickets, "/tickets.json", "a ticket of this launch", {"external_id": external_id}).tickets

    def _pages(self, model: type[Q], path: str, question: str) -> Iterator[Q]:
        number = 1
        while True:
            page = self._get(model, path, question, {"per_page": str(_PAGE), "page": str(number)})
            yield page
            if page.next_page is None:
                return
            number += 1

    def _get(self, model: type[P], path: str, question: str, params: Mapping[str, str]) -> P:
        return read(model, self._ask("GET", path, question, params=params), system=_SYSTEM, question=question)

    def _ask(
        self,
        method: str,
        path: str,
        question: str,
        body: JsonValue = None,
        *,
        ok: set[int] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        basic = httpx.BasicAuth(f"{self.email}/token", self.api_token.get_secret_value())
        with wire.client(f"{self.base_url}/api/v2", timeout_seconds=self.timeout_seconds) as client:
            client.auth = basic
            return wire.fetch(
                client,
                method,
                path,
                system=_SYSTEM,
                question=question,
                ok=wire.SUCCESS if ok is None else ok,
                json=body,
                params=params,
                headers=headers,
                needs=self.needs,
            )


def _external_id(occasion: Occasion, ticket: str) -> str:
    return f"{occasion.launch}/{ticket}"


def _reading(values: dict[str, Quantity], where: str, occasion: Occasion, evidence: str = "") -> Reading:
    return Reading(values=values, where=f"{where} in Zendesk", at=occasion.now, evidence=evidence)
