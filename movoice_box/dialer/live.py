"""The calls that are up now, and how to end them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from movoice_box.domain.call import CallState, Direction
from movoice_box.domain.phone import PhoneNumber
from movoice_box.ids import BatchId, CallId


@dataclass(slots=True)
class LiveCall:
    """One call in this process.

    Set `end` to end it: it is not placed before its INVITE, gets a CANCEL while it rings and a BYE
    while it talks. `transfer_to` is who takes over where somebody asked for it by `transfer`, which
    is too late once the agent has left the conversation.
    """

    id: CallId
    batch_id: BatchId
    state: CallState = CallState.PREPARING
    end: asyncio.Event = field(default_factory=asyncio.Event)
    direction: Direction = Direction.OUTBOUND
    transfer_to: PhoneNumber | None = None
    transfer: asyncio.Event = field(default_factory=asyncio.Event)
    has_agent_left: bool = False


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

    def transfer_call(self, call_id: CallId, to: PhoneNumber) -> bool:
        """Hand a call over to `to`; False where nobody talks to the agent in it now."""
        call = self._calls.get(call_id)
        if call is None or call.state is not CallState.TALKING:
            return False
        if call.transfer_to or call.has_agent_left or call.end.is_set():
            return False
        call.transfer_to = to
        call.transfer.set()
        return True

    @property
    def inbound(self) -> int:
        """How many of them came in."""
        return sum(call.direction is Direction.INBOUND for call in self._calls.values())

    def __len__(self) -> int:
        return len(self._calls)
