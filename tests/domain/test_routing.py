from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from movoice_box.domain.routing import WeightedTurns, Wish
from movoice_box.ids import TrunkId
from tests.builders import a_trunk


def test_calls_are_shared_out_by_weight_and_mixed() -> None:
    heavy, light = a_trunk("heavy", weight=3), a_trunk("light", weight=1)
    turns = WeightedTurns()
    chosen = [turns.choose([heavy, light]).name for _ in range(8)]
    assert Counter(chosen) == {"heavy": 6, "light": 2}
    assert "light" in chosen[:4]
    assert "light" in chosen[4:]


def test_a_trunk_that_was_away_does_not_catch_up() -> None:
    one, two = a_trunk("one"), a_trunk("two")
    turns = WeightedTurns()
    for _ in range(10):
        turns.choose([one])
    assert Counter(turns.choose([one, two]).name for _ in range(4)) == {"one": 2, "two": 2}


@given(st.lists(st.integers(1, 100), min_size=1, max_size=5), st.integers(1, 40))
def test_no_trunk_is_ever_more_than_one_call_from_its_share(weights: list[int], calls: int) -> None:
    trunks = [a_trunk(str(place), weight=weight) for place, weight in enumerate(weights)]
    turns = WeightedTurns()
    chosen = Counter(turns.choose(trunks).id for _ in range(calls))
    for trunk in trunks:
        share = calls * trunk.weight / sum(weights)
        assert abs(chosen[trunk.id] - share) < len(trunks)


@pytest.mark.parametrize(
    ("wish", "suits"),
    [
        (Wish(), True),
        (Wish(trunk_id=TrunkId("trunk_pbx")), True),
        (Wish(trunk_id=TrunkId("trunk_other")), False),
        (Wish(is_extension=True), False),
        (Wish(trunk_id=TrunkId("trunk_pbx"), is_extension=True), False),
    ],
)
def test_a_trunk_carries_what_suits_it(wish: Wish, suits: bool) -> None:
    assert wish.suits(a_trunk("pbx")) is suits
    assert wish.suits(a_trunk("pbx", allows_extensions=True)) is (wish.trunk_id != "trunk_other")
