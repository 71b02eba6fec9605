from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from movoice_box.doctor.pcap import PcapWriter, ip_packet
from movoice_box.rtp.packet import RtpPacket
from tests.doctor.captures import dissected, faults

pytestmark = pytest.mark.peer

AT = datetime(2025, 4, 25, 12, 30, 15, 123_456, tzinfo=UTC)
SDP = b"""\
v=0\r
o=- 1 1 IN IP4 127.0.0.1\r
s=-\r
c=IN IP4 127.0.0.1\r
t=0 0\r
m=audio 20000 RTP/AVP 8\r
"""
INVITE = (
    b"INVITE sip:+919876543210@127.0.0.1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\n"
    b"From: <sip:box@127.0.0.1>;tag=1\r\nTo: <sip:+919876543210@127.0.0.1>\r\n"
    b"Call-ID: one\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(SDP)
) + SDP
RTP = RtpPacket(8, 1, 160, 0x1234, b"\xd5" * 161).pack()  # an odd length


def written(folder: Path, here: str, there: str) -> Path:
    file = folder / "capture.pcap"
    with file.open("wb") as opened:
        writer = PcapWriter(opened)
        writer.write(AT, (here, 5070), (there, 5060), INVITE)
        for number in range(3):
            later = AT + timedelta(milliseconds=20 * number)
            writer.write(later, (there, 20_000), (here, 30_000), RTP)
    return file


@pytest.mark.parametrize(
    ("here", "there"), [("127.0.0.1", "192.0.2.7"), ("::1", "2001:db8::7")], ids=["IPv4", "IPv6"]
)
async def test_sip_sdp_and_rtp_are_dissected_without_fault(
    tmp_path: Path, here: str, there: str
) -> None:
    file = written(tmp_path, here, there)
    assert await faults(file) == []
    (invite,) = await dissected(
        file,
        "sip.Method",
        "sdp.media.port",
        "udp.srcport",
        "udp.dstport",
        "frame.time_epoch",
        only="sip",
    )
    seconds = f"{AT.timestamp():.6f}"
    assert invite[:4] == ["INVITE", "20000", "5070", "5060"]
    assert invite[4].startswith(seconds)
    lengths = await dissected(file, "udp.length", only=f"udp.srcport == {20_000}")
    assert lengths == [[str(8 + len(RTP))]] * 3


async def test_every_checksum_is_right(tmp_path: Path) -> None:
    file = tmp_path / "capture.pcap"
    with file.open("wb") as opened:
        writer = PcapWriter(opened)
        for length in (0, 1, 2, 255, 1_400, 65_507, 70_000):
            writer.write(
                AT,
                ("127.0.0.1", 1),
                ("127.0.0.2", 65_535),
                bytes(range(256)) * 300 if length == 70_000 else b"\xff" * length,
            )
    statuses = await dissected(file, "ip.checksum.status", "udp.checksum.status")
    assert statuses == [["1", "1"]] * 7


def test_no_packet_goes_from_one_internet_to_the_other() -> None:
    with pytest.raises(ValueError, match=r"no packet goes from 127\.0\.0\.1 to ::1"):
        ip_packet(("127.0.0.1", 1), ("::1", 2), b"")
