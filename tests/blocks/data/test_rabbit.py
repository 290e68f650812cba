"""What a real RabbitMQ says: what is declared, dead letters by argument and policy, confirms, depth, alarms, rights."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pika
import pytest
from pydantic import SecretStr

from blocks.data.message_queue import MessageQueue
from launch.errors import PermanentFaultError
from launch.probes.data import QueueTopology
from tests.blocks.data.rabbit import PASSWORD, USER, rabbit
from tests.fakes.verbs import OCCASION

pytestmark = pytest.mark.integration

PROBE = QueueTopology(
    ask="queue-topology", of="queue", exchanges=("reports", "dead-letters"), queues=("by-argument", "by-policy")
)


class Broker:
    """The server, as its administrator and its publishers see it."""

    def __init__(self, url: str, amqp: int) -> None:
        self.url = url
        self.admin = httpx.Client(base_url=url, auth=(USER, PASSWORD))
        credentials = pika.PlainCredentials(USER, PASSWORD)
        self.connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", amqp, credentials=credentials))

    def put(self, path: str, **body: object) -> None:
        self.admin.put(f"/api/{path}", json=body).raise_for_status()

    def close(self) -> None:
        self.connection.close()
        self.admin.close()

    def until(self, holds: Callable[[], bool]) -> None:
        """Statistics come a moment after what they count."""
        deadline = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < deadline, "the broker never said so"
            self.connection.process_data_events(time_limit=0.05)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with rabbit(tmp_path_factory.mktemp("rabbit")) as (url, amqp), closing(Broker(url, amqp)) as broker:
        for name in ("reports", "dead-letters"):
            broker.put(f"exchanges/%2F/{name}", type="direct", durable=True)
        broker.put("queues/%2F/by-argument", durable=True, arguments={"x-dead-letter-exchange": "dead-letters"})
        broker.put("queues/%2F/by-policy", durable=True)
        definition = {"dead-letter-exchange": "dead-letters"}
        broker.put("policies/%2F/dead", **{"pattern": "^by-policy$", "definition": definition, "apply-to": "queues"})
        broker.put("users/watcher", password="watching", tags="monitoring")
        broker.put("permissions/%2F/watcher", configure="^$", write="^$", read=".*")
        broker.put("users/nobody", password="nothing", tags="")
        yield broker


@pytest.fixture
def queue(broker: Broker) -> MessageQueue:
    return MessageQueue(url=broker.url, user="watcher", password=SecretStr("watching"))


@pytest.fixture
def values(queue: MessageQueue) -> Callable[[], dict[str, object]]:
    return lambda: {name: one.value for name, one in queue.answer(PROBE, OCCASION).values.items()}


def test_a_user_with_the_tag_monitoring_sees_a_complete_host(queue, broker, values) -> None:
    assert queue.check().startswith("RabbitMQ shows watcher ")
    broker.until(lambda: values().get("queues_without_dead_letter") == 0 and "resource_alarms" in values())
    seen = values()
    assert (seen["missing_exchanges"], seen["missing_queues"], seen["resource_alarms"]) == (0, 0, 0)


def test_what_was_never_declared_is_missing(queue) -> None:
    other = PROBE.model_copy(update={"exchanges": ("reports", "gone"), "queues": ("by-argument", "gone")})
    found = {name: one.value for name, one in queue.answer(other, OCCASION).values.items()}
    assert (found["missing_exchanges"], found["missing_queues"]) == (1, 1)
    assert "messages_waiting" not in found


def test_a_publisher_that_waits_for_confirms_is_told_from_one_that_does_not(broker, values) -> None:
    careful, careless = broker.connection.channel(), broker.connection.channel()
    careful.confirm_delivery()
    try:
        careful.basic_publish("", "by-argument", b"one")
        broker.until(lambda: values().get("publishers_without_confirms") == 0)
        with pytest.raises(pika.exceptions.UnroutableError):
            careful.basic_publish("reports", "nowhere", b"lost", mandatory=True)
        careless.basic_publish("", "by-argument", b"two")
        broker.until(lambda: values().get("publishers_without_confirms") == 1)
        broker.until(lambda: values().get("messages_waiting") == 2)
    finally:
        careful.queue_purge("by-argument")
        careful.close()
        careless.close()


def test_a_user_without_the_tag_is_told_the_missing_right(broker) -> None:
    stranger = MessageQueue(url=broker.url, user="nobody", password=SecretStr("nothing"))
    with pytest.raises(PermanentFaultError, match="401"):
        stranger.check()
    wrong = MessageQueue(url=broker.url, user="watcher", password=SecretStr("wrong"))
    with pytest.raises(PermanentFaultError, match="401"):
        wrong.check()
