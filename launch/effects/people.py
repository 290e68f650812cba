"""Effects on the systems that carry words to people. Each finds what it did before, so that nothing is said twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from launch.effects.base import Effect
from launch.model import Id, Text
from launch.moments import Duration, Offset


class OpenRoom(Effect):
    """A public chat channel exists, is open, and a message holding `link` is pinned in it. Undone by archiving it."""

    do: Literal["open-room"]
    channel: Text
    topic: str = ""
    link: Text = Field(description="Address of the call; pinned in the room.")


class PostMessage(Effect):
    """The channel holds this message once, found again by launch and name. Undone by deleting it."""

    do: Literal["post-message"]
    channel: Text
    message: Id = Field(description="Name of the message; one launch posts it once, however often it is tried.")
    text: Text
    reply_to: Id | None = Field(
        default=None, description="Name of a message of this launch, in whose thread it stands."
    )


class EditMessage(Effect):
    """A message of this launch, posted by `post-message`, says this. Undone by giving it the words it had."""

    do: Literal["edit-message"]
    channel: Text
    message: Id = Field(description="Name under which it was posted.")
    text: Text


class ScheduleMaintenance(Effect):
    """The status page announces maintenance from `start` to `end`. Undone by deleting the notice."""

    do: Literal["schedule-maintenance"]
    title: Text
    text: Text
    start: Offset
    end: Offset


class SetStatus(Effect):
    """The status page is in this state and says this text.

    `maintenance`: this launch's maintenance runs (opened if none was announced) and all components are under it.
    `verifying`: it runs, and what was done is looked at. `operational`: it is completed and all components are
    operational. `investigating`: an incident of this launch is open; `identified` and `monitoring`: it has come so far,
    in these words. `resolved`: it is resolved and all components are operational. Undone by putting back the recorded
    component states and incidents.
    """

    do: Literal["set-status"]
    state: Literal["maintenance", "verifying", "operational", "investigating", "identified", "monitoring", "resolved"]
    title: Text
    text: Text


class ScheduleMail(Effect):
    """One mail to each recipient is queued for `send_at`. Undone by cancelling; impossible once it is sent."""

    do: Literal["schedule-mail"]
    mailing: Id = Field(description="Name of the mailing; one launch sends a mailing at most once to an address.")
    to: tuple[Text, ...] = Field(min_length=1)
    subject: Text
    text: Text
    send_at: Offset


class SendMail(Effect):
    """The mailing has gone to every recipient, each with a mail of their own.

    A queue of the same mailing that is due within minutes is left to run; one due later is cancelled and its mail sent
    now. Recipients it already went to are left out. Cannot be undone.
    """

    do: Literal["send-mail"]
    mailing: Id
    to: tuple[Text, ...] = Field(min_length=1)
    subject: Text
    text: Text


class OpenTicket(Effect):
    """A task of this launch stands in the ticket system, due `due_in` after it was opened. Undone by deleting it."""

    do: Literal["open-ticket"]
    ticket: Id = Field(description="Name of the ticket, unique in the launch.")
    subject: Text
    text: Text
    due_in: Duration = timedelta(hours=24)


class PublishPage(Effect):
    """This launch's wiki page is published with this text. Undone by its earlier text, or by trashing a new page."""

    do: Literal["publish-page"]
    title: Text
    text: Text


class DraftPost(Effect):
    """A post with this text is among the organisation's drafts. Undone by discarding the draft."""

    do: Literal["draft-post"]
    text: Text


class PublishPost(Effect):
    """The post with this text is public; its draft is used where there is one. Undone by deleting the post."""

    do: Literal["publish-post"]
    text: Text


ChatEffect = OpenRoom | PostMessage | EditMessage
StatusPageEffect = ScheduleMaintenance | SetStatus
MailEffect = ScheduleMail | SendMail
SocialEffect = DraftPost | PublishPost
PeopleEffect = ChatEffect | StatusPageEffect | MailEffect | OpenTicket | PublishPage | SocialEffect
