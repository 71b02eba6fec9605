"""Our requests inside a confirmed dialog, each to its one final outcome (RFC 3261 12.2.1)."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from movoice_box.domain.trunk import Transport
from movoice_box.errors import TrunkError
from movoice_box.sip.dialog import ConfirmedDialog
from movoice_box.sip.digest import Authenticator
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.messages import HeaderList, Message, Request, Response
from movoice_box.sip.timers import Failure
from movoice_box.sip.transport import Destination, is_ip

logger = logging.getLogger(__name__)

Outcome = Response | Failure
"""A final response, or that none will come."""


class DialogClient:
    """Sends requests, answers challenges, acknowledges; `next_hop` is where they go.

    A route or Contact with a host name is looked up beside the call (RFC 3263 section 4); until
    that is done, and where it fails, requests go where the peer was heard.
    """

    def __init__(
        self,
        endpoint: SipEndpoint,
        dialog: ConfirmedDialog,
        next_hop: Destination,
        authenticator: Authenticator,
    ) -> None:
        self.dialog = dialog
        self.next_hop = next_hop
        self._endpoint = endpoint
        self._authenticator = authenticator
        self._lookup: asyncio.Task[None] | None = None
        self._look_up()

    def close(self) -> None:
        """No look-up goes on; requests may still be sent."""
        if self._lookup:
            self._lookup.cancel()

    def send(
        self,
        method: str,
        done: Callable[[Outcome], None],
        headers: HeaderList = (),
        body: bytes = b"",
    ) -> None:
        """Send a request; `done` hears its outcome, once. Raises `TrunkError` if we are closed.

        A 2xx to an INVITE is acknowledged each time it comes.
        """
        self._authenticator.start_over()
        _Exchange(self, method, done, headers, body).start()

    async def ask(self, method: str, headers: HeaderList = (), body: bytes = b"") -> Outcome:
        """Send a request and wait for its outcome, 64*T1 at most. Raises `TrunkError`."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.send(method, lambda found: _settle(outcome, found), headers, body)
        return await outcome

    def learn(self, message: Message, source: Destination) -> None:
        """The peer may have moved: what its Contact says counts from now on (12.2.2)."""
        self.dialog.refresh_target(message)
        self.next_hop = self._endpoint.route(self.dialog.next_hop, source)
        self._look_up()

    def transmit(self, exchange: "_Exchange") -> Request:
        """Send the request of an exchange, with what credentials we have."""
        uri = str(self.dialog.request_uri)
        credentials = self._authenticator.headers(exchange.method, uri)
        request = self.dialog.request(
            exchange.method, [*exchange.headers, *credentials], exchange.body
        )
        self._endpoint.send(request, self.next_hop, exchange)
        return request

    def authenticate(self, response: Response) -> bool:
        """Take up a challenge; False where answering it is no use."""
        try:
            self._authenticator.answer(response)
        except TrunkError:
            return False
        return True

    def acknowledge(self, invite: Request) -> bytes:
        """The ACK of a 2xx, with the credentials of its INVITE (13.2.2.4)."""
        names = ("Authorization", "Proxy-Authorization")
        credentials = [(name, value) for name in names for value in invite.values(name)]
        return self.dialog.request("ACK", credentials).pack()

    def transmit_ack(self, ack: bytes) -> None:
        self._endpoint.transmit(ack, self.next_hop)

    def _look_up(self) -> None:
        """A task of its own, held here: a callback of the endpoint cannot wait for DNS."""
        self.close()
        host = self.dialog.next_hop.host.strip("[]")
        if host and self.next_hop.transport is Transport.UDP and not is_ip(host):
            port = self.dialog.next_hop.port
            self._lookup = asyncio.get_running_loop().create_task(
                self._locate(host, port), name=f"look up {host}"
            )

    async def _locate(self, host: str, port: int | None) -> None:
        try:
            found = await self._endpoint.locate(host, port, Transport.UDP)
        except TrunkError as error:
            logger.warning("requests in a call stay with %s: %s", self.next_hop, error)
            return
        if self.next_hop.socket_address not in found:
            address, hop_port = found[0]
            self.next_hop = replace(self.next_hop, address=address, port=hop_port)


class _Exchange:
    """One request, repeated where it is challenged."""

    def __init__(
        self,
        client: DialogClient,
        method: str,
        done: Callable[[Outcome], None],
        headers: HeaderList,
        body: bytes,
    ) -> None:
        self.method = method
        self.headers = headers
        self.body = body
        self._client = client
        self._done = done
        self._request: Request  # there is one from `start` on
        self._ack: bytes | None = None

    def start(self) -> None:
        self._request = self._client.transmit(self)

    def on_response(self, response: Response, source: Destination) -> None:
        if response.status < 200 or response.cseq.sequence != self._request.cseq.sequence:
            return
        if response.status in (401, 407) and self._client.authenticate(response):
            self.start()
            return
        if self.method != "INVITE" or response.status >= 300:
            self._done(response)
            return
        if is_first := self._ack is None:
            self._client.learn(response, source)
            self._ack = self._client.acknowledge(self._request)
        self._client.transmit_ack(self._ack)
        if is_first:
            self._done(response)

    def on_failure(self, failure: Failure) -> None:
        self._done(failure)


def _settle(outcome: "asyncio.Future[Outcome]", found: Outcome) -> None:
    if not outcome.done():
        outcome.set_result(found)
