"""The calls that are up now, and how to end them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from movoice_box.domain.call import CallState
from movoice_box.ids import BatchId, CallId


@dataclass(slots=True)
class LiveCall:
    """One call in this process.

    Set `end` to end it: it is not placed before its INVITE, gets a CANCEL while it rings and a BYE
    while it talks.
    """

    id: CallId
    batch_id: BatchId
    state: CallState = CallState.PREPARING
    end: asyncio.Event = field(default_factory=asyncio.Event)


class LiveCalls:
    def __init__(self) -> None:
        self.is_closing = False
        """The box stops: what was not dialed yet goes back to the queue."""
        self._calls: dict[CallId, LiveCall] = {}

    @contextmanager
    def holding(self, call: LiveCall) -> Iterator[None]:
        """Count `call` as up until the block ends."""
        self._calls[call.id] = call
        if self.is_closing:
            call.end.set()
        try:
            yield
        finally:
            del self._calls[call.id]

    def close(self) -> None:
        """End all calls, and each that comes up from now on."""
        self.is_closing = True
        for call in self._calls.values():
            call.end.set()

    def end_batch(self, batch_id: BatchId, *, end_talking: bool) -> None:
        """End the calls of a batch; talking ones only where `end_talking`."""
        for call in self._calls.values():
            if call.batch_id == batch_id and (end_talking or call.state is not CallState.TALKING):
                call.end.set()

    def end_call(self, call_id: CallId) -> bool:
        """End one call, whatever its state; False when it is not up."""
        call = self._calls.get(call_id)
        if call is None:
            return False
        call.end.set()
        return True

    def __len__(self) -> int:
        return len(self._calls)
