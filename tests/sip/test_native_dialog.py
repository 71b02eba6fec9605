"""What SIPp does not do: forks, glare, NATs, IPv6."""

import asyncio

from movoice_box.clock import SystemClock
from movoice_box.domain.call import Disposition
from movoice_box.domain.media import MediaOffer
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.messages import Request
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.trunk import Answered, Ended, Ringing, Trunk
from tests.sip.bare import Stranger
from tests.sip.ends import HASTY, NUMBER, OFFER, a_trunk, an_account, until

SDP = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n"
SDP_6 = b"v=0\r\nc=IN IP6 ::1\r\nm=audio 4000 RTP/AVP 0\r\n"


async def test_second_callee_of_a_fork_is_acknowledged_and_ended() -> None:
    async with await Stranger.open() as proxy, a_trunk(proxy.address) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        invite = await proxy.expect(Request)
        proxy.answer(invite, 200, tag="first", sdp=SDP)
        await until(dialog, Answered)
        proxy.answer(invite, 200, tag="second", sdp=SDP)
        proxy.answer(invite, 200, tag="second", sdp=SDP)
        received = [await proxy.expect(Request) for _ in range(4)]

    assert [(request.method, request.to_tag) for request in received] == [
        ("ACK", "first"),
        ("ACK", "second"),
        ("BYE", "second"),
        ("ACK", "second"),
    ]


async def test_reinvite_before_the_answer_is_told_to_wait() -> None:
    async with await Stranger.open() as gateway, a_trunk(gateway.address) as trunk:
        await trunk.invite(NUMBER, OFFER)
        invite = await gateway.expect(Request)
        early = gateway.request("INVITE", to_tag=invite.from_tag, call_id=invite.call_id)

        response = await gateway.ask(early, (invite.via.host, invite.via.port or 0))

    assert response.status == 491


async def test_address_that_a_nat_gave_us_is_our_next_contact() -> None:
    async with await Stranger.open() as gateway, a_trunk(gateway.address) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        first = await gateway.expect(Request)
        first.headers.set("Via", first.values("Via")[0].replace("rport", "rport=1024"))
        gateway.answer(first, 486, tag="t", seen_from="192.0.2.1")
        await until(dialog, Ended)
        await gateway.expect(Request)
        await trunk.invite(NUMBER, OFFER)
        second = await gateway.expect(Request)

    assert second.get("Contact") == "<sip:alice@192.0.2.1:1024>"


async def test_call_over_ipv6() -> None:
    offer = MediaOffer(address="::1", port=40_000)
    async with (
        await Stranger.open("::1") as gateway,
        SipEndpoint(("::1", 0), SystemClock()) as endpoint,
    ):
        trunk: Trunk = NativeTrunk(an_account(gateway.address), endpoint, SystemClock())
        dialog = await trunk.invite(NUMBER, offer)
        invite = await gateway.expect(Request)
        gateway.answer(invite, 200, tag="t", sdp=SDP_6)
        answered = await until(dialog, Answered)
        ack = await gateway.expect(Request)

    assert answered.media
    assert answered.media.address == "::1"
    assert str(ack.uri).startswith("sip:gw@[::1]:")


async def test_host_name_is_found() -> None:
    async with await Stranger.open() as gateway:
        port = gateway.address[1]
        async with a_trunk(("localhost", port)) as trunk:
            await trunk.invite(NUMBER, OFFER)
            invite = await gateway.expect(Request)

    assert str(invite.uri) == f"sip:+919876543210@localhost:{port}"


async def test_gateway_that_dies_while_it_rings_holds_no_channel() -> None:
    gateway = await Stranger.open()
    async with a_trunk(gateway.address, ring_timeout_s=1) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        async with gateway:
            gateway.answer(await gateway.expect(Request), 180, tag="t")
            await until(dialog, Ringing)
        async with asyncio.timeout(5):
            ended = await until(dialog, Ended)

    assert (ended.disposition, ended.has_rung) == (Disposition.NO_ANSWER, True)


async def test_gateway_that_falls_silent_while_it_rings_holds_no_channel() -> None:
    async with (
        await Stranger.open() as gateway,
        a_trunk(gateway.address, timers=HASTY, ring_timeout_s=1) as trunk,
    ):
        dialog = await trunk.invite(NUMBER, OFFER)
        invite = await gateway.expect(Request)
        gateway.answer(invite, 180, tag="t")
        ended = await until(dialog, Ended)
        while (late := await gateway.expect(Request)).method != "CANCEL":
            assert late.method == "INVITE"
        gateway.answer(invite, 200, tag="t", sdp=SDP)
        methods: set[str] = set()
        while methods != {"ACK", "BYE"}:
            methods |= {(await gateway.expect(Request)).method} - {"CANCEL"}

    assert ended.disposition is Disposition.NO_ANSWER


async def test_early_update_before_any_answer_is_told_to_wait() -> None:
    async with await Stranger.open() as gateway, a_trunk(gateway.address) as trunk:
        await trunk.invite(NUMBER, OFFER)
        invite = await gateway.expect(Request)
        box = invite.via.host, invite.via.port or 0
        stray, early = (
            gateway.request("UPDATE", to_tag=invite.from_tag, call_id=invite.call_id)
            for _ in range(2)
        )
        early.body = SDP
        nobodys = await gateway.ask(stray, box)
        gateway.answer(invite, 180, tag="x")
        too_early = await gateway.ask(early, box)

    assert (nobodys.status, too_early.status) == (481, 491)
