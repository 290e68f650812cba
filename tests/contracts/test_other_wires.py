"""The table of errors for what is not reached over HTTP: PostgreSQL, Redis, SMTP and DNS, byte for byte.

As `test_error_table`: the fault of every verb is one sentence that helps, says rightly whether asking again can help, and
quotes no secret; nothing that was not answered is a pass.
"""

from functools import partial
from typing import Any

import pytest

from console.systems import block_types
from launch.effects.data import WarmCache
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError
from launch.probes.data import ConnectionPool
from launch.readings import Reading
from launch.verdicts import Verdict, judge
from tests.fakes.other_wires import WIRES, built, redis
from tests.fakes.providers import AGAIN, SECRET, Trouble
from tests.fakes.scripted_wire import wire
from tests.fakes.verbs import OCCASION, effects, questions

NEVER = {
    "resolver": {Trouble.CREDENTIALS, Trouble.LIMITED},  # DNS has neither
    "smtp-relay": {Trouble.LOST},  # a relay has no names that could be lost
}
ROWS = [
    (slug, verb, trouble)
    for slug, wire_of in WIRES.items()
    for verb in wire_of.verbs
    for trouble in Trouble
    if trouble not in NEVER.get(slug, ())
]
# Bytes of another protocol, or none: it may be a server that starts, so asking again can help, or not.
EITHER = {Trouble.MALFORMED, Trouble.EMPTY}
MEASURED = {"connection-pool"}
"""A refused connection is what this question measures."""


@pytest.mark.parametrize(("slug", "verb", "trouble"), ROWS)
def test_a_verb_that_meets_trouble_is_one_sentence_that_helps(slug, verb, trouble) -> None:
    with WIRES[slug].served(trouble) as port:
        block = built(slug, port, trouble)
        try:
            found = WIRES[slug].verbs[verb](block)
        except SystemFaultError as fault:
            found = fault
    if verb in MEASURED and isinstance(found, Reading):
        (limits,) = (asked.limits for kind, asked in questions().items() if kind is ConnectionPool)
        assert judge(limits, [found], OCCASION.release).verdict is not Verdict.PASS
        return
    if (slug, verb, trouble) == ("smtp-relay", "check", Trouble.RIGHT):
        assert found == f"the relay 127.0.0.1:{port} takes the login"  # whom it may send as shows with a mail
        return
    assert isinstance(found, SystemFaultError), found
    assert found.system
    assert found.question
    assert found.next_step
    assert SECRET not in str(found)
    assert "\n" not in str(found)
    if trouble not in EITHER:
        assert isinstance(found, TransientFaultError if trouble in AGAIN else PermanentFaultError), found
    if trouble is Trouble.SILENT:
        assert found.answer == "no answer in time"


@pytest.mark.parametrize("trouble", sorted(set(Trouble) - {Trouble.LOST}))
def test_a_cache_that_cannot_be_looked_into_is_not_taken_for_warm(trouble) -> None:
    with wire(partial(redis, trouble)) as port:
        patience = 0.2 if trouble is Trouble.SILENT else 5
        url = f"redis://:{SECRET}@127.0.0.1:{port}/0"
        fields = {"url": "http://127.0.0.1:1", "token": SECRET, "redis_url": url, "timeout_seconds": patience}
        block: Any = block_types()["cache-admin"].model_validate(fields)
        with pytest.raises(SystemFaultError) as caught:
            block.observe(effects()[WarmCache], OCCASION)
    assert SECRET not in str(caught.value)
