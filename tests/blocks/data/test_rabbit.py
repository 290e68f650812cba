"""What a real RabbitMQ says: what is declared, dead letters by argument and policy, confirms, depth, alarms, rights."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pika
import pytest
from pika import frame, spec
from pika.amqp_object import Method
from pydantic import SecretStr

from blocks.data.message_queue import MessageQueue
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError
from launch.probes.data import PublishConfirm, QueueTopology
from tests.blocks.data.rabbit import PASSWORD, USER, rabbit
from tests.fakes.scripted_wire import wire
from tests.fakes.verbs import OCCASION

pytestmark = pytest.mark.integration

PROBE = QueueTopology(
    ask="queue-topology", of="queue", exchanges=("reports", "dead-letters"), queues=("by-argument", "by-policy")
)


class Broker:
    """The server, as its administrator and its publishers see it."""

    def __init__(self, url: str, amqp: int) -> None:
        self.url = url
        self.amqp = amqp
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
        broker.put("queues/%2F/launch-tests", durable=True)
        broker.admin.post("/api/bindings/%2F/e/reports/q/launch-tests", json={"routing_key": "launch-test"})
        broker.put("users/publisher", password="publishing", tags="")
        broker.put("permissions/%2F/publisher", configure="^$", write="^(reports|amq.default)$", read="^$")
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


def publishing(broker: Broker, *, account: str = "publisher:publishing", host: str = "%2F") -> MessageQueue:
    amqp = SecretStr(f"amqp://{account}@127.0.0.1:{broker.amqp}/{host}")
    block = MessageQueue(url=broker.url, user="watcher", password=SecretStr("watching"), amqp_url=amqp)
    moments = iter((10.0, 10.25))
    block._clock = lambda: next(moments)
    return block


def message(exchange: str, key: str) -> PublishConfirm:
    return PublishConfirm(ask="publish-confirm", of="queue", exchange=exchange, routing_key=key)


@pytest.mark.parametrize(
    ("exchange", "key", "routed"),
    [("reports", "launch-test", True), ("", "launch-tests", True), ("reports", "x", False)],
)
def test_a_message_is_published_confirmed_and_timed(broker, exchange, key, routed) -> None:
    reading = publishing(broker).answer(message(exchange, key), OCCASION)
    assert {name: one.value for name, one in reading.values.items()} == {
        "publish_confirmed": True,
        "publish_routed": routed,
        "confirm_time": 250,
    }
    assert "publishing" not in reading.where
    channel = broker.connection.channel()
    method, properties, body = channel.basic_get("launch-tests", auto_ack=True)
    channel.close()
    assert (method is not None) is routed
    if routed:
        assert properties.headers == {"tminus-test": True}
        assert b"nobody has to do anything" in body


@pytest.mark.parametrize(
    ("account", "host", "exchange", "told"),
    [
        ("publisher:wrong", "%2F", "reports", "the account or the virtual host was refused"),
        ("publisher:publishing", "moon", "reports", "the account or the virtual host was refused"),
        ("publisher:publishing", "%2F", "dead-letters", "missing right: write on the exchange"),
        (f"{USER}:{PASSWORD}", "%2F", "gone", "no such exchange"),
    ],
)
def test_a_message_that_may_not_be_published(broker, account, host, exchange, told) -> None:
    with pytest.raises(PermanentFaultError, match=told) as caught:
        publishing(broker, account=account, host=host).answer(message(exchange, "x"), OCCASION)
    assert account.partition(":")[2] not in str(caught.value)


def trial_at(url: str) -> MessageQueue:
    amqp = SecretStr(url)
    return MessageQueue(url="http://x", user="x", password=SecretStr("x"), amqp_url=amqp, timeout_seconds=0.5)


def test_a_broker_that_is_not_there_silent_or_none() -> None:
    ask = message("reports", "x")
    with pytest.raises(TransientFaultError, match="no connection: refused"):
        trial_at("amqp://a:b@127.0.0.1:1/").answer(ask, OCCASION)
    with pytest.raises(TransientFaultError, match="no address for its name"):
        trial_at("amqp://a:b@rabbit.invalid/").answer(ask, OCCASION)
    with pytest.raises(PermanentFaultError, match="not an address"):
        trial_at("http://a:b@rabbit.example/").answer(ask, OCCASION)
    for none in ("s3cr3t", "amqp://[s3cr3t", "amqp://a:s3cr3t@rabbit.example:port/"):
        with pytest.raises(PermanentFaultError, match="not an address") as named:
            trial_at(none).answer(ask, OCCASION)
        assert "s3cr3t" not in str(named.value)
    with wire(lambda _, over: over.wait()) as port, pytest.raises(TransientFaultError, match="no answer in time"):
        trial_at(f"amqp://a:b@127.0.0.1:{port}/").answer(ask, OCCASION)
    with wire(_as_a_web_server) as port, pytest.raises(SystemFaultError) as caught:
        trial_at(f"amqp://a:b@127.0.0.1:{port}/").answer(ask, OCCASION)
    assert "s3cr3t" not in str(caught.value)


def _as_a_web_server(connection: socket.socket, over: threading.Event) -> None:
    del over
    connection.recv(8)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\ns3cr3t")


ANSWERS: dict[type[Method], Method] = {
    spec.Connection.StartOk: spec.Connection.Tune(channel_max=1, frame_max=131_072, heartbeat=60),
    spec.Connection.Open: spec.Connection.OpenOk(),
    spec.Channel.Open: spec.Channel.OpenOk(),
    spec.Confirm.Select: spec.Confirm.SelectOk(),
    spec.Channel.Close: spec.Channel.CloseOk(),
    spec.Connection.Close: spec.Connection.CloseOk(),
}


def _alive(connection: socket.socket, after: dict[type[Method], tuple[int, Method]]) -> None:
    """A broker that takes part in everything and confirms nothing; `after` is what it says beside, on which channel."""

    def say(channel: int, method: Method) -> None:
        connection.sendall(frame.Method(channel, method).marshal())

    assert connection.recv(8).startswith(b"AMQP")
    can = {"publisher_confirms": True, "basic.nack": True, "connection.blocked": True}
    say(0, spec.Connection.Start(server_properties={"capabilities": can}))
    heard = b""
    while got := connection.recv(4096):
        heard += got
        while (decoded := frame.decode_frame(heard))[0]:
            size, one = decoded
            heard = heard[size:]
            method = getattr(one, "method", None)
            if type(method) in after:
                say(*after[type(method)])
            if type(method) in ANSWERS:
                say(one.channel_number, ANSWERS[type(method)])


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ({}, "no answer in time"),
        ({spec.Basic.Publish: (0, spec.Connection.Blocked("low on memory"))}, "a resource alarm"),
        ({spec.Basic.Publish: (0, spec.Connection.Close(320, "CONNECTION_FORCED", 0, 0))}, "no connection"),
    ],
)
def test_a_broker_that_is_alive_and_confirms_nothing_is_waited_for_no_longer_than_it_may(after, told) -> None:
    ask = message("reports", "x")
    with wire(lambda connection, _: _alive(connection, after)) as port, pytest.raises(TransientFaultError, match=told):
        trial_at(f"amqp://a:b@127.0.0.1:{port}/").answer(ask, OCCASION)


def test_a_message_that_the_broker_does_not_take_is_not_confirmed(broker) -> None:
    arguments = {"x-max-length": 0, "x-overflow": "reject-publish"}
    broker.put("queues/%2F/full", durable=True, arguments=arguments)
    reading = publishing(broker).answer(message("", "full"), OCCASION)
    assert {name: one.value for name, one in reading.values.items()} == {
        "publish_confirmed": False,
        "publish_routed": True,
    }


def test_without_an_account_nothing_is_published(queue) -> None:
    with pytest.raises(PermanentFaultError, match="fill in `amqp_url`"):
        queue.answer(message("reports", "x"), OCCASION)
