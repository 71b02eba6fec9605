"""The simulator as SIPp sees it, and what its ledger says afterwards."""

import asyncio
import socket
from pathlib import Path

import pytest

from movoice_box.domain.early_media import EarlySound
from movoice_box.simulator.callees import CALLEES, Callee, Step
from movoice_box.simulator.ledger import calls_by_number, read_ledger
from tests.builders import eventually
from tests.peers.sipp_caller import SDP, call, maybe, pause, receive, receive_request, send
from tests.simulator.gateways import a_gateway, everyone

pytestmark = pytest.mark.peer

INVITE = send("INVITE", sdp=SDP)
ACK = send("ACK", in_dialog=True)
BYE = [send("BYE", cseq=2, in_dialog=True), receive(200)]
ANSWERED = [maybe(100), maybe(180), receive(200), ACK]
QUICK = Callee(ring_ms=50)
INVITE_BYTES = b"""\
INVITE sip:+919876543210@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK-once
From: <sip:caller@127.0.0.1>;tag=1
To: <sip:+919876543210@127.0.0.1>
Call-ID: once
CSeq: 1 INVITE
Content-Length: 0

""".replace(b"\n", b"\r\n")


async def test_an_answered_call_ends_with_the_callers_bye(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, everyone(QUICK)) as gateway:
        await call(tmp_path, gateway.address, INVITE, *ANSWERED, pause(300), *BYE)

        assert len(gateway.entries("answered")) == 1
        assert await gateway.ending() == ("caller", "BYE")
        assert (await gateway.ended())["rtp_sent"] > 10


@pytest.mark.parametrize("name", ["busy", "declines", "wrong_number", "no_circuit"])
async def test_a_refusal_says_why(tmp_path: Path, name: str) -> None:
    callee = CALLEES[name]
    assert callee.status
    why = receive(callee.status, header=("Reason", f"Q.850;cause={callee.q850_cause}"))
    ack = send("ACK", branch="[branch-4]")
    async with a_gateway(tmp_path, everyone(callee)) as gateway:
        await call(tmp_path, gateway.address, INVITE, maybe(100), maybe(180), why, ack)

        assert await gateway.ending() == ("callee", str(callee.status))
        assert len(gateway.entries("received", method="ACK")) == 1


async def test_ringing_goes_on_until_the_caller_cancels(tmp_path: Path) -> None:
    invite = send("INVITE", sdp=SDP, branch="z9hG4bK-[call_id]-1")
    cancel = send("CANCEL", branch="z9hG4bK-[call_id]-1")
    ack = send("ACK", branch="z9hG4bK-[call_id]-1")
    async with a_gateway(tmp_path, everyone(CALLEES["rings_out"])) as gateway:
        ringing = [invite, maybe(100), receive(180), pause(500)]
        await call(tmp_path, gateway.address, *ringing, cancel, receive(200), receive(487), ack)

        assert len(gateway.entries("received", method="CANCEL")) == 1
        assert await gateway.ending() == ("caller", "canceled")
        assert gateway.entries("answered") == []


async def test_early_media_comes_as_183_with_a_description(tmp_path: Path) -> None:
    progress = receive(183, header=("Content-Type", "application/sdp"))
    callee = Callee(ring_ms=300, tone=EarlySound.RINGBACK)
    async with a_gateway(tmp_path, everyone(callee)) as gateway:
        messages = [INVITE, maybe(100), progress, receive(200), ACK, *BYE]
        await call(tmp_path, gateway.address, *messages)

        assert (await gateway.ended())["rtp_sent"] > 10


async def test_a_callee_who_hangs_up_sends_a_bye(tmp_path: Path) -> None:
    impatient = Callee(ring_ms=50, steps=(Step(hangs_up=True, at_most_ms=200),))
    async with a_gateway(tmp_path, everyone(impatient)) as gateway:
        await call(tmp_path, gateway.address, INVITE, *ANSWERED, receive_request("BYE"))

        assert await gateway.ending() == ("callee", "BYE")
        await eventually(lambda: bool(gateway.entries("received", method="BYE", status=200)))


async def test_only_who_knows_the_password_may_call(tmp_path: Path) -> None:
    challenged = [maybe(100), receive(407), send("ACK", branch="[branch-3]")]
    again = send("INVITE", cseq=2, sdp=SDP, headers="[authentication]")
    ack = send("ACK", cseq=2, in_dialog=True)
    bye = [send("BYE", cseq=3, in_dialog=True), receive(200)]
    async with a_gateway(
        tmp_path, everyone(QUICK), username="caller", password="secret"
    ) as gateway:
        answered = [again, maybe(100), maybe(180), receive(200), ack]
        await call(tmp_path, gateway.address, INVITE, *challenged, *answered, *bye)
        assert len(gateway.entries("answered")) == 1

        refused = [again, maybe(100), receive(403), send("ACK", cseq=2, branch="[branch-3]")]
        wrong = ("caller", "guess")
        messages = [INVITE, *challenged, *refused]
        await call(tmp_path, gateway.address, *messages, credentials=wrong)
        assert len(gateway.entries("answered")) == 1


async def test_registration_is_challenged_and_granted(tmp_path: Path) -> None:
    asked = send("REGISTER", headers="Expires: 600")
    again = send("REGISTER", cseq=2, headers="Expires: 600\n[authentication]")
    granted = receive(200, header=("Contact", "expires=600"))
    async with a_gateway(
        tmp_path, everyone(QUICK), username="caller", password="secret"
    ) as gateway:
        await call(tmp_path, gateway.address, asked, receive(401), again, granted)


async def test_a_call_beyond_the_channels_is_refused(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, everyone(Callee(status=None)), channels=0) as gateway:
        full = receive(503, header=("Retry-After", "5"))
        await call(tmp_path, gateway.address, INVITE, full, send("ACK", branch="[branch-2]"))

        assert gateway.entries("ended") == []


async def test_a_200_whose_ack_is_lost_is_repeated(tmp_path: Path) -> None:
    late_ack = [INVITE, maybe(100), maybe(180), receive(200), pause(800), ACK, *BYE]
    async with a_gateway(tmp_path, everyone(QUICK)) as gateway:
        await call(tmp_path, gateway.address, *late_ack)

        assert len(gateway.entries("sent", method="INVITE", status=200, is_copy=True)) == 1
        assert len(gateway.entries("answered")) == 1


async def test_an_invite_that_comes_twice_is_one_call(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, everyone(Callee(ring_ms=50, status=486))) as gateway:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            for _ in range(3):
                caller.sendto(INVITE_BYTES, gateway.address)

            assert await gateway.ending() == ("callee", "486")
        assert len(gateway.entries("received", method="INVITE")) == 3
        assert len(gateway.entries("received", method="INVITE", is_copy=True)) == 2


async def test_each_call_to_a_number_counts(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, everyone(QUICK)) as gateway:
        await call(tmp_path, gateway.address, INVITE, *ANSWERED, *BYE, calls=2)

        dialled = calls_by_number(read_ledger(gateway.ledger))
        assert {number: len(calls) for number, calls in dialled.items()} == {"+919876543210": 2}


async def test_a_caller_who_vanished_is_let_go(tmp_path: Path) -> None:
    vanishing = [INVITE, *ANSWERED, receive_request("BYE")]
    async with a_gateway(tmp_path, everyone(QUICK), media_timeout_s=0.3) as gateway:
        await call(tmp_path, gateway.address, *vanishing)

        assert await gateway.ending() == ("network", "no media came")


async def test_an_invite_without_a_description_is_offered_one(tmp_path: Path) -> None:
    answer = send("ACK", in_dialog=True, sdp=SDP)
    offered = receive(200, header=("Content-Type", "application/sdp"))
    async with a_gateway(tmp_path, everyone(QUICK)) as gateway:
        late = [send("INVITE"), maybe(100), maybe(180), offered, answer, pause(200), *BYE]
        await call(tmp_path, gateway.address, *late)

        assert (await gateway.ended())["rtp_sent"] > 5


async def test_media_may_move_during_a_call(tmp_path: Path) -> None:
    moved = [send("INVITE", cseq=2, in_dialog=True, sdp=SDP), receive(200)]
    acknowledged = send("ACK", cseq=2, in_dialog=True)
    bye = [send("BYE", cseq=3, in_dialog=True), receive(200)]
    async with a_gateway(tmp_path, everyone(QUICK)) as gateway:
        await call(tmp_path, gateway.address, INVITE, *ANSWERED, *moved, acknowledged, *bye)

        assert len(gateway.entries("answered")) == 1


async def test_no_common_codec_is_not_acceptable(tmp_path: Path) -> None:
    g729 = SDP.replace(" 0 101", " 18").replace("a=rtpmap:0 PCMU", "a=rtpmap:18 G729")
    refused = [receive(488), send("ACK", branch="[branch-3]")]
    async with a_gateway(tmp_path, everyone(QUICK)) as gateway:
        await call(tmp_path, gateway.address, send("INVITE", sdp=g729), maybe(100), *refused)


async def test_requests_outside_any_call_are_answered(tmp_path: Path) -> None:
    messages = [
        *(send("OPTIONS"), receive(200, header=("Allow", "INVITE"))),
        *(send("BYE", cseq=2), receive(481)),
        *(send("MESSAGE", cseq=3), receive(405, header=("Allow", "INVITE"))),
    ]
    async with a_gateway(tmp_path, everyone(QUICK)) as gateway:
        await call(tmp_path, gateway.address, *messages)


async def test_stopping_the_gateway_ends_its_calls(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        async with a_gateway(tmp_path, everyone(QUICK)) as gateway:
            messages = [INVITE, *ANSWERED, receive_request("BYE")]
            group.create_task(call(tmp_path, gateway.address, *messages))
            await eventually(lambda: bool(gateway.entries("answered")))
        assert await gateway.ending() == ("gateway", "stopped")
