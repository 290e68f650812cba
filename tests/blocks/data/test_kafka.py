"""Kafka as librdkafka's own mock cluster serves it, and brokers that refuse, are silent or are none."""

import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from blocks.data.kafka import KafkaCluster
from launch.errors import PermanentFaultError, TransientFaultError
from launch.probes.data import ConsumerLag, TopicHealth
from tests.fakes.scripted_wire import wire
from tests.fakes.verbs import OCCASION

pytestmark = pytest.mark.integration
SECRET = "s3cr3t"


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Three brokers; `orders` has ten messages in four partitions."""
    producer = Producer({"test.mock.num.brokers": 3, "bootstrap.servers": "none", "log_level": 0})
    brokers = producer.list_topics(timeout=10).brokers.values()
    for number in range(10):
        producer.produce("orders", str(number), partition=number % 4)
    assert producer.flush(10) == 0
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    producer.flush(1)


def kafka(servers: str, **fields: object) -> KafkaCluster:
    plain = {"servers": servers, "protocol": "PLAINTEXT", "timeout_seconds": 5}
    return KafkaCluster.model_validate(plain | fields)


def health(*topics: str) -> TopicHealth:
    return TopicHealth(ask="topic-health", of="kafka", topics=topics)


def lag(group: str, *topics: str) -> ConsumerLag:
    return ConsumerLag(ask="consumer-lag", of="kafka", group=group, topics=topics)


def read(servers: str, group: str, **offsets: int) -> None:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": group, "log_level": 0})
    places = [TopicPartition("orders", int(name.removeprefix("p")), offset) for name, offset in offsets.items()]
    consumer.commit(offsets=places, asynchronous=False)
    consumer.close()


def test_topics_are_there_led_and_replicated(cluster, values):
    assert values(kafka(cluster).answer(health("orders"), OCCASION)) == {
        "topics_missing": 0,
        "partitions": 4,
        "partitions_without_leader": 0,
        "partitions_under_replicated": 0,
        "replicas": 3,
    }


def test_a_topic_that_is_missing_is_counted_and_not_made(cluster, values):
    block = kafka(cluster)
    for _ in range(2):
        reading = block.answer(health("orders", "invoices"), OCCASION)
        assert values(reading)["topics_missing"] == 1
        assert reading.evidence == "missing: invoices"
    assert values(block.answer(health("invoices"), OCCASION)) == {
        "topics_missing": 1,
        "partitions": 0,
        "partitions_without_leader": 0,
        "partitions_under_replicated": 0,
    }


def test_a_group_is_behind_by_what_it_has_not_read(cluster, values):
    read(cluster, "billing", p0=3, p1=1, p2=2)
    reading = kafka(cluster).answer(lag("billing", "orders"), OCCASION)
    assert values(reading) == {"consumer_lag": 0 + 2 + 0 + 2, "partitions_never_read": 1}
    assert reading.evidence == "never read: orders/3"


def test_a_group_that_never_read_is_behind_by_everything(cluster, values):
    seen = values(kafka(cluster).answer(lag("nobody", "orders"), OCCASION))
    assert seen == {"consumer_lag": 10, "partitions_never_read": 4}


def test_asking_joins_no_group_and_moves_no_offset(cluster, values):
    read(cluster, "audit", p0=1)
    for _ in range(2):
        assert values(kafka(cluster).answer(lag("audit", "orders"), OCCASION))["consumer_lag"] == 9


def test_the_lag_of_a_topic_that_is_not_there_is_a_fault(cluster):
    with pytest.raises(PermanentFaultError, match="no topic invoices"):
        kafka(cluster).answer(lag("billing", "invoices"), OCCASION)


def test_the_check_counts_what_it_sees(cluster):
    assert kafka(cluster).check().endswith("shows 3 brokers and 1 topics")


def exactly(connection: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        more = connection.recv(length - len(found))
        if not more:
            raise OSError("the client has gone")
        found += more
    return found


def refusing(connection: socket.socket, over: threading.Event) -> None:
    """https://kafka.apache.org/protocol: any version of ApiVersions but the first is too new; then SASL is refused."""
    del over
    while True:
        (length,) = struct.unpack("!i", exactly(connection, 4))
        key, version, correlation = struct.unpack("!hhi", exactly(connection, length)[:8])
        if key == 18 and version > 0:
            body = struct.pack("!hi", 35, 0)
        elif key == 18:
            known = [(18, 0, 0), (17, 0, 1), (36, 0, 1), (3, 0, 4)]
            body = struct.pack("!hi", 0, len(known)) + b"".join(struct.pack("!hhh", *one) for one in known)
        elif key == 17:
            body = struct.pack("!hi", 0, 1) + struct.pack("!h", 5) + b"PLAIN"
        else:
            told = f"no such user, {SECRET}".encode()
            body = struct.pack("!h", 58) + struct.pack("!h", len(told)) + told + struct.pack("!i", 0)
            body += struct.pack("!q", 0) if version else b""
        answer = struct.pack("!i", correlation) + body
        connection.sendall(struct.pack("!i", len(answer)) + answer)


def silent(connection: socket.socket, over: threading.Event) -> None:
    del connection
    over.wait()


def nonsense(connection: socket.socket, over: threading.Event) -> None:
    del over
    exactly(connection, 4)
    connection.sendall(f"HTTP/1.1 400 Bad Request\r\n\r\n{SECRET}".encode())


def gone(connection: socket.socket, over: threading.Event) -> None:
    del over
    exactly(connection, 4)


ACCOUNT = {"protocol": "SASL_PLAINTEXT", "mechanism": "PLAIN", "username": "launch", "password": SECRET}


@pytest.mark.parametrize(
    ("part", "fields", "kind", "told"),
    [
        (refusing, ACCOUNT, PermanentFaultError, "the account was refused"),
        (silent, {}, TransientFaultError, "no answer in time"),
        (nonsense, {}, PermanentFaultError, "something that is not Kafka"),
        (gone, {}, TransientFaultError, "a broken exchange"),
        (nonsense, {"protocol": "SSL"}, PermanentFaultError, "a TLS handshake that failed"),
    ],
)
def test_a_broker_in_trouble_is_one_sentence_in_time(part, fields, kind, told):
    with wire(part) as port:
        block = kafka(f"127.0.0.1:{port}", timeout_seconds=1, **fields)
        for asked in (block.check, lambda: block.answer(health("orders"), OCCASION)):
            with pytest.raises(kind, match=told) as caught:
                asked()
            assert SECRET not in str(caught.value)


def test_nobody_there_and_a_name_that_nobody_knows(capfd):
    with pytest.raises(TransientFaultError, match="no connection: refused"):
        kafka("127.0.0.1:1", timeout_seconds=0.5).check()
    with pytest.raises(TransientFaultError, match="no address for its name"):
        kafka("kafka.invalid:9092", timeout_seconds=1).check()
    assert capfd.readouterr().err == ""


def test_settings_that_are_none_are_the_blocks_fault():
    with pytest.raises(PermanentFaultError, match="settings that the client does not take"):
        kafka("kafka.example:9092", protocol="SSL", authority="no certificate").check()


@pytest.mark.parametrize(
    ("code", "kind", "told"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, PermanentFaultError, "missing right: `Describe` on the topics"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, PermanentFaultError, "not authorized"),
        (KafkaError.SASL_AUTHENTICATION_FAILED, PermanentFaultError, "the account was refused"),
        (KafkaError.COORDINATOR_LOAD_IN_PROGRESS, TransientFaultError, "no answer in time"),
    ],
)
def test_what_brokers_answer_means(code, kind, told):
    fault = kafka("kafka.example:9092")._fault([KafkaError(code)], "the topics")
    assert isinstance(fault, kind)
    assert told in str(fault)
