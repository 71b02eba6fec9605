"""The simulated gateway: one UDP port, many callees. It knows nothing of the box that calls it."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from movoice_box.rtp.engine import MediaEngine
from movoice_box.simulator.call import ALLOW, GatewayCall, Resources, reason
from movoice_box.simulator.guard import Guard
from movoice_box.simulator.ledger import Ledger
from movoice_box.simulator.scenario import Scenario
from movoice_box.simulator.watched_layer import WatchedLayer
from movoice_box.sip.exchange import IncomingRequest
from movoice_box.sip.transport import Address

logger = logging.getLogger(__name__)

_NO_CIRCUIT = 34  # Q.850
_LONGEST_REGISTRATION_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """With `username` and `password` it challenges INVITE (407) and REGISTER (401).

    More calls at once than `channels` are refused with 503. A call whose caller sends no RTP for
    `media_timeout_s` is ended.
    """

    listen: Address = ("127.0.0.1", 0)
    username: str | None = None
    password: str | None = None
    channels: int | None = None
    media_timeout_s: float = 5.0


class Gateway:
    """A service: answers SIP from the moment it is made and carries calls while it runs."""

    def __init__(
        self,
        options: GatewayOptions,
        scenario: Scenario,
        media: MediaEngine,
        ledger: Ledger,
        prompts: Mapping[str, bytes],
    ) -> None:
        """Bind the port; `prompts` has the PCM of each `say`. Raises `TrunkError`."""
        self._options = options
        self._scenario = scenario
        self._guard = Guard(options.username, options.password)
        self._layer = WatchedLayer(options.listen, self, ledger)
        self._resources = Resources(
            layer=self._layer,
            media=media,
            ledger=ledger,
            media_timeout_s=options.media_timeout_s,
            prompts=prompts,
        )
        self._calls: dict[tuple[str, str], GatewayCall] = {}
        self._arrived: asyncio.Queue[GatewayCall] = asyncio.Queue()

    @property
    def address(self) -> Address:
        return self._layer.address

    async def run(self) -> None:
        """Run until cancelled; then every call gets its BYE."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    call = await self._arrived.get()
                    group.create_task(self._carry(call), name=f"call to {call.number}")
        finally:
            self._layer.close()

    def on_request(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        call = self._calls.get((request.call_id, request.to_tag))
        match request.method:
            case "INVITE" if call:
                call.on_reinvite(incoming)
            case "BYE" if call:
                call.on_bye(incoming)
            case "INVITE" if not request.to_tag:
                if self._guard.admits(incoming):
                    self._accept(incoming)
            case "REGISTER":
                if self._guard.admits(incoming):
                    self._register(incoming)
            case "OPTIONS":
                incoming.reply(200, headers=[ALLOW])
            case "INVITE" | "BYE" | "CANCEL":
                incoming.reply(481)
            case _:
                incoming.reply(405, headers=[ALLOW])

    def _accept(self, incoming: IncomingRequest) -> None:
        if self._options.channels is not None and len(self._calls) >= self._options.channels:
            incoming.reply(503, headers=[*reason(_NO_CIRCUIT), ("Retry-After", "5")])
            return
        callee = self._scenario.callee_for(incoming.request.uri.user or "")
        call = GatewayCall(self._resources, incoming, callee)
        self._calls[call.key] = call
        self._arrived.put_nowait(call)

    async def _carry(self, call: GatewayCall) -> None:
        try:
            await call.run()
        except Exception:  # one call's failure must not end its neighbours
            logger.exception("simulated call failed")
        finally:
            del self._calls[call.key]

    def _register(self, incoming: IncomingRequest) -> None:
        """Accept whatever is bound, for as long as asked (RFC 3261 10.3)."""
        wanted_s = incoming.request.seconds("Expires")
        granted_s = _LONGEST_REGISTRATION_S if wanted_s is None else wanted_s
        granted_s = min(granted_s, _LONGEST_REGISTRATION_S)
        headers = [("Expires", str(granted_s))]
        if granted_s:
            headers += [
                ("Contact", f"{contact};expires={granted_s}")
                for contact in incoming.request.values("Contact")
            ]
        incoming.reply(200, headers=headers)
