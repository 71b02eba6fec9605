"""Reports between the box and a phone that no one here wrote."""

import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from movoice_box.domain.media import Codec
from movoice_box.rtp.session import RtpSession
from tests.peers.baresip import baresip_phone
from tests.peers.test_baresip_media import GREETING, answered_call
from tests.rtp.ends import received, udp_socket, until
from tests.rtp.network import a_receiver
from tests.rtp.test_reports import a_link, a_sender, hear
from tests.sip.ends import NUMBER

pytestmark = pytest.mark.peer


async def test_the_reports_of_a_phone_tell_how_it_hears_the_box(tmp_path: Path) -> None:
    async with (
        baresip_phone(tmp_path, NUMBER.e164, GREETING) as phone,
        answered_call(phone) as (session, _),
    ):
        before = session.quality
        await until(lambda: _has_round_trip(session))
        quality = session.quality

    assert before is None or before.loss_sent is None
    assert quality is not None
    assert quality.round_trip_ms is not None
    assert quality.codec is Codec.PCMU
    assert quality.loss_sent == 0.0
    assert quality.round_trip_ms < 50
    assert quality.jitter_sent_ms is not None
    assert quality.jitter_sent_ms < 20
    assert quality.jitter_heard_ms < 20
    assert quality.mos is not None
    assert quality.mos > 4.2


def test_wireshark_reads_our_reports_as_they_were_meant(tmp_path: Path) -> None:
    far = udp_socket()
    link, _ = a_link(far.getsockname())
    sender, receiver = a_sender(250), a_receiver()
    hear(receiver, [number for number in range(100) if number % 10])
    for _ in range(200):
        link.tick(sender, receiver)
    link.close(sender, receiver)
    reports = received(far)
    far.close()
    fields = ("rtcp.sender.packetcount", "rtcp.ssrc.cum_nr", "rtcp.ssrc.fraction", "_ws.expert")

    first, *_, last = read_by_wireshark(tmp_path / "rtcp.pcap", reports, fields)

    assert first.split("\t") == ["250", "9", str(256 * 9 // 99), ""]
    assert "Goodbye" in wireshark(tmp_path / "rtcp.pcap")
    assert last.endswith("\t")


def _has_round_trip(session: RtpSession) -> bool:
    return session.quality is not None and session.quality.round_trip_ms is not None


def read_by_wireshark(path: Path, datagrams: list[bytes], fields: Sequence[str]) -> list[str]:
    """A line for each datagram, which is taken to be RTCP."""
    path.write_bytes(_capture(datagrams))
    return wireshark(path, "-T", "fields", *(f"-e{field}" for field in fields)).splitlines()


def wireshark(path: Path, *options: str) -> str:
    if (tshark := shutil.which("tshark")) is None:
        pytest.fail("tshark is missing: apt install tshark, or deselect with -m 'not peer'")
    command = (tshark, "-r", str(path), "-d", "udp.port==5005,rtcp", *options)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _capture(datagrams: list[bytes]) -> bytes:
    """A pcap file of raw IPv4 packets from port 5005 to itself."""
    capture = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101)
    for number, datagram in enumerate(datagrams):
        udp = struct.pack("!HHHH", 5005, 5005, 8 + len(datagram), 0) + datagram
        address = bytes((127, 0, 0, 1))
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + 2 * address
        size = len(ip) + len(udp)
        capture += struct.pack("<IIII", 1_800_000_000 + number, 0, size, size) + ip + udp
    return capture
