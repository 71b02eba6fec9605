"""A process of its own for pyVoIP: `python -m movoice_box.sip.pyvoip.host`.

pyVoIP prints, changes the process's warning filters, blocks without end and starts two threads a
call. Here all of that stays away from the box, and ends for certain when the box closes the pipe.
Nothing of pyVoIP is patched; what it cannot do is reported as the end of the call.
"""

import contextlib
import os
import queue
import socket
import sys
import threading
from typing import Any, BinaryIO

from pyVoIP.VoIP import CallState, PhoneStatus, VoIPCall, VoIPPhone

# isort: split
from pyVoIP.SIP import SIPMessage, SIPMessageType  # fails when imported before pyVoIP.VoIP

from movoice_box.clock import SystemClock
from movoice_box.sip.pyvoip.hosted_call import HostedCall
from movoice_box.sip.pyvoip.wire import NO_FIRST_RESPONSE, Kind, Message, read_message

_POLL_S = 0.02  # a frame
_RECEIVES_AFTER_S = 1.1  # after registering; pyVoIP leaves a second until it reads its socket
_RINGS_ON_S = 180.0  # how long an abandoned call may still be answered (RFC 3261 timer C)
_STOP_S = 2.0


class Host:
    """Reads orders, dials one call at a time, and looks at all of them every 20 ms."""

    def __init__(self, orders: BinaryIO, reports: BinaryIO) -> None:
        self._orders = orders
        self._reports = reports
        self._writing = threading.Lock()
        self._clock = SystemClock()
        self._phone: _Phone
        self._calls: dict[int, HostedCall] = {}
        self._to_dial: queue.SimpleQueue[HostedCall] = queue.SimpleQueue()
        self._first_response_s: float
        self._dialing_since: float | None = None
        self._can_dial = False
        self._reported_status = ""

    def run(self) -> None:
        """Serve until the box closes the pipe; then hang up and deregister, if that is quick."""
        while (order := read_message(self._orders)) is not None:
            if order.kind is Kind.START:
                self._start(**order.fields)
            elif order.kind is Kind.INVITE:
                call = HostedCall(order.call, **order.fields, report=self._report)
                self._calls[order.call] = call
                self._to_dial.put(call)
            elif call_meant := self._calls.get(order.call):
                call_meant.obey(order, self._clock.monotonic())
        if self._dialing_since:
            _interrupt(self._phone)
        leaving = threading.Thread(target=self._phone.stop, daemon=True)
        leaving.start()
        leaving.join(_STOP_S)

    def _start(self, first_response_s: float, **account: Any) -> None:
        self._first_response_s = first_response_s
        self._phone = _Phone(sipPort=_free_port(account["myIP"]), **account)
        for work in (self._dial_all, self._watch_all):
            threading.Thread(target=work, name=work.__name__, daemon=True).start()

    def _dial_all(self) -> None:
        """Register, then dial one by one: pyVoIP holds its only socket until `call` returns."""
        self._phone.start()
        threading.Event().wait(_RECEIVES_AFTER_S)
        self._can_dial = True
        for call in iter(self._to_dial.get, None):
            if call.unwanted_since is not None:
                self._drop(call)
                continue
            self._phone.rtpPortLow = self._phone.rtpPortHigh = call.rtp_port
            self._dialing_since = started = self._clock.monotonic()
            try:
                call.dialed = self._phone.call(call.to)
                self._report(Message(Kind.DIALED, call.number, call.dialed.call_id.encode()))
            except Exception as error:  # whatever the far end makes pyVoIP raise
                took = self._clock.monotonic() - started
                if took >= self._first_response_s:
                    self._drop(call, NO_FIRST_RESPONSE.format(self._first_response_s))
                else:
                    self._drop(call, f"pyVoIP could not place the call: {_named(error)}")
            finally:
                self._dialing_since = None

    def _watch_all(self) -> None:
        pause = threading.Event()
        due = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            due = max(due + _POLL_S, now)
            self._report_status()
            if self._dialing_since and now - self._dialing_since >= self._first_response_s:
                _interrupt(self._phone)
            for call in list(self._calls.values()):
                if call.dialed is not None:
                    self._watch(call, call.dialed, now)
            pause.wait(max(0.0, due - self._clock.monotonic()))

    def _watch(self, call: HostedCall, dialed: VoIPCall, now: float) -> None:
        try:
            if call.unwanted_since is None:
                call.watch(now)
            elif dialed.state is CallState.ANSWERED:
                dialed.hangup()
            elif now - call.unwanted_since > _RINGS_ON_S:
                self._phone.calls.pop(dialed.call_id, None)
                self._drop(call)
            if dialed.state is CallState.ENDED:
                self._drop(call, status=self._phone.final_status.pop(dialed.call_id, None))
        except Exception as error:  # one call's failure must not end its neighbours
            self._drop(call, f"pyVoIP failed: {_named(error)}")

    def _report_status(self) -> None:
        status = self._phone.get_status().value
        if status == PhoneStatus.REGISTERED.value and not self._can_dial:
            return
        if status != self._reported_status:
            self._reported_status = status
            self._report(Message.about(Kind.STATUS, status=status))

    def _drop(self, call: HostedCall, reason: str = "", status: int | None = None) -> None:
        self._calls.pop(call.number, None)
        self._report(Message.about(Kind.ENDED, call.number, reason=reason, status=status))

    def _report(self, message: Message) -> None:
        with self._writing:
            self._reports.write(message.pack())
            self._reports.flush()


class _Phone(VoIPPhone):
    """Notes the final response of each call, which pyVoIP knows and does not tell."""

    def __init__(self, **account: Any) -> None:
        self.final_status: dict[str, int] = {}
        super().__init__(**account)

    def callback(self, request: SIPMessage) -> None:
        if request.type == SIPMessageType.RESPONSE:
            self.final_status[request.headers["Call-ID"]] = int(request.status)
        super().callback(request)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _interrupt(phone: VoIPPhone) -> None:
    """Make a `call` that waits for a response raise: an empty datagram is no SIP message."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
        waker.sendto(b"", (phone.sip.myIP, phone.sip.myPort))


def _free_port(address: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def _main() -> None:
    """Keep the pipe to ourselves: what pyVoIP prints goes nowhere."""
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    with contextlib.suppress(BrokenPipeError):
        Host(sys.stdin.buffer, reports).run()
    os._exit(0)  # pyVoIP's threads would go on


if __name__ == "__main__":
    _main()
