from collections import Counter
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from movoice_box.domain.routing import Wish
from movoice_box.domain.sharing import Demand, share_channels
from movoice_box.ids import BatchId, TrunkId

ONE, TWO = TrunkId("trunk_1"), TrunkId("trunk_2")


def a_demand(
    batch: str,
    trunk: TrunkId | None = ONE,
    *,
    live: int = 0,
    concurrency: int = 10,
    queued: int = 100,
    turn: int = 0,
) -> Demand:
    return Demand(BatchId(batch), Wish(trunk_id=trunk), live, concurrency, queued, turn)


def channels_of(**free: int) -> Callable[[Wish], TrunkId | None]:
    """Channels as long as there are any, of the first trunk that suits."""
    left = Counter({TrunkId(name): channels for name, channels in free.items()})

    def take(wish: Wish) -> TrunkId | None:
        for trunk_id in left:
            if left[trunk_id] and wish.trunk_id in (None, trunk_id):
                left[trunk_id] -= 1
                return trunk_id
        return None

    return take


def shared(
    demands: list[Demand], free_calls: int | None = None, **free: int
) -> dict[BatchId, list[TrunkId]]:
    shares = share_channels(demands, channels_of(**free), free_calls)
    return {demand.batch_id: taken for demand, taken in shares.items()}


def test_two_batches_share_a_trunk_fairly() -> None:
    shares = shared([a_demand("a", live=4), a_demand("b")], trunk_1=6)
    assert {batch: len(taken) for batch, taken in shares.items()} == {"a": 1, "b": 5}


def test_batches_take_turns_at_a_single_channel() -> None:
    assert shared([a_demand("a", turn=1), a_demand("b")], trunk_1=1) == {"b": [ONE]}
    assert shared([a_demand("a", turn=1), a_demand("b", turn=2)], trunk_1=1) == {"a": [ONE]}


def test_a_batch_gets_no_more_than_it_asked_for_or_has_waiting() -> None:
    shares = shared([a_demand("a", concurrency=2), a_demand("b", queued=1)], trunk_1=30)
    assert {batch: len(taken) for batch, taken in shares.items()} == {"a": 2, "b": 1}


def test_the_plan_counts_over_all_batches() -> None:
    shares = shared([a_demand("a"), a_demand("b")], free_calls=3, trunk_1=30)
    assert {batch: len(taken) for batch, taken in shares.items()} == {"a": 2, "b": 1}


def test_a_trunk_that_is_gone_carries_nothing() -> None:
    assert shared([a_demand("a")]) == {}


def test_a_batch_that_may_use_any_trunk_goes_on_where_one_is_full() -> None:
    demands = [a_demand("any", None), a_demand("one", ONE)]
    shares = shared(demands, trunk_1=2, trunk_2=2)
    assert shares == {"any": [ONE, TWO, TWO], "one": [ONE]}


def test_the_extensions_of_a_batch_count_as_its_calls() -> None:
    numbers = a_demand("a", None, concurrency=3)
    extensions = Demand(numbers.batch_id, Wish(is_extension=True), 0, 3, 100, 0)
    shares = share_channels([numbers, extensions], channels_of(trunk_1=30), None)
    assert sum(map(len, shares.values())) == 3


def some_demands() -> st.SearchStrategy[list[Demand]]:
    return st.lists(
        st.builds(
            Demand,
            st.uuids().map(lambda one: BatchId(str(one))),
            st.builds(Wish, trunk_id=st.sampled_from([ONE, TWO, None])),
            st.integers(0, 10),
            st.integers(1, 20),
            st.integers(0, 30),
        ),
        unique_by=lambda one: one.batch_id,
    )


@given(some_demands(), st.integers(0, 20), st.none() | st.integers(0, 30))
def test_no_limit_is_ever_passed(
    demands: list[Demand], channels: int, free_calls: int | None
) -> None:
    shares = share_channels(demands, channels_of(trunk_1=channels, trunk_2=3), free_calls)
    for one, taken in shares.items():
        assert len(taken) <= one.queued
        assert one.live + len(taken) <= one.concurrency
        assert one.wish.trunk_id is None or set(taken) == {one.wish.trunk_id}
    used = Counter(trunk for taken in shares.values() for trunk in taken)
    assert used[ONE] <= channels
    assert used[TWO] <= 3
    assert free_calls is None or used.total() <= free_calls


@given(some_demands(), st.integers(0, 20), st.none() | st.integers(0, 30))
def test_no_channel_stays_idle_while_a_batch_could_use_it(
    demands: list[Demand], channels: int, free_calls: int | None
) -> None:
    take = channels_of(trunk_1=channels, trunk_2=3)
    shares = share_channels(demands, take, free_calls)
    started = sum(map(len, shares.values()))
    hungry = [
        one
        for one in demands
        if len(shares.get(one, ())) < one.queued
        and one.live + len(shares.get(one, ())) < one.concurrency
    ]
    assert started == free_calls or not any(take(one.wish) for one in hungry)


@given(st.permutations([ONE, TWO, None, ONE]), st.integers(1, 3))
def test_every_batch_gets_a_turn_however_few_channels_there_are(
    trunks: list[TrunkId | None], calls_at_once: int
) -> None:
    turns = Counter[BatchId]()
    for turn in range(1, 13):
        demands = [
            a_demand(str(number), trunk, turn=turns[BatchId(str(number))])
            for number, trunk in enumerate(trunks)
        ]
        shares = shared(demands, calls_at_once, trunk_1=1, trunk_2=1)
        turns.update({batch: turn - turns[batch] for batch in shares})
    assert min(turns[BatchId(str(number))] for number in range(len(trunks))) > 12 - 6
