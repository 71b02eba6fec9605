from dataclasses import replace

import pytest

from movoice_box.bench.fuzz import FuzzReport, fuzz
from movoice_box.bench.hostile_messages import Names, request, rtcp, rtp, torture
from movoice_box.bench.mutation import METHODS, Chance
from movoice_box.bench.report import fuzz_table
from movoice_box.sip.messages import Request, parse

NAMES = Names(
    call_id="1@127.0.0.1",
    local_tag="ours",
    remote_tag="theirs",
    branch="z9hG4bK1",
    number="911234567890",
    cseq=7,
    address="127.0.0.1",
    port=5070,
)
WITHSTOOD = FuzzReport(
    calls=2,
    survived=2,
    sent={"RTP": 1000, "noise": 500},
    seconds=3.0,
    memory_before=100.0,
    memory_after=101.0,
    memory_peak=104.0,
    lag_ms=[1.0, 2.0, 9.0],
    probe_ms=[3.0],
    heard=[49.0, 50.0],
    most_dials=1,
)


async def test_a_box_with_calls_up_withstands_a_flood() -> None:
    report = await fuzz(5_000, seed=1, calls=5, settle_s=0.2)

    assert report.failures == [], report.errors
    assert sum(report.sent.values()) == 5_000
    assert min(report.sent.values()) > 0
    assert report.fair_game > 0
    assert report.lag_ms
    assert report.probe_ms


@pytest.mark.parametrize("method", METHODS)
def test_what_is_distorted_was_a_message_of_the_dialog(method: bytes) -> None:
    message = parse(request(Chance(1), NAMES, method))

    assert isinstance(message, Request)
    assert (message.call_id, message.from_tag, message.to_tag) == ("1@127.0.0.1", "theirs", "ours")
    assert (message.method, message.cseq.sequence) == (method.decode(), 7)


def test_packets_are_of_the_call_or_nearly() -> None:
    chance = Chance(1)
    drawn = [rtp(chance, 77, 5, 800) for _ in range(200)]
    reports = [rtcp(chance, 77, 78) for _ in range(200)]

    assert sum(packet[8:12] == bytes([0, 0, 0, 77]) for packet in drawn) > 50
    assert len({packet[1] & 0x7F for packet in drawn if len(packet) > 1}) > 5
    assert len(set(drawn)) > 150
    assert len(set(reports)) > 150


def test_the_same_seed_sends_the_same() -> None:
    def some(seed: int) -> list[bytes]:
        chance = Chance(seed)
        plain = [request(chance, NAMES), torture(chance, NAMES), rtp(chance, 1, 2, 3)]
        return [*plain, *map(chance.distorted, plain), *map(chance.damaged, plain), chance.noise()]

    assert some(3) == some(3)
    assert some(3) != some(4)


@pytest.mark.parametrize(
    ("report", "failure"),
    [
        (replace(WITHSTOOD, survived=1), "1 calls were lost"),
        (replace(WITHSTOOD, errors=["Traceback"]), "1 errors in the log"),
        (replace(WITHSTOOD, heard=[20.0, 50.0]), "a callee heard 20 packets a second"),
        (replace(WITHSTOOD, memory_after=150.0), "memory grew by 50.0 MB"),
        (replace(WITHSTOOD, unanswered=2), "2 honest requests were never answered"),
        (replace(WITHSTOOD, most_dials=2), "a number was dialed 2 times"),
    ],
)
def test_what_was_not_withstood_is_said(report: FuzzReport, failure: str) -> None:
    assert report.failures == [failure]


def test_the_table_says_what_was_sent_and_what_became_of_the_box() -> None:
    assert WITHSTOOD.failures == []
    rows = [" ".join(row.split()) for row in fuzz_table(WITHSTOOD).splitlines()]

    assert "RTP 1,000" in rows
    assert "sent in all 1,500 in 3 s (500/s)" in rows
    assert "memory before, after, at most 100.0, 101.0, 104.0 MB" in rows
    assert "event loop late by 2.0 ms, p99 9.0 ms, at most 9.0 ms" in rows
