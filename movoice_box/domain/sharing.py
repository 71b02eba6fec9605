"""Fair shares of the channels: among the batches that run now, one channel at a time."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from movoice_box.domain.routing import Wish
from movoice_box.ids import BatchId

Channel = TypeVar("Channel")


@dataclass(frozen=True, slots=True)
class Demand:
    """A running batch: how many calls it has up, may have up, and has waiting.

    `wish` says which trunks may carry them; a batch with extensions and numbers has a demand for
    each. `turn` is higher the later it last started a call, 0 before its first.
    """

    batch_id: BatchId
    wish: Wish
    live: int
    concurrency: int
    queued: int
    turn: int = 0


def share_channels(
    demands: Iterable[Demand], take: Callable[[Wish], Channel | None], free_calls: int | None
) -> dict[Demand, list[Channel]]:
    """The channels on which each batch may start a call now; without any it is left out.

    `take` gives a channel that suits a wish, None when there is none left; `free_calls` is what
    the plan leaves over all batches, None without a limit. Each channel goes to the batch with the
    fewest calls up; among equals to the one whose turn is longest ago, then to the oldest. So no
    batch waits for another to finish, not even where they have a single channel between them.
    """
    given: dict[Demand, list[Channel]] = {}
    started: Counter[BatchId] = Counter()
    refused: set[Wish] = set()
    waiting = list(demands)
    while waiting and (free_calls is None or started.total() < free_calls):
        waiting = [
            one
            for one in waiting
            if one.wish not in refused
            and len(given.get(one, ())) < one.queued
            and one.live + started[one.batch_id] < one.concurrency
        ]
        if not waiting:
            break
        poorest = min(waiting, key=lambda one: (one.live + started[one.batch_id], one.turn))
        channel = take(poorest.wish)
        if channel is None:
            refused.add(poorest.wish)
            continue
        given.setdefault(poorest, []).append(channel)
        started[poorest.batch_id] += 1
    return given
