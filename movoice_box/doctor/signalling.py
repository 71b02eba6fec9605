"""Examining the way to a trunk's host, its answer to OPTIONS and its registrar."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from movoice_box.clock import Clock
from movoice_box.doctor.advice import REGISTRAR_REFUSALS
from movoice_box.doctor.findings import Finding, failure, note, ok, warning
from movoice_box.doctor.wire import Wire
from movoice_box.domain.trunk import Transport
from movoice_box.errors import TrunkError
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.headers import split_list
from movoice_box.sip.line import Line
from movoice_box.sip.messages import Response
from movoice_box.sip.registrar import RegistrarClient
from movoice_box.sip.timers import Failure
from movoice_box.sip.tls import context_for, explain_failure
from movoice_box.sip.transport import Destination

_WAIT_S = 5.0
_SLOW_MS = 300
_SKEW_S = 30
_SHORT_REGISTRATION_S = 60
_USEFUL = {
    "INVITE": "calls",
    "BYE": "ending them",
    "CANCEL": "giving up",
    "UPDATE": "refreshing a session",
    "PRACK": "reliable ringing",
    "REFER": "transfers",
    "INFO": "keys by INFO",
}


async def examine_way(line: Line) -> AsyncIterator[Finding]:
    """Where the host is, from where it is reached, and what its TLS shows."""
    try:
        candidates = await line.candidates()
        local = line.local_address()
    except TrunkError as error:
        yield failure("address", error.message, "check the trunk's host, and this box's DNS")
        return
    first, *others = map(str, candidates)
    more = f", then {', '.join(others)}" if others else ""
    yield ok("address", f"'{line.account.host}' is {first}{more}; this box is {local} towards it")
    if candidates[0].transport is Transport.TLS:
        yield await _examine_tls(line, candidates[0])


async def _examine_tls(line: Line, destination: Destination) -> Finding:
    """Shake hands once, apart from SIP, to see the certificate."""
    account = line.account
    name = destination.tls.server_name if destination.tls else account.host
    try:
        async with asyncio.timeout(_WAIT_S):
            _, writer = await asyncio.open_connection(
                destination.address,
                destination.port,
                ssl=context_for(account.tls_ca),
                server_hostname=name,
            )
    except (OSError, ssl.SSLError, TimeoutError, TrunkError) as error:
        if isinstance(error, TrunkError):
            return failure("TLS", error.message)
        return failure("TLS", explain_failure(error, destination, _WAIT_S))
    shown = writer.get_extra_info("ssl_object")
    certificate, version = shown.getpeercert() or {}, shown.version()
    writer.close()
    with suppress(OSError, ssl.SSLError):
        await writer.wait_closed()
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    return ok("TLS", f"{version}, certificate for '{name}' valid until {until:%Y-%m-%d}")


async def examine_options(
    line: Line, endpoint: SipEndpoint, clock: Clock
) -> AsyncIterator[Finding]:
    """Ask what the far end is and can."""
    uri = line.uri(None)
    outcome: Response | Failure = Failure.TIMEOUT
    try:
        destination = await line.find()
        options = line.caller(line.user).request("OPTIONS", uri, f"<{uri}>", 1)
        started = clock.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_S):
                outcome = await endpoint.ask(options, destination)
    except TrunkError as error:
        yield failure("OPTIONS", error.message)
        return
    if isinstance(outcome, Failure):
        text = outcome.explain(line.peer, _WAIT_S)
        if outcome is Failure.UNREACHABLE:
            yield failure("OPTIONS", text)
        else:
            yield warning("OPTIONS", text, "some gateways never answer OPTIONS: the call will tell")
        return
    line.learn(outcome)
    milliseconds = 1000 * (clock.monotonic() - started)
    product = outcome.get("Server") or outcome.get("User-Agent")
    text = f"answered {outcome.status} {outcome.phrase} in {milliseconds:.0f} ms"
    text += f", it is {product}" if product else ""
    yield ok("OPTIONS", text) if milliseconds < _SLOW_MS else warning("OPTIONS", text, "a long way")
    for finding in (*_abilities(outcome), *_nat(line, outcome), *_clock(outcome, clock)):
        yield finding


def _abilities(response: Response) -> Iterator[Finding]:
    allowed = {method.strip().upper() for method in split_list(response.values("Allow"))}
    if not allowed:
        return
    lacks = [f"{method} ({what})" for method, what in _USEFUL.items() if method not in allowed]
    text = f"takes {', '.join(method for method in _USEFUL if method in allowed)}"
    yield note("OPTIONS", f"{text}; not {', '.join(lacks)}" if lacks else text)


def _nat(line: Line, response: Response) -> Iterator[Finding]:
    """Whether somebody on the way changes our address (RFC 3581)."""
    seen, (_, port) = response.seen_from, line.endpoint.address
    local = line.local_address()
    if seen is None or seen == (local, port):
        return
    yield note(
        "NAT",
        f"the far end sees us at {seen[0]}:{seen[1]}, not at {local}:{port}",
        "there is a NAT on the way: our Contact names what the far end sees; for the audio switch "
        "on symmetric RTP for this account at the far end, and SIP ALG off in the router",
    )


def _clock(response: Response, clock: Clock) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(response.get("Date") or "")
    except ValueError:
        return
    skew_s = (clock.now() - theirs.astimezone(UTC)).total_seconds()
    if abs(skew_s) > _SKEW_S:
        ahead = "ahead of" if skew_s > 0 else "behind"
        yield warning(
            "clock",
            f"this box is {abs(skew_s):.0f} s {ahead} the far end",
            "set both by NTP: certificates and registrations go by the clock",
        )


async def examine_registration(
    registrar: RegistrarClient, line: Line, wire: Wire
) -> AsyncIterator[Finding]:
    """Register once; the caller releases it."""
    await registrar.test(_WAIT_S)
    responses = [response for _, response in wire.responses("REGISTER")]
    if not registrar.state.is_registered:
        status = responses[-1].status if responses else 0
        yield failure("REGISTER", registrar.state.detail, REGISTRAR_REFUSALS.get(status, ""))
        return
    requests = wire.requests("REGISTER")
    answered = wire.responses("REGISTER")[-1][0]
    milliseconds = 1000 * (answered.at - requests[0].at)
    how = "without a password" if len(responses) == 1 else "after a digest challenge"
    yield ok("REGISTER", f"{registrar.state.detail}, {how}, in {milliseconds:.0f} ms")
    granted = registrar.state.granted_s or 0
    if granted < _SHORT_REGISTRATION_S:
        yield warning(
            "REGISTER",
            f"only for {granted} s",
            "let the far end grant some minutes, unless a NAT on the way needs it so",
        )
    contacts = len(split_list(responses[-1].values("Contact")))
    if contacts > 1:
        yield note(
            "REGISTER",
            f"{contacts - 1} more registered as '{line.user}'",
            "calls back to this account may ring there: give each device an account of its own",
        )
