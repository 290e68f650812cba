"""`timeline` and `plans ids` as a program reads them."""

import json
from pathlib import Path

import pytest

from console.main import run


def test_the_timeline_as_json(small_plan: Path, capfdbinary) -> None:
    assert run(["timeline", str(small_plan), "--t0", "2026-12-07T07:00+01:00", "--json"]) == 0
    document = json.loads(capfdbinary.readouterr().out)
    assert document["t0"] == "2026-12-07T06:00:00Z"
    assert document["critical_path"] == ["go", "deploy", "announce"]
    deploy = next(one for one in document["moments"] if one["id"] == "deploy")
    assert (deploy["offset"], deploy["duration"], deploy["slack"]) == ("T-30m", "10m", "15m")


def test_the_timeline_in_columns_is_never_cut(small_plan: Path, capfd) -> None:
    assert run(["timeline", str(small_plan), "--t0", "2026-12-07T06:00Z", "--phase", "countdown"]) == 0
    out = capfd.readouterr().out
    assert "Everybody knows the plan" in out
    assert "replica-near" not in out
    assert "Critical path: go → deploy → announce" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--t0", "2026-12-07T07:00"], "has no zone"),
        (["--t0", "soon"], "is not a date and time"),
        (["--t0", "2026-12-07T06:00Z", "--phase", "x"], "the plan has no phase 'x'"),
    ],
)
def test_a_wrong_t0_or_phase_exits_2(small_plan: Path, capfd, arguments: list[str], sentence: str) -> None:
    assert run(["timeline", str(small_plan), *arguments]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert sentence in captured.err


def test_every_id_by_kind(small_plan: Path, capfdbinary) -> None:
    assert run(["plans", "ids", str(small_plan), "--json"]) == 0
    found = json.loads(capfdbinary.readouterr().out)
    assert found["checks"] == ["replica-near", "staff-briefed"]
    assert found["rollback_steps"] == ["full/step-1"]
    empty = {kind for kind, names in found.items() if not names}
    assert empty == {"promotions", "rollout_steps", "service_groups", "snapshot"}
