"""RabbitMQ's management API."""

import pytest

from blocks.data.message_queue import _Queue
from launch.errors import PermanentFaultError, TransientFaultError
from launch.probes.data import QueueTopology

PROBE = QueueTopology(
    ask="queue-topology",
    of="queue",
    exchanges=("reports", "dead-letters"),
    queues=("reports.generate", "exports.build"),
)


@pytest.fixture
def queue(rehearsal):
    return rehearsal.block("message-queue/sandbox-queue")


def test_a_complete_host_lacks_nothing(queue, rehearsal, values):
    assert set(values(queue.answer(PROBE, rehearsal.occasion())).values()) == {0}


@pytest.mark.parametrize(
    ("knob", "value", "metric", "count"),
    [
        ("queue.exchanges", 0, "missing_exchanges", 2),
        ("queue.queues", 1, "missing_queues", 1),
        ("queue.dead-letters", False, "queues_without_dead_letter", 2),
        ("queue.waiting", 7, "messages_waiting", 14),
        ("queue.alarm", True, "resource_alarms", 1),
        ("queue.confirms", False, "publishers_without_confirms", 3),
    ],
)
def test_what_is_missing_is_counted(queue, rehearsal, turned, values, knob, value, metric, count):  # noqa: PLR0917
    turned.set(knob, value)
    assert values(queue.answer(PROBE, rehearsal.occasion()))[metric] == count


def test_nobody_knows_what_waits_in_a_queue_that_is_missing(queue, rehearsal, turned, values):
    turned.set("queue.queues", 0)
    assert "messages_waiting" not in values(queue.answer(PROBE, rehearsal.occasion()))


@pytest.mark.parametrize(
    ("queue", "exchange"),
    [
        ({"name": "q", "arguments": {"x-dead-letter-exchange": "dlx"}}, "dlx"),
        ({"name": "q", "effective_policy_definition": {"dead-letter-exchange": "dlx"}}, "dlx"),
        ({"name": "q", "effective_policy_definition": []}, None),
        ({"name": "q"}, None),
    ],
)
def test_a_dead_letter_exchange_comes_by_argument_or_policy(queue, exchange):
    assert _Queue.model_validate(queue).dead_letter_exchange == exchange


def test_refused_credentials_and_an_unknown_host_are_permanent(rehearsal):
    with pytest.raises(PermanentFaultError, match="401"):
        rehearsal.block("message-queue/sandbox-queue", password="wrong").check()
    with pytest.raises(PermanentFaultError, match="404"):
        rehearsal.block("message-queue/sandbox-queue", virtual_host="/").answer(PROBE, rehearsal.occasion())


@pytest.mark.parametrize("mode", ["500", "hang", "refuse"])
def test_an_api_out_of_order_is_transient(rehearsal, turned, mode):
    turned.set("vendor.queue", mode)
    with pytest.raises(TransientFaultError):
        rehearsal.block("message-queue/sandbox-queue", timeout_seconds=0.5).check()
