"""What people paste into a block's form: a token with its line break, a password with an umlaut, an address without a port.

As input: every provider, its secrets and addresses spoilt. As output: one sentence that helps, at the block's loading or
by its `check()`, that neither it nor what it was raised from quotes.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from console.systems import block_types
from launch.errors import PermanentFaultError, SystemFaultError
from tests.fakes.other_wires import WIRES
from tests.fakes.providers import PROVIDERS, SECRET, Trouble
from tests.fakes.scripted_server import ScriptedServer, scripted

PASTED = "p4st3d"
SECRETS = {
    "a line break": f"{PASTED}\n",
    "a line break within": f"{PASTED}\r\n{PASTED}",
    "a space": f" {PASTED} ",
    "an umlaut": f"{PASTED}ü",
    "a euro": f"{PASTED}€",
    "a zero": f"{PASTED}\0",
}
ADDRESSES = (
    "http://127.0.0.1:port",
    "http://127.0.0.1:99999",
    "http://[x",
    "http://",
    "127.0.0.1",
    "gopher://x",
    "h ttp://x",
)


@pytest.fixture(scope="module")
def vendor() -> Iterator[ScriptedServer]:
    with scripted() as server:
        yield server


STRINGS = {
    "postgres-database": (
        "dsn",
        f"postgresql://u:{PASTED}/x@127.0.0.1:1/app",
        f"postgresql://u:p@{PASTED}@127.0.0.1:1/app",
        f"postgresql://u:{PASTED}%@127.0.0.1:1/app",
        f"postgresql://u:{PASTED}@127.0.0.1:port/app",
        f"postgresql://[{PASTED}",
        f"host=127.0.0.1 passwort={PASTED}",
        PASTED,
    ),
    "redis-cache": (
        "url",
        f"redis://:{PASTED}/x@127.0.0.1:1/0",
        f"redis://:{PASTED}@127.0.0.1:port",
        f"http://:{PASTED}@127.0.0.1:1",
        f"redis://[{PASTED}",
        PASTED,
        "",
    ),
    "launch-ledger": ("url", f"postgresql://u:{PASTED}@127.0.0.1:port/x", f"mysql://u:{PASTED}@127.0.0.1/x", PASTED),
}


def told(slug: str, fields: dict[str, Any]) -> BaseException:
    """Why the block is refused, by its form or by its check."""
    try:
        block: Any = block_types()[slug].model_validate({"timeout_seconds": 2} | fields)
    except ValidationError as error:
        return error
    with pytest.raises(SystemFaultError) as caught:
        block.check()
    return caught.value


def shown(error: BaseException | None) -> str:
    """Everything that a log would print of it."""
    return (
        ""
        if error is None
        else f"{error} {shown(error.__cause__ or (None if error.__suppress_context__ else error.__context__))}"
    )


@pytest.mark.parametrize("spoilt", SECRETS)
@pytest.mark.parametrize("slug", PROVIDERS)
def test_a_secret_that_was_pasted_badly_is_one_sentence_without_it(vendor, slug, spoilt) -> None:
    dialect, usual = PROVIDERS[slug]
    fields = json.loads(json.dumps(usual(vendor.url)).replace(SECRET, json.dumps(SECRETS[spoilt])[1:-1]))
    with vendor.playing(lambda asked: dialect(Trouble.CREDENTIALS, asked)):
        fault = told(slug, fields)
    assert isinstance(fault, PermanentFaultError), fault
    assert "secrets" in fault.next_step or "renew" in fault.next_step or "paste" in fault.next_step, fault
    assert PASTED not in shown(fault)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("slug", PROVIDERS)
def test_an_address_that_is_none_is_one_sentence(slug, address) -> None:
    fault = told(slug, PROVIDERS[slug][1](address))
    assert isinstance(fault, SystemFaultError | ValidationError)
    assert SECRET not in shown(fault)


@pytest.mark.parametrize(("slug", "string"), [(slug, one) for slug, (_, *ones) in STRINGS.items() for one in ones])
def test_a_connection_string_that_is_none_is_one_sentence_without_it(slug, string) -> None:
    fault = told(slug, {STRINGS[slug][0]: string})
    assert isinstance(fault, PermanentFaultError), fault
    assert f"`{STRINGS[slug][0]}`" in fault.next_step or "sqlite" in fault.answer, fault
    assert PASTED not in shown(fault)


def test_the_other_form_of_a_connection_string_does_not_tell_its_password() -> None:
    fault = told("postgres-database", {"dsn": f"host=127.0.0.1 port=1 password={PASTED} dbname=app"})
    assert str(fault).startswith('PostgreSQL 127.0.0.1:1/app answered "no connection: refused"')
    assert PASTED not in shown(fault)


@pytest.mark.parametrize("letter", "ü€")
def test_a_mail_password_with_a_letter_that_smtp_cannot_take_is_one_sentence(letter) -> None:
    with WIRES["smtp-relay"].served(Trouble.CREDENTIALS) as port:
        fields: dict[str, Any] = dict(WIRES["smtp-relay"].fields(port))
        fields["server"] |= {"password": f"{PASTED}{letter}"}
        fault = told("smtp-relay", fields)
    assert isinstance(fault, PermanentFaultError), fault
    assert "odd letter" in fault.next_step
    assert PASTED not in shown(fault)
