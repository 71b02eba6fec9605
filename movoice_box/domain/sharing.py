"""Fair shares of the channels: among the batches that run now, one channel at a time."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from movoice_box.ids import BatchId, TrunkId


@dataclass(frozen=True, slots=True)
class Demand:
    """A running batch: how many calls it has up, may have up, and has waiting.

    `turn` is higher the later it last started a call, 0 before its first.
    """

    batch_id: BatchId
    trunk_id: TrunkId
    live: int
    concurrency: int
    queued: int
    turn: int = 0


def share_channels(
    demands: Iterable[Demand], free_channels: Mapping[TrunkId, int], free_calls: int | None
) -> dict[BatchId, int]:
    """How many calls each batch may start now; batches that may start none are left out.

    `free_channels` are those of each trunk that no call uses; `free_calls` is what the plan
    leaves over all batches, None without a limit. Each channel goes to the batch with the fewest
    calls up; among equals to the one whose turn is longest ago, then to the oldest. So no batch
    waits for another to finish, not even where they have a single channel between them.
    """
    free = dict(free_channels)
    started: Counter[BatchId] = Counter()
    waiting = list(demands)
    while waiting and (free_calls is None or sum(started.values()) < free_calls):
        waiting = [
            one
            for one in waiting
            if started[one.batch_id] < one.queued
            and one.live + started[one.batch_id] < one.concurrency
            and free.get(one.trunk_id, 0) > 0
        ]
        if waiting:
            poorest = min(waiting, key=lambda one: (one.live + started[one.batch_id], one.turn))
            started[poorest.batch_id] += 1
            free[poorest.trunk_id] -= 1
    return dict(started)
