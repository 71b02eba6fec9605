"""The choice of a trunk: the lowest priority that can take the call, then shares by weight."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from movoice_box.domain.trunk import TrunkAccount
from movoice_box.ids import TrunkId


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a call asks of its trunk: `trunk_id` None takes any of those that are enabled."""

    trunk_id: TrunkId | None = None
    is_extension: bool = False

    @property
    def is_automatic(self) -> bool:
        return self.trunk_id is None

    def suits(self, account: TrunkAccount) -> bool:
        """Whether the trunk may carry the call at all."""
        if self.trunk_id is not None and self.trunk_id != account.id:
            return False
        return account.allows_extensions or not self.is_extension


class WeightedTurns:
    """Smooth weighted round robin: of 3 to 1, every fourth call goes to the lighter trunk.

    Each choice gives every candidate its weight, takes the sum of them from the one that is
    chosen, and chooses the richest. A trunk that cannot take calls for a while gathers nothing.
    """

    def __init__(self) -> None:
        self._credit: dict[TrunkId, int] = {}

    def choose(self, candidates: Collection[TrunkAccount]) -> TrunkAccount:
        """One of `candidates`, all of the same priority; the first of equals."""
        for account in candidates:
            self._credit[account.id] = self._credit.get(account.id, 0) + account.weight
        chosen = max(candidates, key=lambda account: self._credit[account.id])
        self._credit[chosen.id] -= sum(account.weight for account in candidates)
        return chosen

    def keep(self, trunk_ids: Iterable[TrunkId]) -> None:
        """Forget every other trunk."""
        kept = set(trunk_ids)
        self._credit = {one: credit for one, credit in self._credit.items() if one in kept}
