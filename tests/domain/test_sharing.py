from hypothesis import given
from hypothesis import strategies as st

from movoice_box.domain.sharing import Demand, share_channels
from movoice_box.ids import BatchId, TrunkId

TRUNK = TrunkId("trunk_1")


def a_demand(
    batch: str, *, live: int = 0, concurrency: int = 10, queued: int = 100, turn: int = 0
) -> Demand:
    return Demand(BatchId(batch), TRUNK, live, concurrency, queued, turn)


def test_two_batches_share_a_trunk_fairly() -> None:
    demands = [a_demand("a", live=4), a_demand("b")]
    assert share_channels(demands, {TRUNK: 6}, None) == {"a": 1, "b": 5}


def test_batches_take_turns_at_a_single_channel() -> None:
    demands = [a_demand("a", turn=1), a_demand("b")]
    assert share_channels(demands, {TRUNK: 1}, None) == {"b": 1}
    demands = [a_demand("a", turn=1), a_demand("b", turn=2)]
    assert share_channels(demands, {TRUNK: 1}, None) == {"a": 1}


def test_a_batch_gets_no_more_than_it_asked_for_or_has_waiting() -> None:
    demands = [a_demand("a", concurrency=2), a_demand("b", queued=1)]
    assert share_channels(demands, {TRUNK: 30}, None) == {"a": 2, "b": 1}


def test_the_plan_counts_over_all_batches() -> None:
    assert share_channels([a_demand("a"), a_demand("b")], {TRUNK: 30}, 3) == {"a": 2, "b": 1}


def test_a_trunk_that_is_gone_carries_nothing() -> None:
    assert share_channels([a_demand("a")], {}, None) == {}


@given(
    st.lists(
        st.builds(
            Demand,
            st.uuids().map(lambda one: BatchId(str(one))),
            st.sampled_from([TrunkId("trunk_1"), TrunkId("trunk_2")]),
            st.integers(0, 10),
            st.integers(1, 20),
            st.integers(0, 30),
        )
    ),
    st.integers(0, 20),
    st.none() | st.integers(0, 30),
)
def test_no_limit_is_ever_passed(
    demands: list[Demand], channels: int, free_calls: int | None
) -> None:
    shares = share_channels(
        demands, {TrunkId("trunk_1"): channels, TrunkId("trunk_2"): 3}, free_calls
    )
    for one in demands:
        started = shares.get(one.batch_id, 0)
        assert started <= one.queued
        assert started == 0 or one.live + started <= one.concurrency
    for trunk, free in ((TrunkId("trunk_1"), channels), (TrunkId("trunk_2"), 3)):
        taken = sum(shares.get(one.batch_id, 0) for one in demands if one.trunk_id == trunk)
        assert taken <= free
    assert free_calls is None or sum(shares.values()) <= free_calls
