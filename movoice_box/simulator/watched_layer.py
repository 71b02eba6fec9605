"""A transaction layer whose datagrams pass the ledger first, repeated ones included."""

from collections import OrderedDict

from movoice_box.errors import SipError
from movoice_box.simulator.ledger import RECEIVED, SENT, Ledger
from movoice_box.sip.headers import NameAddr
from movoice_box.sip.messages import Request, parse
from movoice_box.sip.transaction_layer import RequestHandler, TransactionLayer
from movoice_box.sip.transport import Address, Destination

_OF_CALLS = {"INVITE", "ACK", "CANCEL", "BYE"}
_REMEMBERED = 10_000  # datagrams, by which copies are known


class WatchedLayer(TransactionLayer):
    """Notes each INVITE, ACK, CANCEL and BYE and each response to one, as it is on the wire."""

    def __init__(self, listen: Address, handler: RequestHandler, ledger: Ledger) -> None:
        """Raises `TrunkError`."""
        self._ledger = ledger
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        super().__init__(listen, handler)

    def on_message(self, data: bytes, source: Destination) -> None:
        self._note(RECEIVED, data)
        super().on_message(data, source)

    def transmit(self, data: bytes, destination: Destination) -> None:
        self._note(SENT, data)
        super().transmit(data, destination)

    def _note(self, event: str, data: bytes) -> None:
        try:
            message = parse(data)
            # In what this side asks, the number called is its own, in From.
            is_own = event == SENT and isinstance(message, Request)
            number = NameAddr.parse(message.require("From" if is_own else "To")).uri.user or ""
        except SipError:
            return
        method = message.cseq.method
        if method not in _OF_CALLS:
            return
        is_copy = data in self._seen
        self._seen[data] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        status = {} if isinstance(message, Request) else {"status": message.status}
        copy = {"is_copy": True} if is_copy else {}
        self._ledger.note(event, message.call_id, number, method=method, **status, **copy)
