"""One real message to RabbitMQ, and whether the broker took it over (https://www.rabbitmq.com/docs/confirms)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from blocks.faults import CHECK_REACH, connection_fault, missing_right, no_address
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError

if TYPE_CHECKING:
    from pika import SelectConnection, URLParameters
    from pika.channel import Channel
    from pika.connection import Connection
    from pika.frame import Method
    from pika.spec import Basic, BasicProperties

_CHECK_LOGIN = "check user, password and virtual host in `amqp_url` of the system's block"
_SCHEMES = frozenset({"amqp", "amqps"})
_ACCESS_REFUSED, _NOT_FOUND = 403, 404
_REPLIES = {
    _ACCESS_REFUSED: ("not authorized", missing_right("write on the exchange")),
    _NOT_FOUND: ("no such exchange", "check the exchange in the plan and the virtual host in the block"),
}


@dataclass(frozen=True)
class Trial:
    """What became of the message. `seconds` are from its sending until the broker's word, and None without one."""

    confirmed: bool
    routed: bool
    seconds: float | None


@dataclass(frozen=True)
class Message:
    """What is sent, and where to."""

    exchange: str
    routing_key: str
    body: bytes
    key: str
    """Its id."""


def publish(url: SecretStr, message: Message, *, timeout_seconds: float, clock: Callable[[], float]) -> Trial:
    """Sends it persistent and mandatory, and waits for the confirm. Raises `SystemFaultError`."""
    # It logs each failure with several tracebacks; the captain gets one sentence.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    system = place(url)
    question = f"a message to exchange {message.exchange or '(default)'} with key {message.routing_key}"
    parameters = _parameters(url, system, question, timeout_seconds)
    talk = _Talk(message, parameters, timeout_seconds, clock)
    try:
        talk.go()
    except OSError as error:
        raise connection_fault(error, system=system, question=question) from error
    if talk.trial is None:
        raise _fault(talk.error, system=system, question=question) from talk.error
    return talk.trial


def place(url: SecretStr) -> str:
    """Broker and virtual host, without credentials."""
    parts = _parts(url)
    # Of what is no URL any part may be the secret.
    return f"RabbitMQ {parts.hostname}{parts.path}" if parts is not None else "RabbitMQ"


def _parts(url: SecretStr) -> SplitResult | None:
    try:
        parts = urlsplit(url.get_secret_value())
    except ValueError:
        return None
    return parts if parts.scheme in _SCHEMES and parts.hostname else None


class _Talk:
    """One connection, from its opening until the broker's word: `trial`, or the `error` that ended it.

    The client's blocking connection knows no deadline for a confirm of a broker that is alive; this one does.
    """

    def __init__(
        self, message: Message, parameters: URLParameters, timeout_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._message, self._parameters = message, parameters
        self._timeout_seconds, self._clock = timeout_seconds, clock
        self._began = 0.0
        self._routed = True
        self._blocked = False
        self.trial: Trial | None = None
        self.error: BaseException | None = None

    def go(self) -> None:
        from pika import SelectConnection

        connection = SelectConnection(
            self._parameters,
            on_open_callback=self._opened,
            on_open_error_callback=self._over,
            on_close_callback=self._over,
        )
        try:
            connection.ioloop.start()
        finally:
            connection.ioloop.close()

    def _opened(self, connection: SelectConnection) -> None:
        # In alarm a broker reads nothing more, and says so; one that is silent is found out by its heartbeat.
        connection.add_on_connection_blocked_callback(self._has_alarm)
        connection.ioloop.call_later(self._timeout_seconds, lambda: self._late(connection))
        connection.channel(on_open_callback=self._has_channel)

    def _has_channel(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._channel_over)
        channel.add_on_return_callback(self._returned)
        channel.confirm_delivery(lambda word: self._heard(word, channel), callback=lambda _: self._send(channel))

    def _send(self, channel: Channel) -> None:
        from pika import BasicProperties

        message = self._message
        properties = BasicProperties(
            content_type="text/plain",
            delivery_mode=2,
            message_id=message.key,
            app_id="tminus",
            headers={"tminus-test": True},
        )
        self._began = self._clock()
        channel.basic_publish(message.exchange, message.routing_key, message.body, properties, mandatory=True)

    def _returned(self, _channel: Channel, _reason: Basic.Return, _properties: BasicProperties, _body: bytes) -> None:
        # Confirmed all the same: the broker did its part.
        self._routed = False

    def _heard(self, word: Method[Basic.Ack | Basic.Nack], channel: Channel) -> None:
        from pika.spec import Basic

        confirmed = isinstance(word.method, Basic.Ack)
        self.trial = Trial(
            confirmed=confirmed, routed=self._routed, seconds=self._clock() - self._began if confirmed else None
        )
        _close(channel.connection)

    def _has_alarm(self, _connection: SelectConnection, _frame: object) -> None:
        self._blocked = True

    def _late(self, connection: SelectConnection) -> None:
        from pika.exceptions import ConnectionBlockedTimeout

        self._fails(ConnectionBlockedTimeout("") if self._blocked else TimeoutError())
        _close(connection)

    def _channel_over(self, channel: Channel, error: Exception) -> None:
        self._fails(error)
        _close(channel.connection)

    def _over(self, connection: SelectConnection, error: BaseException) -> None:
        self._fails(error)
        connection.ioloop.stop()

    def _fails(self, error: BaseException) -> None:
        if self.trial is None and self.error is None:
            self.error = error


def _close(connection: Connection) -> None:
    if not (connection.is_closing or connection.is_closed):
        connection.close()


def _parameters(url: SecretStr, system: str, question: str, timeout_seconds: float) -> URLParameters:
    from pika import URLParameters

    refused = no_address(system, question, field="amqp_url", form="amqps://user:password@host/vhost")
    # The client would take any scheme.
    if _parts(url) is None:
        raise refused
    try:
        parameters = URLParameters(url.get_secret_value())
    except ValueError:
        raise refused from None
    parameters.connection_attempts = 1
    parameters.socket_timeout = parameters.stack_timeout = timeout_seconds
    parameters.heartbeat = max(2, int(timeout_seconds))
    return parameters


def _fault(error: BaseException | None, *, system: str, question: str) -> SystemFaultError:
    from pika import exceptions
    from pika.adapters.utils.connection_workflow import AMQPConnectorStackTimeout

    error = _cause(error)
    match error:
        # Only the client's own deadline aborts an opening.
        case AMQPConnectorStackTimeout() | exceptions.ConnectionOpenAborted() | TimeoutError():
            told = "no answer in time"
            return TransientFaultError(system=system, question=question, answer=told, next_step=CHECK_REACH)
        case exceptions.ProbableAuthenticationError() | exceptions.ProbableAccessDeniedError():
            told, next_step = "the account or the virtual host was refused", _CHECK_LOGIN
            return PermanentFaultError(system=system, question=question, answer=told, next_step=next_step)
        case exceptions.ConnectionClosedByBroker() if error.reply_code in {_ACCESS_REFUSED, 530}:
            told, next_step = "the account or the virtual host was refused", _CHECK_LOGIN
            return PermanentFaultError(system=system, question=question, answer=told, next_step=next_step)
        case exceptions.ChannelClosedByBroker() if error.reply_code in _REPLIES:
            told, next_step = _REPLIES[error.reply_code]
            return PermanentFaultError(system=system, question=question, answer=told, next_step=next_step)
        case exceptions.ConnectionBlockedTimeout():
            told, next_step = "a resource alarm: it takes no messages", "free memory or disk of the broker"
            return TransientFaultError(system=system, question=question, answer=told, next_step=next_step)
        case exceptions.IncompatibleProtocolError() | exceptions.ProtocolSyntaxError():
            told, next_step = "something that is not RabbitMQ", "check host, port and scheme of `amqp_url`"
            return PermanentFaultError(system=system, question=question, answer=told, next_step=next_step)
    return connection_fault(error, system=system, question=question)


def _cause(error: BaseException | None) -> BaseException:
    """What the client's own workflow of connecting wraps."""
    from pika.adapters.utils import connection_workflow as workflow
    from pika.exceptions import AMQPConnectionError

    match error:
        case AMQPConnectionError(args=(workflow.AMQPConnectionWorkflowFailed() as failed,)):
            return _cause(failed)
        case workflow.AMQPConnectionWorkflowFailed():
            return _cause(error.exceptions[-1])
        case workflow.AMQPConnectorPhaseErrorBase():
            return _cause(error.exception)
    return error or ConnectionError()
