"""Reports between two ends in virtual time, and on the wire."""

import random
from dataclasses import replace

import pytest

from movoice_box.clock import SystemClock
from movoice_box.domain.media import Codec, SrtpKey
from movoice_box.rtp.datagrams import Address
from movoice_box.rtp.packet import RtpPacket
from movoice_box.rtp.receiver import RtpReceiver
from movoice_box.rtp.reports import INTERVAL_S, Reports
from movoice_box.rtp.rtcp import Goodbye, ReceiverReport, SenderReport, parse_compound
from movoice_box.rtp.rtcp_link import RtcpLink
from movoice_box.rtp.sender import RtpSender
from movoice_box.rtp.srtp import Srtp
from tests.rtp.ends import LOOPBACK, a_target, received, udp_socket
from tests.rtp.network import ANSWERED, a_receiver

NOW = 1_800_000_000.0
OURS, THEIRS = 0x1111, 0x2222


def a_sender(packets: int = 0, codec: Codec = Codec.PCMU, ssrc: int = OURS) -> RtpSender:
    sender = RtpSender(ssrc, 0, 0)
    sender.connect(a_target(ANSWERED[1], codec))
    for _ in range(packets):
        sender.next_packet()
    return sender


def hear(receiver: RtpReceiver, numbers: list[int], ssrc: int = THEIRS) -> None:
    for number in numbers:
        packet = RtpPacket(0, number & 0xFFFF, 160 * number, ssrc, b"\x10" * 160)
        receiver.receive(packet.pack(), ANSWERED, NOW + number * 0.020)


def reports_of() -> Reports:
    return Reports("name", random.Random(1).uniform)


def test_the_first_report_comes_after_half_the_interval_and_all_are_spread() -> None:
    delays = [[reports.next_delay_s() for _ in range(2)] for reports in map(Reports, "x" * 500)]
    first, second = zip(*delays, strict=True)

    assert sum(first) / 500 == pytest.approx(INTERVAL_S / 2 / 1.218, rel=0.1)
    assert sum(second) / 500 == pytest.approx(INTERVAL_S / 1.218, rel=0.1)
    assert max(second) / min(second) > 2.5


def test_a_sender_reports_what_it_sent_and_what_it_heard() -> None:
    receiver = a_receiver()
    hear(receiver, [65_534, 65_535, 65_536, 65_538, 65_539])
    datagram = reports_of().report(a_sender(packets=7), receiver, NOW)

    report = parse_compound(datagram)[0]
    assert isinstance(report, SenderReport)
    assert (report.ssrc, report.packets, report.octets) == (OURS, 7, 7 * 160)
    assert report.timestamp == 7 * 160
    assert report.ntp >> 32 == int(NOW) + 2_208_988_800
    (block,) = report.blocks
    assert (block.ssrc, block.lost, block.highest_sequence) == (THEIRS, 1, 65_539)
    assert block.fraction_lost == 256 // 6


def test_the_share_lost_is_that_since_the_report_before() -> None:
    reports, receiver, sender = reports_of(), a_receiver(), a_sender(packets=1)
    shares = []
    for numbers in ([0, 2, 4, 6], [7, 8, 9, 10], [12, 14]):
        hear(receiver, numbers)
        report = parse_compound(reports.report(sender, receiver, NOW))[0]
        assert isinstance(report, SenderReport | ReceiverReport)
        shares.append((report.blocks[0].fraction_lost, report.blocks[0].lost))

    assert shares == [(256 * 3 // 7, 3), (0, 3), (128, 5)]


def test_another_ssrc_is_reported_from_its_own_beginning() -> None:
    reports, receiver, sender = reports_of(), a_receiver(), a_sender(packets=1)
    hear(receiver, [0, 9])
    reports.report(sender, receiver, NOW)
    hear(receiver, [500, 501], ssrc=0x3333)
    report = parse_compound(reports.report(sender, receiver, NOW))[0]

    assert isinstance(report, SenderReport)
    assert (report.blocks[0].ssrc, report.blocks[0].lost) == (0x3333, 0)
    assert report.blocks[0].highest_sequence == 501


def test_who_sends_nothing_any_more_reports_as_a_receiver() -> None:
    reports, receiver, sender = reports_of(), a_receiver(), a_sender(packets=10)
    kinds = [type(parse_compound(reports.report(sender, receiver, NOW))[0]) for _ in range(4)]

    assert kinds == [SenderReport, SenderReport, ReceiverReport, ReceiverReport]


def test_the_round_trip_is_what_the_far_end_did_not_keep_the_report() -> None:
    near, far = reports_of(), reports_of()
    near_sends, far_sends = a_sender(200), a_sender(200, ssrc=THEIRS)
    near_hears, far_hears = a_receiver(), a_receiver()
    hear(near_hears, [1, 2], ssrc=THEIRS)
    hear(far_hears, [1, 2], ssrc=OURS)

    far.receive(near.report(near_sends, near_hears, NOW), NOW + 0.030, far_sends)
    answer = far.report(far_sends, far_hears, NOW + 3.030)
    near.receive(answer, NOW + 3.080, near_sends)

    assert near.round_trip_s == pytest.approx(0.080, abs=0.001)
    assert near.loss_sent == 0.0


def test_what_the_far_end_lost_and_its_jitter_are_taken_from_its_reports() -> None:
    near, far = reports_of(), reports_of()
    far_hears = a_receiver()
    hear(far_hears, [number for number in range(200) if number % 5], ssrc=OURS)
    report = far.report(a_sender(200, ssrc=THEIRS), far_hears, NOW)
    near.receive(report, NOW, a_sender(200, Codec.OPUS))

    assert near.loss_sent == pytest.approx(0.2, abs=0.01)
    assert near.jitter_sent_s is not None


def test_a_clock_that_was_set_meanwhile_gives_no_round_trip() -> None:
    near, far = reports_of(), reports_of()
    near_sends, far_hears = a_sender(200), a_receiver()
    hear(far_hears, [1, 2], ssrc=OURS)
    far.receive(near.report(near_sends, a_receiver(), NOW), NOW, a_sender(1, ssrc=THEIRS))
    near.receive(far.report(a_sender(1, ssrc=THEIRS), far_hears, NOW), NOW + 3600, near_sends)

    assert near.round_trip_s is None
    assert near.received == 1


def a_link(destination: Address | None) -> tuple[RtcpLink, Address]:
    bound = udp_socket()
    link = RtcpLink(bound, SystemClock(), random.Random(1).uniform)
    link.connect(replace(a_target(ANSWERED[1]), rtcp=destination), None)
    return link, bound.getsockname()


def test_reports_leave_every_few_seconds_and_the_last_one_says_goodbye() -> None:
    far = udp_socket()
    link, _ = a_link(far.getsockname())
    sender, receiver = a_sender(5), a_receiver()
    for _ in range(50 * 60):
        link.tick(sender, receiver)
    reports = received(far)
    link.close(sender, receiver)
    (last,) = received(far)

    assert 60 / 7.5 < len(reports) < 60 / 2
    assert parse_compound(last)[-1] == Goodbye(ssrcs=(OURS,))
    assert all(Goodbye not in map(type, parse_compound(report)) for report in reports)
    far.close()


def test_who_takes_no_rtcp_gets_none() -> None:
    link, _ = a_link(None)
    for _ in range(1000):
        link.tick(a_sender(5), a_receiver())
    link.close(a_sender(5), a_receiver())

    assert link.reports.received == 0


def test_reports_are_answered_to_where_they_come_from() -> None:
    signalled, seen = udp_socket(), udp_socket()
    link, address = a_link(signalled.getsockname())
    seen.sendto(ReceiverReport(ssrc=THEIRS).pack(), address)
    for _ in range(400):
        link.tick(a_sender(5), a_receiver())
    link.close(a_sender(5), a_receiver())

    assert link.reports.received == 1
    assert received(seen)
    assert not received(signalled)
    signalled.close()
    seen.close()


def test_strangers_and_what_is_no_rtcp_are_counted() -> None:
    far = udp_socket()
    link, address = a_link(("127.0.0.2", 4001))
    sender, receiver = a_sender(5), RtpReceiver()
    far.sendto(ReceiverReport(ssrc=THEIRS).pack(), address)
    for _ in range(10):
        link.tick(sender, receiver)
    link.connect(replace(a_target(4000), rtcp=(LOOPBACK, 4001)), None)
    far.sendto(b"not RTCP", address)
    for _ in range(10):
        link.tick(sender, receiver)

    assert (link.strangers, link.invalid, link.reports.received) == (1, 1, 0)
    link.close(sender, receiver)
    far.close()


def test_where_the_media_is_encrypted_the_reports_are_too() -> None:
    near_key, far_key = SrtpKey(1, bytes(range(30))), SrtpKey(1, bytes(range(30, 60)))
    near_srtp, far_srtp = Srtp(near_key), Srtp(far_key)
    near_srtp.connect(far_key)
    far_srtp.connect(near_key)
    far, near = udp_socket(), udp_socket()
    link = RtcpLink(near, SystemClock(), random.Random(1).uniform)
    link.connect(replace(a_target(4000), rtcp=far.getsockname()), near_srtp)
    sender, receiver = a_sender(5), a_receiver()
    plain = ReceiverReport(ssrc=THEIRS).pack()
    for datagram in (plain, far_srtp.protect_rtcp(plain)):
        far.sendto(datagram, near.getsockname())
    for _ in range(10):
        link.tick(sender, receiver)
    link.close(sender, receiver)
    (datagram,) = received(far)

    assert (link.invalid, link.reports.received) == (1, 1)
    assert parse_compound(far_srtp.unprotect_rtcp(datagram))[-1] == Goodbye(ssrcs=(OURS,))
    far.close()
