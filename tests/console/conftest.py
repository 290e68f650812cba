"""A launch of the small plan in a ledger on disk, told act by act."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blocks.ledger import SqlLedger, open_ledger
from launch.acts import open_launch
from launch.plan_file import load_plan
from launch.release import Release

LAUNCH = "cockpit-1"


class Story:
    """Appends events at offsets from T0; the wall is the launch clock."""

    def __init__(self, ledger: SqlLedger, t0: datetime) -> None:
        self.ledger = ledger
        self.t0 = t0
        self.url = ledger.url

    def then(self, offset: timedelta, *events) -> None:
        for event in events:
            at = self.t0 + offset
            self.ledger.append(LAUNCH, event, at=at, wall=at)


@pytest.fixture
def story(small_plan: Path, tmp_path: Path):
    """Opened at T-8d; T0 lies a day ahead of now, so that acts of persons are in time."""
    t0 = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    loaded = load_plan(small_plan.read_text())
    open_launch(
        ledger,
        LAUNCH,
        plan=loaded.plan,
        plan_hash=loaded.hash,
        plan_path="plans/small.yaml",
        release=Release(version="v2", services={"api": "v2.1.0"}),
        t0=t0,
        environment="sandbox",
        opened_by="ana",
        at=t0 - timedelta(days=8),
        wall=t0 - timedelta(days=8),
    )
    yield Story(ledger, t0)
    ledger.close()
