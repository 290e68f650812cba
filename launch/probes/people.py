"""Questions to the systems that carry words to people: chat, status page, paging, mail, tickets, wiki."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field

from launch.model import Id, Text
from launch.moments import Duration, Offset
from launch.probes.base import Probe


class ChatRoom(Probe):
    """Is the room open, since when, and is a link pinned in it?

    `rooms_open` (0 or 1: exists and is not archived), `created_before_launch` (h from creation to T0), `links_pinned`
    (pinned messages holding `link`). Source: Slack conversations.list and pins.list.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"rooms_open", "created_before_launch", "links_pinned"})

    ask: Literal["chat-room"]
    channel: Text
    link: Text = Field(description="Text that a pinned message must hold, e.g. the address of the call.")


class ChatMessages(Probe):
    """How many messages of the last `within` in the channel hold the phrase (case does not count)?

    `messages` (count). Source: Slack conversations.history.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"messages"})

    ask: Literal["chat-messages"]
    channel: Text
    holding: Text
    within: Duration = timedelta(minutes=30)


class StatusPageSetup(Probe):
    """Is the status page set up, and are the subscribers on it reached?

    `components`, `subscribers_active`, `subscribers_quarantined` (counts; a quarantined address gets no notice).
    Source: Statuspage `/components` and `/subscribers/histogram_by_state`.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"components", "subscribers_active", "subscribers_quarantined"})

    ask: Literal["status-page-setup"]


class PublicMaintenance(Probe):
    """What does the public page say about maintenance?

    `maintenances_covering` counts announced or running ones whose window holds `start`..`end`;
    `maintenances_in_progress` counts those shown as running. Source: Statuspage public API `scheduled-maintenances`.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"maintenances_covering", "maintenances_in_progress"})

    ask: Literal["public-maintenance"]
    start: Offset
    end: Offset


class PublicStatus(Probe):
    """What does the public page read at its top?

    `page_status` (words, e.g. `All Systems Operational`), `components_down` (count of components in any other state
    than operational). Source: Statuspage public API `summary.json`.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"page_status", "components_down"})

    ask: Literal["public-status"]


class PublicResolution(Probe):
    """Does the public page tell that incidents of the last `within` were resolved, in words that hold the phrase?

    `resolutions` (count of resolved incidents whose last update holds it), `incidents_open` (count).
    Source: Statuspage public API `incidents.json`.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"resolutions", "incidents_open"})

    ask: Literal["public-resolution"]
    holding: Text
    within: Duration = timedelta(hours=2)


class EscalationResponse(Probe):
    """After how long does an unanswered page climb, per severity, and does every rung have somebody on call now?

    `policies` maps a metric name to the name of an escalation policy; its value is the delay of the first rung in
    minutes. `rungs_unstaffed` counts rungs of all these policies without anybody on call.
    Source: PagerDuty `/escalation_policies` and `/oncalls`.
    """

    ask: Literal["escalation-response"]
    policies: dict[str, Text] = Field(min_length=1)

    def metrics(self) -> frozenset[str]:
        return frozenset({*self.policies, "rungs_unstaffed"})


class AlertRunbooks(Probe):
    """Does every service that pages name its runbook?

    `services` (count), `services_without_runbook` (count of those whose description holds no web address).
    Source: PagerDuty `/services`.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"services", "services_without_runbook"})

    ask: Literal["alert-runbooks"]


class OncallRota(Probe):
    """How far ahead, without a gap from now on, is somebody named in every one of these schedules?

    `published_ahead` (days, of the schedule that ends first; looked at up to `horizon`).
    Source: PagerDuty `/schedules/{id}`, its rendered entries.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"published_ahead"})

    ask: Literal["oncall-rota"]
    schedules: tuple[Text, ...] = Field(min_length=1, description="Names of the schedules.")
    horizon: Duration = timedelta(weeks=4)


class PagedIncidents(Probe):
    """What became of the incidents opened since `window` ago (from T0 on where it is not given)?

    Counts: `p0_p1_incidents` (priority named in `severe`; one of high urgency without a priority counts until it is
    triaged), `incidents`, `incidents_untriaged` (no priority), `incidents_unowned` (assigned to nobody and not
    resolved by anybody), `incidents_unwritten` (no note). Source: PagerDuty `/incidents` and their notes.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset(
        {"p0_p1_incidents", "incidents", "incidents_untriaged", "incidents_unowned", "incidents_unwritten"},
    )

    ask: Literal["paged-incidents"]
    severe: tuple[Text, ...] = ("P0", "P1")
    window: Duration | None = None


class MailingDelivered(Probe):
    """To how many recipients was this mailing delivered, and how many refused it?

    `recipients` (distinct addresses delivered to), `refused` (bounced or blocked).
    Source: Brevo `/smtp/statistics/events` by tag.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"recipients", "refused"})

    ask: Literal["mailing-delivered"]
    mailing: Id


class MailingScheduled(Probe):
    """For which moment is this mailing queued?

    `send_offset` (offset from T0, e.g. `T+1h`). Source: Brevo `/smtp/emailStatus` by batch id.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"send_offset"})

    ask: Literal["mailing-scheduled"]
    mailing: Id


class MailPath(Probe):
    """Does a test mail handed to the relay reach its mailbox?

    Submits one marked mail by SMTP, unless one was delivered within `within`, and reads the provider's delivery log:
    `test_mails_delivered` (count). A mail accepted but not yet delivered counts 0; asking again sends no second one.
    Source: SMTP and Brevo `/smtp/statistics/events`.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"test_mails_delivered"})

    ask: Literal["mail-path"]
    to: Text = Field(description="A marked test mailbox, never a customer's.")
    within: Duration = timedelta(minutes=15)


class SupportTickets(Probe):
    """How many tickets did customers open since go-live (T0 where it has not happened)?

    `support_tickets` (count). Source: Zendesk `/search/count`.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"support_tickets"})

    ask: Literal["support-tickets"]


class SupportDesk(Probe):
    """Is the support desk staffed and does mail to it arrive?

    `support_agents` (members of the group), `addresses_verified` (support addresses with verified forwarding).
    Source: Zendesk `/groups`, `/groups/{id}/memberships`, `/recipient_addresses`.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"support_agents", "addresses_verified"})

    ask: Literal["support-desk"]
    group: Text


class TicketDue(Probe):
    """How long after it was opened is this launch's ticket due?

    `postmortem_within` (h from opening to due date). Source: Zendesk `/tickets` by external id.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"postmortem_within"})

    ask: Literal["ticket-due"]
    ticket: Id


class WikiPage(Probe):
    """Is this launch's page published, and does it say what it must?

    `pages` (count with the title, published since T0), `phrases_missing` (count of `mentions` not found in the text).
    Source: Confluence `/wiki/api/v2/pages`.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"pages", "phrases_missing"})

    ask: Literal["wiki-page"]
    title: Text
    mentions: tuple[Text, ...] = Field(min_length=1)


ChatProbe = ChatRoom | ChatMessages
StatusPageProbe = StatusPageSetup | PublicMaintenance | PublicStatus | PublicResolution
PagerProbe = EscalationResponse | AlertRunbooks | OncallRota | PagedIncidents
MailProbe = MailingDelivered | MailingScheduled | MailPath
TicketProbe = SupportTickets | SupportDesk | TicketDue
PeopleProbe = ChatProbe | StatusPageProbe | PagerProbe | MailProbe | TicketProbe | WikiPage
