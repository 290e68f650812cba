"""What `tminus status` says of the step of the rollout."""

from datetime import UTC, datetime, timedelta

import pytest

from console.status import step_words
from launch.status import StepLine

NOW = datetime(2026, 12, 7, 7, tzinfo=UTC)
LEFT = timedelta(minutes=4)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            StepLine(
                n=2, target="users", percent=30, exposure=30, entered=NOW, hold_left=LEFT, clean=1, clean_needed=3
            ),
            "Step 2 30 % (users): live exposure 30 %, 4m of its hold left, 1 of 3 clean samples",
        ),
        (
            StepLine(n=1, target="pods", hold_left=LEFT, clean=0, clean_needed=0, held="check fast has not passed"),
            "Step 1 (pods): live exposure not known, not entered\n  stays: check fast has not passed",
        ),
    ],
)
def test_a_step_in_words(line: StepLine, words: str) -> None:
    assert step_words(line) == words
