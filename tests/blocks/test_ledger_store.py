"""The ledger as a block: flows find it by name, and its password stays in the block."""

from datetime import datetime, timedelta

import pytest

from blocks.ledger_database import HEAD
from blocks.ledger_store import LedgerStore
from launch import acts
from launch.drill import DRILL, LEAD, drill_plan
from launch.errors import PermanentFaultError, PlanError
from launch.events import LaunchClosed, Outcome, RollbackEnded, ServiceRestored
from launch.plan import Plan
from launch.ports import Occasion
from launch.probes.launches import NewestDrill
from launch.release import Release
from tests.fakes import plans
from tests.fakes.plans import T0


def test_a_ledger_is_looked_at_without_being_made(tmp_path) -> None:
    store = LedgerStore(url=f"sqlite:///{tmp_path / 'ledger.db'}")
    assert store.check() == "the ledger is new: its tables are made when it is first opened"
    assert list(tmp_path.iterdir()) == []
    store.open().close()
    assert store.check() == f"the ledger has schema {HEAD}"


@pytest.mark.parametrize("url", ["postgresql://tminus:s3cret@127.0.0.1:1/ledger", "sqlite:////nowhere/ledger.db"])
def test_a_ledger_out_of_reach_is_a_fault_without_the_password(url) -> None:
    with pytest.raises(PermanentFaultError, match="cannot open the ledger") as caught:
        LedgerStore(url=url).check()
    assert "s3cret" not in str(caught.value)


def test_a_ledger_that_cannot_be_reached_is_one_sentence_without_the_password() -> None:
    store = LedgerStore(url="postgresql://tminus:s3cret@127.0.0.1:1/ledger")
    with pytest.raises(PlanError) as caught:
        store.open()
    assert "127.0.0.1:1" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(store)


def drilled(store: LedgerStore, name: str, plan: Plan, at: datetime, *, environment: str = "sandbox") -> None:
    """A drill of a plan that went back without residue in ten seconds, half a minute after it was opened."""
    ledger = store.open()
    drill = drill_plan(plan)
    acts.open_launch(
        ledger, name, plan=drill, plan_hash="hash", plan_path="", release=Release(version="v1"), t0=at + LEAD,
        environment=environment, opened_by="ana", at=at, wall=at,
    )  # fmt: skip
    claimed = at + timedelta(seconds=20)
    acts.claim_rollback(ledger, name, trigger=DRILL, tier="urgent", by="ana", at=claimed, wall=claimed)
    ended = claimed + timedelta(seconds=10)
    for event in (
        ServiceRestored(failed=()),
        RollbackEnded(outcome=Outcome.ROLLED_BACK),
        LaunchClosed(outcome=Outcome.ROLLED_BACK),
    ):
        ledger.append(name, event, at=ended, wall=ended)
    ledger.close()


def test_it_knows_the_newest_drill_of_the_product_in_that_environment(tmp_path) -> None:
    store = LedgerStore(url=f"sqlite:///{tmp_path / 'ledger.db'}")
    plan, now = plans.plan(actions=[plans.action("deploy")]), T0 - timedelta(days=1)
    other = plan.model_copy(update={"product": plan.product.model_copy(update={"id": "other"})})
    ledger = store.open()
    acts.open_launch(
        ledger, "cockpit-1", plan=plan, plan_hash="hash", plan_path="", release=Release(version="v2"), t0=T0,
        environment="sandbox", opened_by="ana", at=now, wall=now,
    )  # fmt: skip
    ledger.close()
    occasion = Occasion(launch="cockpit-1", now=now, t0=T0, release=Release(version="v2"))
    probe = NewestDrill(ask="newest-drill", of="ledger", environment="sandbox")
    assert store.answer(probe, occasion).values == {}

    drilled(store, "cockpit-drill-1", plan, now - timedelta(days=30))
    drilled(store, "cockpit-drill-2", plan, now - timedelta(hours=5, seconds=30))
    drilled(store, "other-drill-1", other, now - timedelta(hours=1))
    values = {name: one.value for name, one in store.answer(probe, occasion).values.items()}
    assert values == {
        "drill_age": 5.0,
        "drill_passed": True,
        "drill_version": "v1",
        "drill_restored": 10.0,
        "drill_complete": 10.0,
    }
    elsewhere = probe.model_copy(update={"environment": "staging"})
    assert store.answer(elsewhere, occasion).values == {}
