"""The hash chain: every edit, deletion and reordering is found at its place."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from launch.events import EffectFinished, EffectResult, HoldPlaced, MetricsSeen
from launch.ledger import GENESIS, BrokenChainError, Record, chain_hash, verify_chain

START = datetime(2026, 1, 1, tzinfo=UTC)
LAUNCH = "cockpit-1"

# Hypothesis wants bounds without a zone and adds it itself.
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
holds = st.builds(HoldPlaced, by=st.text(max_size=20), reason=st.text(max_size=20))
metrics = st.builds(MetricsSeen, values=st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False), max_size=3))
chains = st.lists(st.tuples(instants, instants, holds | metrics), min_size=2, max_size=8)


def chained(content) -> list[Record]:
    records: list[Record] = []
    for sequence, (at, wall, event) in enumerate(content, start=1):
        previous = records[-1].hash if records else GENESIS
        sealed = chain_hash(LAUNCH, sequence, at, wall, event, previous)
        records.append(
            Record(launch=LAUNCH, sequence=sequence, at=at, wall=wall, event=event, previous=previous, hash=sealed),
        )
    return records


def broken_at(records: list[Record]) -> int:
    with pytest.raises(BrokenChainError) as caught:
        verify_chain(LAUNCH, records)
    return caught.value.sequence


@given(chains)
def test_an_untouched_chain_holds(content) -> None:
    verify_chain(LAUNCH, chained(content))


@given(chains, st.data())
def test_an_edited_event_is_found_at_its_place(content, data) -> None:
    records = chained(content)
    at = data.draw(st.integers(0, len(records) - 1))
    other = data.draw(holds | metrics)
    assume(other != records[at].event)
    records[at] = records[at].model_copy(update={"event": other})
    assert broken_at(records) == at + 1


@given(chains, st.data(), st.sampled_from(["at", "wall"]))
def test_an_edited_instant_is_found_at_its_place(content, data, field) -> None:
    records = chained(content)
    at = data.draw(st.integers(0, len(records) - 1))
    moved = getattr(records[at], field) + timedelta(microseconds=data.draw(st.integers(1, 10**9)))
    records[at] = records[at].model_copy(update={field: moved})
    assert broken_at(records) == at + 1


@given(chains, st.data())
def test_an_edit_that_is_sealed_anew_breaks_the_event_after_it(content, data) -> None:
    records = chained(content)
    at = data.draw(st.integers(0, len(records) - 2))
    forged = HoldPlaced(by="eve", reason=f"not {records[at].event}")
    old = records[at]
    sealed = chain_hash(LAUNCH, old.sequence, old.at, old.wall, forged, old.previous)
    records[at] = old.model_copy(update={"event": forged, "hash": sealed})
    assert broken_at(records) == at + 2


@given(chains, st.data())
def test_a_missing_event_is_found_where_it_was(content, data) -> None:
    records = chained(content)
    at = data.draw(st.integers(0, len(records) - 2))
    del records[at]
    assert broken_at(records) == at + 1


@given(chains, st.data())
def test_a_missing_event_is_found_though_the_rest_is_counted_anew(content, data) -> None:
    records = chained(content)
    at = data.draw(st.integers(0, len(records) - 2))
    del records[at]
    renumbered = [record.model_copy(update={"sequence": place}) for place, record in enumerate(records, start=1)]
    assert broken_at(renumbered) == at + 1


@given(chains, st.data())
def test_a_reordering_is_found_at_the_first_place_that_changed(content, data) -> None:
    records = chained(content)
    order = data.draw(st.permutations(range(len(records))))
    assume(list(order) != list(range(len(records))))
    first = next(place for place, index in enumerate(order) if place != index)
    assert broken_at([records[index] for index in order]) == first + 1


@given(chains)
def test_an_event_of_another_launch_does_not_fit(content) -> None:
    records = chained(content)
    with pytest.raises(BrokenChainError):
        verify_chain("cockpit-2", records)


@given(chains, st.data())
def test_cutting_off_the_end_is_not_found_and_needs_an_anchor(content, data) -> None:
    records = chained(content)
    verify_chain(LAUNCH, records[: data.draw(st.integers(0, len(records)))])


def test_records_of_before_effects_gave_outputs_keep_their_hash() -> None:
    """Sealed by the version before: a ledger must not look altered because its reader was renewed."""
    event = EffectFinished(action="deploy", attempt=1, result=EffectResult.APPLIED, detail="3 pods")
    at = datetime(2026, 12, 7, 7, tzinfo=UTC)
    sealed = "9a9506f883749c13f77388a6e10a79f331f678d154c669973db94ac509b3914f"
    assert chain_hash(LAUNCH, 1, at, at, event, GENESIS) == sealed


def test_outputs_are_under_the_seal() -> None:
    event = EffectFinished(action="clone", attempt=1, result=EffectResult.APPLIED, outputs={"address": "10.0.0.7"})
    records = chained([(START, START, event)])
    records[0] = records[0].model_copy(update={"event": event.model_copy(update={"outputs": {"address": "10.6.6.6"}})})
    assert broken_at(records) == 1
    assert EffectFinished.model_validate_json(event.model_dump_json()) == event
