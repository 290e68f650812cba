"""RabbitMQ: what is declared, where dead letters go and who waits for confirms; and one test message."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar, assert_never
from urllib.parse import quote

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, PrivateAttr, RootModel, SecretStr

from blocks.data.publishing_trial import Message, place, publish
from blocks.endpoint import Endpoint
from blocks.payloads import Payload
from launch.errors import PermanentFaultError
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.data import PublishConfirm, QueueProbe, QueueTopology
from launch.readings import Reading, quantities

_DEAD_LETTER_ARGUMENT, _DEAD_LETTER_POLICY = "x-dead-letter-exchange", "dead-letter-exchange"


class _User(Payload):
    name: str


class _Exchange(Payload):
    name: str


class _Queue(Payload):
    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    messages_ready: int | None = None
    effective_policy_definition: dict[str, JsonValue] | list[JsonValue] | None = None

    @property
    def dead_letter_exchange(self) -> str | None:
        """From the queue's arguments, else from its policy (an empty policy is `[]` in older versions)."""
        policy = self.effective_policy_definition
        by_policy = policy.get(_DEAD_LETTER_POLICY) if isinstance(policy, dict) else None
        found = self.arguments.get(_DEAD_LETTER_ARGUMENT) or by_policy
        return found if isinstance(found, str) else None


class _Published(Payload):
    publish: int = 0


class _Channel(Payload):
    name: str
    confirm: bool = False
    message_stats: _Published = _Published()


class _Node(Payload):
    """A node that is down, or has only just come up, does not tell of its alarms."""

    name: str
    mem_alarm: bool | None = None
    disk_free_alarm: bool | None = None


_Nodes = RootModel[list[_Node]]
_Exchanges = RootModel[list[_Exchange]]
_Queues = RootModel[list[_Queue]]
_Channels = RootModel[list[_Channel]]
_R = TypeVar("_R", _Exchanges, _Queues, _Channels, _Nodes)


class MessageQueue(Block):
    """One virtual host."""

    _block_type_name = "Message Queue"
    _block_type_slug = "message-queue"
    _description = "RabbitMQ's management HTTP API; the user needs the tag `monitoring`."
    _documentation_url = HttpUrl("https://www.rabbitmq.com/docs/management")
    needs: ClassVar[str] = (
        "a user with the tag `monitoring` on one virtual host; another with write on one exchange, if a message is "
        "published"
    )

    answers: ClassVar[tuple[type[Probe], ...]] = (QueueTopology, PublishConfirm)

    url: str = Field(description="Base URL of the management plug-in, e.g. https://rabbitmq.teei.internal:15671.")
    user: str = Field(description="Management user.")
    password: SecretStr = Field(description="Password of the user.")
    virtual_host: str = Field(default="/", description="Virtual host of the product.")
    amqp_url: SecretStr | None = Field(
        default=None,
        description="amqps://user:password@host/vhost of an account that may publish, if a test message is asked for.",
    )
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")
    _clock: Callable[[], float] = PrivateAttr(default=time.monotonic)

    def check(self) -> str:
        """Proves that the API takes the user and shows the virtual host. Raises `SystemFaultError`."""
        user = self._endpoint.ask(_User, "GET", "/api/whoami", question="who the launch is")
        exchanges = self._ask(_Exchanges, f"/api/exchanges/{quote(self.virtual_host, safe='')}").root
        return f"RabbitMQ shows {user.name} {len(exchanges)} exchanges in {self.virtual_host}"

    def answer(self, probe: QueueProbe, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case QueueTopology():
                return self._topology(probe, occasion)
            case PublishConfirm():
                return self._publish(probe, occasion)
            case _:
                assert_never(probe)

    def _publish(self, probe: PublishConfirm, occasion: Occasion) -> Reading:
        if self.amqp_url is None:
            raise PermanentFaultError(
                system="RabbitMQ",
                question="whether a message is confirmed",
                answer="no account to publish with",
                next_step="fill in `amqp_url` of the system's block",
            )
        at = occasion.now.isoformat()
        message = Message(
            exchange=probe.exchange,
            routing_key=probe.routing_key,
            body=f"Test of launch {occasion.launch} at {at}; nobody has to do anything.".encode(),
            key=f"{occasion.launch}/{at}",
        )
        trial = publish(self.amqp_url, message, timeout_seconds=self.timeout_seconds, clock=self._clock)
        time_ms = None if trial.seconds is None else 1000 * trial.seconds
        return Reading(
            values=quantities("", publish_confirmed=trial.confirmed, publish_routed=trial.routed)
            | quantities("ms", confirm_time=time_ms),
            where=place(self.amqp_url),
            at=occasion.now,
        )

    def _topology(self, probe: QueueTopology, occasion: Occasion) -> Reading:
        host = quote(self.virtual_host, safe="")
        exchanges = {found.name for found in self._ask(_Exchanges, f"/api/exchanges/{host}").root}
        queues = {found.name: found for found in self._ask(_Queues, f"/api/queues/{host}").root}
        channels = self._ask(_Channels, f"/api/vhosts/{host}/channels").root
        nodes = self._ask(_Nodes, "/api/nodes").root
        alarms = [alarm for node in nodes for alarm in (node.mem_alarm, node.disk_free_alarm)]
        waiting = [queues[name].messages_ready for name in probe.queues if name in queues]
        publishing = [channel for channel in channels if channel.message_stats.publish]
        undelivered = [
            name for name in probe.queues if name in queues and queues[name].dead_letter_exchange not in exchanges
        ]
        lost = [name for name in (*probe.exchanges,) if name not in exchanges]
        lost_queues = [name for name in probe.queues if name not in queues]
        # Without a publishing channel nobody can say whether publishers wait for confirms.
        unconfirmed = sum(not channel.confirm for channel in publishing) if publishing else None
        return Reading(
            values={
                **quantities(
                    missing_exchanges=len(lost),
                    missing_queues=len(lost_queues),
                    queues_without_dead_letter=len(undelivered),
                    publishers_without_confirms=unconfirmed,
                    resource_alarms=_all_of(alarms, len(alarms)) if alarms else None,
                ),
                **quantities("messages", messages_waiting=_all_of(waiting, len(probe.queues))),
            },
            where=f"RabbitMQ virtual host {self.virtual_host}",
            at=occasion.now,
            evidence=f"missing: {', '.join(lost + lost_queues) or 'none'}; {len(publishing)} publishing channels"[:256],
        )

    def _ask(self, shape: type[_R], path: str) -> _R:
        return self._endpoint.ask(shape, "GET", path, question=path.removeprefix("/api/"))

    @property
    def _endpoint(self) -> Endpoint:
        pair = base64.b64encode(f"{self.user}:{self.password.get_secret_value()}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
        return Endpoint("RabbitMQ", self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs)


def _all_of(counts: Sequence[int | None], expected: int) -> int | None:
    """Their sum, if every one is known."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == expected else None
