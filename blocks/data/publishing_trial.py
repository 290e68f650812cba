"""One real message to RabbitMQ, and whether the broker took it over (https://www.rabbitmq.com/docs/confirms)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from blocks.faults import CHECK_REACH, connection_fault, missing_right
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError

if TYPE_CHECKING:
    from pika import BlockingConnection

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


def publish(
    url: SecretStr,
    *,
    exchange: str,
    routing_key: str,
    body: bytes,
    key: str,
    timeout_seconds: float,
    clock: Callable[[], float],
) -> Trial:
    """Sends it persistent and mandatory, and waits for the confirm. Raises `SystemFaultError`."""
    from pika import BasicProperties
    from pika.exceptions import NackError, UnroutableError

    question = f"a message to exchange {exchange or '(default)'} with key {routing_key}"
    properties = BasicProperties(
        content_type="text/plain", delivery_mode=2, message_id=key, app_id="tminus", headers={"tminus-test": True}
    )
    with _connected(url, question, timeout_seconds=timeout_seconds) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        began = clock()
        try:
            channel.basic_publish(exchange, routing_key, body, properties, mandatory=True)
        except UnroutableError:
            # Returned, and confirmed all the same: the broker did its part.
            return Trial(confirmed=True, routed=False, seconds=clock() - began)
        except NackError:
            return Trial(confirmed=False, routed=True, seconds=None)
        return Trial(confirmed=True, routed=True, seconds=clock() - began)


def place(url: SecretStr) -> str:
    """Broker and virtual host, without credentials."""
    parts = urlsplit(url.get_secret_value())
    # Of what is no URL any part may be the secret.
    return f"RabbitMQ {parts.hostname}{parts.path}" if parts.scheme in _SCHEMES and parts.hostname else "RabbitMQ"


@contextmanager
def _connected(url: SecretStr, question: str, *, timeout_seconds: float) -> Iterator[BlockingConnection]:
    from pika import BlockingConnection, URLParameters
    from pika.adapters.utils.connection_workflow import AMQPConnectorException
    from pika.exceptions import AMQPError

    # It logs each failure with several tracebacks; the captain gets one sentence.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    system = place(url)
    no_address = PermanentFaultError(
        system=system,
        question=question,
        answer="not an address of a broker",
        next_step="write `amqp_url` of the system's block as amqps://user:password@host/vhost",
    )
    # The client would take any scheme.
    if urlsplit(url.get_secret_value()).scheme not in _SCHEMES:
        raise no_address
    try:
        parameters = URLParameters(url.get_secret_value())
    except ValueError as error:
        raise no_address from error
    parameters.connection_attempts = 1
    parameters.socket_timeout = parameters.stack_timeout = timeout_seconds
    # In alarm a broker reads nothing more, and says so; one that is silent is found out by its heartbeat.
    parameters.blocked_connection_timeout = timeout_seconds
    parameters.heartbeat = max(2, int(timeout_seconds))
    connection: BlockingConnection | None = None
    try:
        connection = BlockingConnection(parameters)
        yield connection
    except (AMQPError, AMQPConnectorException, OSError) as error:
        raise _fault(error, system=system, question=question) from error
    finally:
        if connection is not None and connection.is_open:
            with suppress(AMQPError, OSError):
                connection.close()


def _fault(error: Exception, *, system: str, question: str) -> SystemFaultError:
    from pika import exceptions
    from pika.adapters.utils.connection_workflow import AMQPConnectorStackTimeout

    match error:
        case AMQPConnectorStackTimeout():
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
    return connection_fault(_cause(error), system=system, question=question)


def _cause(error: Exception) -> BaseException:
    """What the client's own workflow of connecting wraps."""
    inner = error.args[0] if error.args else None
    wrapped = getattr(inner, "exception", None)
    return wrapped if isinstance(wrapped, BaseException) else error
