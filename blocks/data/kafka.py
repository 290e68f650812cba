"""Kafka: topics with their partitions, and how far a consumer group is behind. Nothing is written, nobody joins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr

from blocks.faults import CHECK_REACH, missing_right
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.data import ConsumerLag, KafkaProbe, TopicHealth
from launch.readings import Reading, quantities

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, TopicPartition

_CHECK_LOGIN = "check `username`, `password` and `mechanism` of the system's block"
_SHOWN = 3


class KafkaCluster(Block):
    """One cluster, as one account sees it."""

    _block_type_name = "Kafka Cluster"
    _block_type_slug = "kafka"
    _description = "Topics and consumer groups of a Kafka cluster, read over its own protocol."
    _documentation_url = HttpUrl("https://kafka.apache.org/documentation/#security_authz_primitives")
    needs: ClassVar[str] = "`Describe` on the topics that are asked about, and on the consumer groups"

    answers: ClassVar[tuple[type[Probe], ...]] = (TopicHealth, ConsumerLag)

    servers: str = Field(description="Brokers to begin with, as host:port, separated by commas.")
    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="SASL_SSL", description="How brokers are spoken to; with SASL, `username` and `password` are needed."
    )
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="How the account proves itself."
    )
    username: str | None = Field(default=None, description="Name of the account.")
    password: SecretStr | None = Field(default=None, description="Password of the account.")
    authority: str | None = Field(
        default=None, description="Certificate of the brokers' authority (PEM), if not public."
    )
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one answer.")

    @property
    def named(self) -> str:
        return f"Kafka {self.servers.split(',')[0].strip()}"

    def check(self) -> str:
        """Proves that a broker takes the account and shows the cluster. Raises `SystemFaultError`."""
        with self._asking("its brokers and topics") as asking:
            shown = asking.consumer.list_topics(timeout=self.timeout_seconds)
        return f"{self.named} shows {len(shown.brokers)} brokers and {len(shown.topics)} topics"

    def answer(self, probe: KafkaProbe, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case TopicHealth():
                return self._health(probe, occasion)
            case ConsumerLag():
                return self._lag(probe, occasion)
            case _:
                assert_never(probe)

    def _health(self, probe: TopicHealth, occasion: Occasion) -> Reading:
        with self._asking(f"topics {', '.join(probe.topics)}") as asking:
            found = [(name, asking.topic(name)) for name in probe.topics]
        missing = [name for name, topic in found if topic is None]
        partitions = [
            (f"{name}/{number}", part) for name, topic in found if topic is not None for number, part in topic.items()
        ]
        headless = [name for name, part in partitions if part.leader < 0]
        thin = [name for name, part in partitions if part.in_sync < part.replicas]
        told = [f"missing: {_few(missing)}"] if missing else []
        told += [f"without leader: {_few(headless)}"] if headless else []
        told += [f"under-replicated: {_few(thin)}"] if thin else []
        return Reading(
            values=quantities("topics", topics_missing=len(missing))
            | quantities(
                "partitions",
                partitions=len(partitions),
                partitions_without_leader=len(headless),
                partitions_under_replicated=len(thin),
            )
            | quantities("replicas", replicas=min((part.replicas for _, part in partitions), default=None)),
            where=f"topics of {self.named}",
            at=occasion.now,
            evidence="; ".join(told)[:256],
        )

    def _lag(self, probe: ConsumerLag, occasion: Occasion) -> Reading:
        from confluent_kafka import TopicPartition

        question = f"how far group {probe.group} is behind"
        with self._asking(question, group=probe.group) as asking:
            partitions: list[TopicPartition] = []
            for name in probe.topics:
                topic = asking.topic(name)
                if topic is None:
                    raise PermanentFaultError(
                        system=self.named,
                        question=question,
                        answer=f"no topic {name}",
                        next_step="check the topics of this probe in the plan",
                    )
                partitions += [TopicPartition(name, number) for number in topic]
            behind = asking.behind(partitions)
        unread = [name for name, (_, begun) in behind.items() if not begun]
        return Reading(
            values=quantities("messages", consumer_lag=sum(count for count, _ in behind.values()))
            | quantities("partitions", partitions_never_read=len(unread)),
            where=f"group {probe.group} of {self.named}",
            at=occasion.now,
            evidence=f"never read: {_few(unread)}" if unread else "",
        )

    @contextmanager
    def _asking(self, question: str, *, group: str = "tminus") -> Iterator[_Asking]:
        from confluent_kafka import Consumer, KafkaException

        heard: list[KafkaError] = []
        patience_ms = 1_000 + int(2_000 * self.timeout_seconds)
        settings: dict[str, object] = {
            "bootstrap.servers": self.servers,
            "security.protocol": self.protocol,
            # Needed to ask for its offsets; without a subscription nobody joins it.
            "group.id": group,
            "enable.auto.commit": False,
            "allow.auto.create.topics": False,
            # Longer than any answer is waited for: who is silent would else be told as one who hangs up.
            "socket.timeout.ms": patience_ms,
            "api.version.request.timeout.ms": patience_ms,
            "error_cb": heard.append,
            # Its faults become ours; standard error is the captain's.
            "log_level": 0,
        }
        if self.protocol.startswith("SASL"):
            password = self.password.get_secret_value() if self.password is not None else ""
            settings |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": self.username or "",
                "sasl.password": password,
            }
        if self.authority is not None:
            settings["ssl.ca.pem"] = self.authority
        try:
            consumer = Consumer(settings)
        except (KafkaException, ValueError) as error:
            raise PermanentFaultError(
                system=self.named,
                question=question,
                answer="settings that the client does not take",
                next_step="check `servers` and `authority` of the system's block",
            ) from error
        try:
            yield _Asking(consumer, self.timeout_seconds)
        except KafkaException as error:
            # What the client heard from brokers comes with the next poll.
            consumer.poll(0)
            raise self._fault([error.args[0], *heard], question) from error
        finally:
            consumer.close()

    def _fault(self, errors: Sequence[KafkaError], question: str) -> SystemFaultError:
        """By the most telling of what was heard: that no broker is left follows from the others."""
        from confluent_kafka import KafkaError

        codes = {error.code() for error in errors}
        said = " ".join(error.str() for error in errors)
        refused = {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}  # noqa: SLF001  public names of the library
        denied = {
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            KafkaError.GROUP_AUTHORIZATION_FAILED,
            KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        }
        answer, next_step, permanent = "no answer in time", CHECK_REACH, False
        if codes & refused:
            answer, next_step, permanent = "the account was refused", _CHECK_LOGIN, True
        elif codes & denied:
            answer, next_step, permanent = "not authorized", missing_right(self.needs), True
        elif KafkaError._SSL in codes or "SSL" in said:  # noqa: SLF001
            answer, permanent = "a TLS handshake that failed", True
            next_step = "check `protocol` and `authority` of the system's block"
        elif KafkaError._RESOLVE in codes or "resolve" in said:  # noqa: SLF001
            answer, next_step = "no address for its name", "check `servers` of the system's block and the DNS here"
        elif "refused" in said:
            answer = "no connection: refused"
        elif KafkaError._BAD_MSG in codes:  # noqa: SLF001
            answer, permanent = "something that is not Kafka", True
            next_step = "check `servers` and `protocol` of the system's block"
        # Said after each of the causes above, too; a broker that only hangs up leaves nothing else.
        elif KafkaError._ALL_BROKERS_DOWN in codes:  # noqa: SLF001
            answer, next_step = "a broken exchange", "check `servers` and `protocol` of the system's block"
        kind = PermanentFaultError if permanent else TransientFaultError
        return kind(system=self.named, question=question, answer=answer, next_step=next_step)


@dataclass(frozen=True)
class _Partition:
    """Its leader is -1 while it has none."""

    leader: int
    replicas: int
    in_sync: int


@dataclass(frozen=True)
class _Asking:
    """One conversation with the cluster. Raises `KafkaException`."""

    consumer: Consumer
    seconds: float

    def topic(self, name: str) -> Mapping[int, _Partition] | None:
        """Its partitions by number; None where there is no such topic."""
        from confluent_kafka import KafkaError, KafkaException

        found = self.consumer.list_topics(name, timeout=self.seconds).topics.get(name)
        if found is None or (found.error is not None and found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART):
            return None
        if found.error is not None:
            raise KafkaException(found.error)
        return {
            number: _Partition(part.leader, len(part.replicas), len(part.isrs))
            for number, part in found.partitions.items()
        }

    def behind(self, partitions: Sequence[TopicPartition]) -> dict[str, tuple[int, bool]]:
        """Of each partition: messages that the group has not read, and whether it ever read one."""
        from confluent_kafka import KafkaException

        found: dict[str, tuple[int, bool]] = {}
        for read in self.consumer.committed(list(partitions), timeout=self.seconds):
            if read.error is not None:
                raise KafkaException(read.error)
            first, end = self.consumer.get_watermark_offsets(read, timeout=self.seconds)
            begun = read.offset >= 0
            found[f"{read.topic}/{read.partition}"] = (end - (max(read.offset, first) if begun else first), begun)
        return found


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
