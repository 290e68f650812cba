"""The ledger as a block: flows find it by name, and its password stays in the block."""

import pytest

from blocks.ledger_store import LedgerStore
from launch.errors import PlanError


def test_it_opens_a_ledger_and_says_what_is_in_it(tmp_path) -> None:
    store = LedgerStore(url=f"sqlite:///{tmp_path / 'ledger.db'}")
    assert store.check() == f"the ledger sqlite:///{tmp_path / 'ledger.db'} holds 0 launches"


def test_a_ledger_that_cannot_be_reached_is_one_sentence_without_the_password() -> None:
    store = LedgerStore(url="postgresql://tminus:s3cret@127.0.0.1:1/ledger")
    with pytest.raises(PlanError) as caught:
        store.open()
    assert "127.0.0.1:1" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(store)
