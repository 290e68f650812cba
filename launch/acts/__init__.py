"""What persons, runs and the watchdog may do to a launch: each act is checked against the rules, then written down.

Every act takes the instants of both clocks: `at` on the launch clock, `wall` on the machine's.
"""

from launch.acts.alarming import hold_unwatched, raise_alarm
from launch.acts.deciding import cast_ballot, note_resume, settle_gate
from launch.acts.opening import open_launch
from launch.acts.steering import hold, hold_exposure, lift, release_exposure, slip
from launch.acts.taking_back import claim_rollback, may_roll_back, report_trigger, take_over_rollback
from launch.acts.vouching import attest, waive
from launch.acts.writing import plan_of

__all__ = [
    "attest",
    "cast_ballot",
    "claim_rollback",
    "hold",
    "hold_exposure",
    "hold_unwatched",
    "lift",
    "may_roll_back",
    "note_resume",
    "open_launch",
    "plan_of",
    "raise_alarm",
    "release_exposure",
    "report_trigger",
    "settle_gate",
    "slip",
    "take_over_rollback",
    "waive",
]
