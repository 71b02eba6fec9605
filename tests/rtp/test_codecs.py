from array import array

import numpy as np
import pytest
import soxr
from G722 import G722

from movoice_box.clock import SystemClock
from movoice_box.domain.media import G711, PTIMES_MS, Codec, MediaWishes
from movoice_box.errors import TrunkError
from movoice_box.rtp import engine
from movoice_box.rtp.codecs import available, decoder_of, encoder_of, packet_ms
from movoice_box.rtp.engine import MediaEngine
from movoice_box.settings import Rtp
from tests.peers.test_baresip_media import find, sweep
from tests.rtp.ends import LOOPBACK

CLIP = sweep(2.0, 300, 1500)
BYTES_PER_MS = 16


def packets(pcm: bytes, ms: int) -> list[bytes]:
    size = ms * BYTES_PER_MS
    return [pcm[at : at + size].ljust(size, b"\0") for at in range(0, len(pcm), size)]


def snr_db(clip: bytes, heard: bytes, delay: int = 0) -> float:
    """Of `heard`, `delay` samples late."""
    wanted = np.frombuffer(clip, dtype="<i2").astype(float)
    got = np.frombuffer(heard, dtype="<i2").astype(float)[delay : delay + len(wanted)]
    wanted = wanted[: len(got)]
    return float(10 * np.log10(np.sum(wanted**2) / np.sum((got - wanted) ** 2)))


@pytest.mark.parametrize("ptime_ms", PTIMES_MS)
@pytest.mark.parametrize(
    ("codec", "delay", "least_db"),
    [(Codec.PCMU, 0, 35), (Codec.PCMA, 0, 35), (Codec.G722, 0, 35), (Codec.OPUS, 52, 10)],
)
def test_what_is_encoded_is_decoded_in_its_place(
    codec: Codec, delay: int, least_db: float, ptime_ms: int
) -> None:
    encoder, decoder = encoder_of(codec), decoder_of(codec)
    sent = packets(CLIP, packet_ms(codec, ptime_ms))
    heard = [decoder.decode(encoder.encode(packet)) for packet in sent]

    assert [len(pcm) for pcm in heard] == [len(pcm) for pcm in sent]
    assert snr_db(CLIP, b"".join(heard), delay) > least_db


def test_a_wideband_phone_and_a_box_of_8_khz_understand_each_other() -> None:
    wide = soxr.resample(np.frombuffer(CLIP, dtype="<i2"), 8000, 16_000).tobytes()
    by_box = decoder_of(Codec.G722).decode(G722(16_000, 64_000).encode(array("h", wide)))
    by_phone = np.array(G722(16_000, 64_000).decode(encoder_of(Codec.G722).encode(CLIP)))
    narrow = soxr.resample(by_phone.astype(np.int16), 16_000, 8000).tobytes()

    for heard in (by_box, narrow):
        found = find(CLIP, heard)
        assert found.likeness > 0.95
        assert found.energy == pytest.approx(1, abs=0.02)


def test_opus_hides_a_lost_packet_best_by_the_copy_in_the_next_one() -> None:
    encoder = encoder_of(Codec.OPUS)
    payloads = [encoder.encode(packet) for packet in packets(CLIP, 20)]
    lost = range(20, 90, 10)

    def heard(*, copies: bool) -> bytes:
        decoder, pcm = decoder_of(Codec.OPUS), b""
        for number, payload in enumerate(payloads):
            following = payloads[number + 1] if copies and number in lost else b""
            concealed = decoder.conceal(160, following) if number in lost else None
            pcm += decoder.decode(payload) if concealed is None else concealed
        return pcm

    by_copy, by_guess = (snr_db(CLIP, heard(copies=copies), 52) for copies in (True, False))
    assert by_copy > by_guess + 6


@pytest.mark.parametrize("codec", [*G711, Codec.G722])
def test_the_other_codecs_have_no_concealment_of_their_own(codec: Codec) -> None:
    assert decoder_of(codec).conceal(160) is None


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("payload", [b"", b"\xff", b"\xff" * 7, bytes(range(256)) * 5])
def test_any_payload_is_decoded_to_something_or_nothing(codec: Codec, payload: bytes) -> None:
    assert len(decoder_of(codec).decode(payload)) % 2 == 0


@pytest.mark.parametrize(
    ("wished_ms", "opus_ms"), [(10, 10), (20, 20), (30, 20), (40, 40), (50, 40), (60, 60)]
)
def test_opus_has_no_packets_of_30_or_50_ms(wished_ms: int, opus_ms: int) -> None:
    assert packet_ms(Codec.OPUS, wished_ms) == opus_ms
    assert packet_ms(Codec.PCMU, wished_ms) == wished_ms


async def opened(wishes: MediaWishes) -> tuple[Codec, ...]:
    """The codecs that a call of such wishes offers."""
    media = MediaEngine(Rtp(port_min=20_000, port_max=29_998), SystemClock())
    session = await media.open(LOOPBACK, wishes)
    await session.close()
    return session.offer.codecs


async def test_opus_is_offered_where_it_is_wished_and_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wishes = MediaWishes(codecs=(Codec.OPUS, Codec.PCMA))

    assert available() == set(Codec)
    assert await opened(wishes) == (Codec.OPUS, Codec.PCMA)
    assert Codec.OPUS not in await opened(MediaWishes())
    monkeypatch.setattr(engine, "available", lambda: frozenset(G711))
    assert await opened(wishes) == (Codec.PCMA,)
    with pytest.raises(TrunkError, match="apt install libopus0"):
        await opened(MediaWishes(codecs=(Codec.OPUS,)))


async def test_a_secure_call_has_a_key_of_its_own() -> None:
    media = MediaEngine(Rtp(port_min=20_000, port_max=29_998), SystemClock())
    calls = [await media.open(LOOPBACK, MediaWishes(is_srtp=True)) for _ in range(2)]
    keys = [call.offer.srtp for call in calls]
    for call in calls:
        await call.close()

    assert all(key is not None and len(key.master) == 30 for key in keys)
    assert keys[0] != keys[1]
