"""The second SIP driver: a trunk over stock pyVoIP, for simple registered accounts.

Beside `NativeTrunk` it cannot tell ringing, busy or refused, cannot CANCEL, dials one call at a
time, hears and speaks with 8 bits, sends no digits, transfers no call, takes none that comes in,
and shows the callee only its account.
"""

import asyncio
import socket
from contextlib import suppress
from itertools import count

from movoice_box.clock import Clock
from movoice_box.domain.media import MediaOffer
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import TrunkError
from movoice_box.sip.locate import resolve
from movoice_box.sip.pyvoip.dialog import PyvoipDialog
from movoice_box.sip.pyvoip.link import HostLink
from movoice_box.sip.pyvoip.wire import Kind, Message
from movoice_box.sip.transport import Address, local_address_towards
from movoice_box.sip.trunk import NO_DETAILS, CallDetails, TrunkStatus

_RESOLVE_S = 5.0
_RESTART_S = 30.0
_TEST_S = 5.0
_FIRST_RESPONSE_S = 5.0

_STOPPED = "pyVoIP has stopped"
_DETAILS = {
    "REGISTERING": "pyVoIP is registering",
    "REGISTERED": "registered by pyVoIP",
    "FAILED": "pyVoIP gave up registering: check the user name and password under Trunks",
}


class PyvoipTrunk:
    """Runs pyVoIP in a process of its own, and starts it again when it dies."""

    def __init__(self, account: TrunkAccount, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._status = TrunkStatus(is_up=None, detail="not tried yet")
        self._has_status = asyncio.Event()
        self._link: HostLink | None = None
        self._local_address: str | None = None
        self._dialogs: dict[int, PyvoipDialog] = {}
        self._numbers = count(1)

    @property
    def account(self) -> TrunkAccount:
        return self._account

    @property
    def status(self) -> TrunkStatus:
        return self._status

    def local_address(self) -> str:
        if self._local_address is None:
            raise TrunkError(f"trunk '{self._account.name}' is not running: {self._status.detail}")
        return self._local_address

    async def run(self) -> None:
        """Keep pyVoIP running and registered until cancelled."""
        while True:
            try:
                await self._run_host()
            except TrunkError as error:
                self._note(TrunkStatus(is_up=False, detail=error.message, is_registered=False))
            await asyncio.sleep(_RESTART_S)

    async def reach(self) -> None:
        """pyVoIP carries calls only while it is registered: wait for that, at first."""
        await self._first_status()
        if not self._status.is_up:
            raise TrunkError(f"trunk '{self._account.name}': {self._status.detail}")

    async def invite(
        self, to: PhoneNumber, offer: MediaOffer, details: CallDetails = NO_DETAILS
    ) -> PyvoipDialog:
        """See `Trunk`; pyVoIP sends no caller id and no header of ours.

        RTP goes over the odd port above the offer's, which is this call's too.
        """
        await self.reach()
        call = next(self._numbers)
        dialog = PyvoipDialog(call, self._account.ring_timeout_s, self._order)
        self._dialogs[call] = dialog
        written = details.written or self._account.number_writing.write(to)
        self._order(Message.about(Kind.INVITE, call, to=written, rtp_port=offer.port + 1))
        return dialog

    async def test(self) -> TrunkStatus:
        """What is known of the registration, waiting for it up to 5 s: pyVoIP sends no OPTIONS."""
        await self._first_status()
        return self._status

    async def _first_status(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_TEST_S):
                await self._has_status.wait()

    async def _run_host(self) -> None:
        """Start the host and follow its reports until it dies. Raises `TrunkError`."""
        family = socket.AF_INET  # the only one that pyVoIP knows
        address = await resolve(
            self._account.host, self._account.signalling_port, family, _RESOLVE_S
        )
        self._local_address = local_address_towards(address)
        async with HostLink.started() as link:
            self._link = link
            try:
                self._order(self._start(address))
                await self._follow(link)
            finally:
                self._link = None
                self._on_host_gone()

    def _start(self, address: Address) -> Message:
        return Message.about(
            Kind.START,
            first_response_s=min(_FIRST_RESPONSE_S, self._account.ring_timeout_s),
            server=address[0],
            port=address[1],
            username=self._account.username,
            password=self._account.password or "",
            myIP=self._local_address,
        )

    async def _follow(self, link: HostLink) -> None:
        async for report in link.reports():
            if report.kind is Kind.STATUS:
                self._on_status(report.fields["status"])
            elif dialog := self._dialogs.get(report.call):
                dialog.on_report(report)
                if report.kind is Kind.ENDED:
                    del self._dialogs[report.call]
            if self._status.detail == _DETAILS["FAILED"]:
                return

    def _on_host_gone(self) -> None:
        if self._status.detail != _DETAILS["FAILED"]:
            self._note(TrunkStatus(is_up=False, detail=_STOPPED, is_registered=False))
        for dialog in self._dialogs.values():
            dialog.on_lost(_STOPPED)
        self._dialogs.clear()

    def _on_status(self, status: str) -> None:
        self._note(
            TrunkStatus(
                is_up={"REGISTERED": True, "FAILED": False}.get(status),
                is_registered=status == "REGISTERED",
                detail=_DETAILS.get(status, f"pyVoIP is {status.lower()}"),
            )
        )

    def _note(self, status: TrunkStatus) -> None:
        self._status = status
        if status.is_up is not None:
            self._has_status.set()

    def _order(self, message: Message) -> None:
        if self._link is not None:
            self._link.order(message)
