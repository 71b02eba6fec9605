"""INVITEs that came by two ways, as a proxy that forks makes them (RFC 3261 8.2.2.2)."""

import asyncio

from movoice_box.sip.exchange import AcceptedKey


class SeenInvites:
    """What an endpoint knows of the calls that came in, by whatever line and user they were called.

    One that is over is remembered for `remembered_s`: a copy of it may still be on its way.
    """

    def __init__(self, remembered_s: float) -> None:
        self._remembered_s = remembered_s
        self._keys: set[AcceptedKey] = set()

    def take(self, key: AcceptedKey) -> bool:
        """Remember a call from now on; False where it has come by another way."""
        if key in self._keys:
            return False
        self._keys.add(key)
        return True

    def forget_later(self, key: AcceptedKey) -> None:
        """The call rings no more."""
        loop = asyncio.get_running_loop()
        loop.call_later(self._remembered_s, self._keys.discard, key)
