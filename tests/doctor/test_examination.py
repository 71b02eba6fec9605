"""The doctor at real far ends, well and ill."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from movoice_box.clock import SystemClock
from movoice_box.doctor.call import CallRequest
from movoice_box.doctor.examination import Examination
from movoice_box.doctor.findings import Finding, Level
from movoice_box.doctor.pcap import PcapWriter
from movoice_box.doctor.wire import Wire
from movoice_box.domain.trunk import Transport
from movoice_box.rtp.engine import MediaEngine
from movoice_box.settings import Rtp
from movoice_box.simulator.callees import Callee
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.transport import Address
from tests.doctor.captures import dissected, faults
from tests.peers.authority import Authority
from tests.peers.baresip import baresip_phone
from tests.peers.kamailio import kamailio
from tests.peers.sipp import free_udp_port, sipp_carrier
from tests.rtp.ends import a_tone
from tests.simulator.gateways import a_gateway, everyone
from tests.sip.ends import LOCAL, NUMBER, an_account

pytestmark = pytest.mark.peer

RTP = Rtp(port_min=23_000, port_max=23_998)
AUTHORITY = Authority.create()


async def examined(
    address: Address, capture: Path, *, listen_s: float | None = None, **account: Any
) -> list[Finding]:
    """What the doctor finds; with `listen_s` it calls."""
    clock = SystemClock()
    request = None
    if listen_s is not None:
        request = CallRequest(phone=NUMBER, prompt=a_tone(0.5), listen_s=listen_s)
    with capture.open("wb") as file:
        wire, media = Wire(clock, PcapWriter(file).write), MediaEngine(RTP, clock)
        async with SipEndpoint(LOCAL, clock) as endpoint, asyncio.TaskGroup() as group:
            endpoint.tap = wire
            running = group.create_task(media.run())
            examination = Examination(
                an_account(address, **account), endpoint, media, wire, clock, RTP, lambda _: None
            )
            async with aclosing(examination.run(request)) as found:
                findings = [finding async for finding in found]
            running.cancel()
    return findings


def worst(findings: list[Finding], topic: str) -> Finding:
    return max(
        (finding for finding in findings if finding.topic == topic),
        key=lambda finding: list(Level).index(finding.level),
    )


async def test_a_phone_that_answers_and_talks_is_found_well(tmp_path: Path) -> None:
    capture = tmp_path / "capture.pcap"
    async with baresip_phone(tmp_path, NUMBER.e164, a_tone(6.0)) as phone:
        findings = await examined(phone.address, capture, listen_s=2.0)

    assert not [finding for finding in findings if finding.level is Level.FAILURE]
    assert any(finding.topic == "OPTIONS" and "baresip" in finding.text for finding in findings)
    assert worst(findings, "codec").text.startswith("PCMU, 20 ms a packet")
    sound = next(f.text for f in findings if f.topic == "audio" and "of sound" in f.text)
    assert "-9 dBm0" in sound
    assert worst(findings, "BYE").text.startswith("answered 200")
    assert await faults(capture) == []
    seen = await dissected(capture, "sip.Method", only="sip.Method")
    assert [method for (method,) in seen] == ["OPTIONS", "INVITE", "ACK", "BYE"]
    assert len(await dissected(capture, "rtp.seq", only="rtp")) > 150


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TLS])
async def test_a_registrar_is_registered_with_and_left_again(
    tmp_path: Path, transport: Transport
) -> None:
    certificate = AUTHORITY.certify("127.0.0.1", tmp_path)
    async with kamailio(tmp_path, certificate=certificate) as proxy:
        findings = await examined(
            proxy.address(transport),
            tmp_path / "capture.pcap",
            transport=transport,
            tls_ca=AUTHORITY.pem,
            register=True,
        )

    assert {finding.level for finding in findings} <= {Level.OK, Level.NOTE}
    assert "after a digest challenge" in worst(findings, "REGISTER").text
    assert proxy.seen.count("seen REGISTER") == 3  # challenged, with credentials, taken back
    assert [f.topic for f in findings].count("TLS") == (transport is Transport.TLS)
    assert await faults(tmp_path / "capture.pcap") == []


async def test_a_wrong_password_ends_the_examination_with_advice(tmp_path: Path) -> None:
    async with kamailio(tmp_path) as proxy:
        findings = await examined(
            proxy.address(Transport.UDP),
            tmp_path / "capture.pcap",
            register=True,
            password="wrong",
            listen_s=1.0,
        )

    assert findings[-1].topic == "REGISTER"
    assert findings[-1].level is Level.FAILURE
    assert "user name and password" in findings[-1].advice
    assert "seen INVITE" not in proxy.seen


async def test_a_certificate_that_is_not_believed_ends_it_too(tmp_path: Path) -> None:
    certificate = AUTHORITY.certify("127.0.0.1", tmp_path, is_expired=True)
    async with kamailio(tmp_path, certificate=certificate) as proxy:
        findings = await examined(
            proxy.address(Transport.TLS),
            tmp_path / "capture.pcap",
            transport=Transport.TLS,
            tls_ca=AUTHORITY.pem,
        )

    assert findings[-1].topic == "TLS"
    assert "expired" in findings[-1].text


async def test_a_closed_port_is_told_at_once(tmp_path: Path) -> None:
    closed = "127.0.0.1", free_udp_port()
    findings = await examined(closed, tmp_path / "capture.pcap", listen_s=1.0)
    assert findings[-1].level is Level.FAILURE
    assert "is closed or has no route" in findings[-1].text


async def test_a_far_end_that_sends_no_audio_fails_the_call(tmp_path: Path) -> None:
    async with sipp_carrier(tmp_path, "mute_gateway", calls=2) as address:
        findings = await examined(address, tmp_path / "capture.pcap", listen_s=1.0)

    assert worst(findings, "audio").level is Level.FAILURE
    assert "Open UDP 23000 to 23998" in worst(findings, "audio").advice
    assert worst(findings, "BYE").level is Level.OK


async def test_a_number_that_is_refused_comes_with_how_it_was_dialed(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, everyone(Callee(ring_ms=50, status=484))) as gateway:
        findings = await examined(gateway.address, tmp_path / "capture.pcap", listen_s=1.0)

    assert worst(findings, "call").level is Level.FAILURE
    assert f"sip:{NUMBER.e164}@127.0.0.1" in worst(findings, "call").advice
