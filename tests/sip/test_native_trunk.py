"""Calls over real sockets, with SIPp as the gateway and as the judge."""

import asyncio
import socket
from pathlib import Path

import pytest

from movoice_box.domain.call import Disposition
from movoice_box.domain.media import Codec
from movoice_box.errors import TrunkError
from movoice_box.sip.trunk import Answered, EarlyMedia, Ended, MediaChanged, Ringing
from tests.peers.sipp import free_udp_port, sipp_carrier
from tests.sip.ends import HASTY, NUMBER, OFFER, a_trunk, events_of, true_soon, until
from tests.sip.lossy import lossy_path

pytestmark = pytest.mark.peer


async def test_direct_answer_is_acknowledged_and_ended_by_our_bye(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "answer") as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        answered = await until(dialog, Answered)
        await dialog.end()
        ended = await until(dialog, Ended)

    assert answered.media
    assert answered.media.codec is Codec.PCMU
    assert answered.media.telephone_event_payload_type == 101
    assert ended == Ended(
        disposition=Disposition.ANSWERED, sip_status=200, ended_by="box", has_rung=True
    )


async def test_ringing_comes_before_the_answer(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "ring_then_answer") as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        first = await dialog.next_event()
        await until(dialog, Answered)
        await dialog.end()

    assert first == Ringing(180)


async def test_early_media_is_reported_in_the_codec_of_the_183(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "early_media") as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        ringing = await until(dialog, Ringing)
        early = await until(dialog, EarlyMedia)
        answered = await until(dialog, Answered)
        await dialog.end()

    assert ringing == Ringing(183)
    assert early.media.codec is Codec.PCMA
    assert answered.media == early.media


@pytest.mark.parametrize(
    ("status", "disposition"),
    [
        (486, Disposition.BUSY),
        (600, Disposition.BUSY),
        (480, Disposition.NO_ANSWER),
        (408, Disposition.NO_ANSWER),
        (603, Disposition.REJECTED),
        (403, Disposition.REJECTED),
        (404, Disposition.INVALID_NUMBER),
        (484, Disposition.INVALID_NUMBER),
        (604, Disposition.INVALID_NUMBER),
        (503, Disposition.FAILED),
        (302, Disposition.FAILED),
    ],
)
async def test_refusal_is_acknowledged_and_named(
    tmp_path: Path, status: int, disposition: Disposition
) -> None:
    refusing = sipp_carrier(tmp_path, "refuse", status=str(status))
    async with refusing as carrier, a_trunk(carrier) as trunk:
        ended = (await events_of(await trunk.invite(NUMBER, OFFER)))[-1]

    assert isinstance(ended, Ended)
    assert (ended.disposition, ended.sip_status) == (disposition, status)


async def test_q850_cause_counts_more_than_the_status(tmp_path: Path) -> None:
    refusing = sipp_carrier(
        tmp_path, "refuse", status="503", reason='Reason: SIP;cause=503, Q.850;cause=17;text="a,b"'
    )
    async with refusing as carrier, a_trunk(carrier) as trunk:
        ended = (await events_of(await trunk.invite(NUMBER, OFFER)))[-1]

    assert isinstance(ended, Ended)
    assert (ended.disposition, ended.q850_cause) == (Disposition.BUSY, 17)


@pytest.mark.parametrize(
    "options",
    [
        'qop="auth,auth-int", opaque="x,y"',
        "algorithm=MD5",
        'qop=auth\nWWW-Authenticate: Digest realm="a, b", nonce="2", algorithm=SHA-512-256',
    ],
    ids=["with qop", "as in RFC 2069", "beside an unknown algorithm"],
)
async def test_challenge_of_the_gateway_is_answered(tmp_path: Path, options: str) -> None:
    asking = sipp_carrier(tmp_path, "challenge", options=options)
    async with asking as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()


async def test_challenge_of_a_proxy_is_answered(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "proxy_challenge") as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()


async def test_wrong_password_ends_the_call_with_advice(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "never_satisfied") as carrier, a_trunk(carrier) as trunk:
        ended = await until(await trunk.invite(NUMBER, OFFER), Ended)

    assert (ended.disposition, ended.sip_status) == (Disposition.FAILED, 407)
    assert "check the user name and password" in ended.sip_reason


async def test_stale_nonce_is_answered_once_more(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "stale_nonce") as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()


async def test_ring_timeout_cancels_and_is_no_answer(tmp_path: Path) -> None:
    ringing = sipp_carrier(tmp_path, "no_answer")
    async with ringing as carrier, a_trunk(carrier, ring_timeout_s=1) as trunk:
        ended = (await events_of(await trunk.invite(NUMBER, OFFER)))[-1]

    assert ended == Ended(
        disposition=Disposition.NO_ANSWER,
        sip_status=487,
        sip_reason="not answered in 1 s",
        ended_by="box",
        has_rung=True,
    )


async def test_our_cancel_is_canceled(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "no_answer") as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Ringing)
        await dialog.end()
        ended = await dialog.next_event()

    assert isinstance(ended, Ended)
    assert (ended.disposition, ended.sip_status) == (Disposition.CANCELED, 487)


async def test_answer_that_crosses_our_cancel_is_acknowledged_and_ended(tmp_path: Path) -> None:
    crossing = sipp_carrier(tmp_path, "answer_crosses_cancel")
    async with crossing as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Ringing)
        await dialog.end()
        ended = await dialog.next_event()

    assert isinstance(ended, Ended)
    assert (ended.disposition, ended.sip_status) == (Disposition.CANCELED, 200)


async def test_end_returns_although_the_cancel_is_ignored(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "ignore_cancel") as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Ringing)
        await dialog.end()
        ended = await dialog.next_event()

    assert isinstance(ended, Ended)
    assert ended.disposition is Disposition.CANCELED


async def test_end_returns_although_the_bye_is_ignored(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "deaf_after_answer") as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()
        ended = await dialog.next_event()

    assert isinstance(ended, Ended)
    assert ended.disposition is Disposition.ANSWERED


async def test_challenged_bye_is_sent_with_the_password(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "challenged_bye") as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()


async def test_invite_is_repeated_until_the_carrier_answers(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "answer_late") as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()


@pytest.mark.parametrize("lost", ["INVITE", "SIP/2.0 200", "ACK", "BYE"])
async def test_call_survives_the_loss_of(tmp_path: Path, lost: str) -> None:
    front = free_udp_port()
    answering = sipp_carrier(tmp_path, "answer", contact_port=str(front))
    async with (
        answering as carrier,
        lossy_path(front, carrier, {lost: 1}) as path,
        a_trunk(path) as trunk,
    ):
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await asyncio.sleep(0.7)  # a lost ACK brings another 200 after T1
        await dialog.end()


async def test_refusal_is_acknowledged_again_when_the_ack_was_lost(tmp_path: Path) -> None:
    async with (
        sipp_carrier(tmp_path, "refuse") as carrier,
        lossy_path(free_udp_port(), carrier, {"ACK": 1}) as path,
        a_trunk(path) as trunk,
    ):
        await until(await trunk.invite(NUMBER, OFFER), Ended)
        await asyncio.sleep(0.7)


async def test_bye_of_the_callee_ends_the_call(tmp_path: Path) -> None:
    leaving = sipp_carrier(tmp_path, "callee_hangs_up", reason="Reason: Q.850;cause=16")
    async with leaving as carrier, a_trunk(carrier) as trunk:
        ended = (await events_of(await trunk.invite(NUMBER, OFFER)))[-1]

    assert ended == Ended(
        disposition=Disposition.ANSWERED,
        sip_status=200,
        q850_cause=16,
        ended_by="callee",
        has_rung=True,
    )


async def test_requests_inside_the_dialog_are_answered(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "options_in_dialog") as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await asyncio.sleep(0.5)
        await dialog.end()


async def test_reinvite_holds_and_resumes(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "hold_and_resume") as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        held = await until(dialog, MediaChanged)
        resumed = await until(dialog, MediaChanged)
        await asyncio.sleep(0.5)
        await dialog.end()

    assert not held.media.is_sending
    assert resumed.media.is_sending
    assert resumed.media.codec is Codec.PCMA


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        ("refused_audio", "the far end refused the audio stream"),
        ("foreign_codec", "no common codec: this box has PCMU, PCMA, the far end G729"),
        ("no_sdp", "the 200 brought no SDP"),
    ],
)
async def test_answer_without_usable_media_is_acknowledged_and_ended(
    tmp_path: Path, scenario: str, reason: str
) -> None:
    async with sipp_carrier(tmp_path, scenario) as carrier, a_trunk(carrier) as trunk:
        ended = (await events_of(await trunk.invite(NUMBER, OFFER)))[-1]

    assert ended == Ended(
        disposition=Disposition.FAILED,
        sip_status=200,
        sip_reason=reason,
        ended_by="box",
        has_rung=True,
    )


async def test_answer_on_hold_is_an_answer(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "held_answer") as carrier, a_trunk(carrier) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        answered = await until(dialog, Answered)
        await dialog.end()

    assert answered.media
    assert not answered.media.is_sending


async def test_requests_follow_the_route_of_a_proxy(tmp_path: Path) -> None:
    front = free_udp_port()
    async with (
        sipp_carrier(tmp_path, "record_route", proxy_port=str(front), contact_port="9") as carrier,
        lossy_path(front, carrier, {}) as proxy,
        a_trunk(proxy) as trunk,
    ):
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()


async def test_silent_peer_is_unreachable_after_timer_b() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = silent.getsockname()
        async with a_trunk(address, timers=HASTY) as trunk:
            ended = await until(await trunk.invite(NUMBER, OFFER), Ended)
            status = trunk.status

    assert ended.disposition is Disposition.UNREACHABLE
    assert "in 1.28 s (timer B)" in ended.sip_reason
    assert status.is_up is False


async def test_closed_port_is_unreachable_at_once() -> None:
    async with a_trunk(("127.0.0.1", free_udp_port())) as trunk:
        ended = await until(await trunk.invite(NUMBER, OFFER), Ended)

    assert ended.disposition is Disposition.UNREACHABLE
    assert "is closed or has no route" in ended.sip_reason


async def test_unknown_host_cannot_be_called() -> None:
    async with a_trunk(("no-such-host.invalid", 5060)) as trunk:
        with pytest.raises(TrunkError, match=r"no-such-host\.invalid"):
            await trunk.invite(NUMBER, OFFER)


async def test_registration_is_kept_and_taken_back(tmp_path: Path) -> None:
    async with (
        sipp_carrier(tmp_path, "registrar") as carrier,
        a_trunk(carrier, register=True) as trunk,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(trunk.run())
        await true_soon(lambda: trunk.status.detail == "registered for 60 s")
        status = trunk.status
        running.cancel()

    assert (status.is_up, status.is_registered) == (True, True)
    assert trunk.status.is_registered is False


async def test_trunk_that_was_taken_out_of_use_calls_nobody(tmp_path: Path) -> None:
    async with (
        sipp_carrier(tmp_path, "options") as carrier,
        a_trunk(carrier) as trunk,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(trunk.run())
        await true_soon(lambda: trunk.status.is_up is True)
        running.cancel()
        await asyncio.wait([running])
        with pytest.raises(TrunkError, match="was taken out of use"):
            await trunk.invite(NUMBER, OFFER)


async def test_trunk_test_measures_the_round_trip(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "options") as carrier, a_trunk(carrier) as trunk:
        status = await trunk.test()

    assert status.is_up
    assert status.detail == "answered OPTIONS with 200 Alive"
    assert status.round_trip_ms is not None
