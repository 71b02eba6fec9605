import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from movoice_box.domain.media import G711, Codec
from movoice_box.rtp.inband_dtmf import InbandDigits
from movoice_box.rtp.tones import COLUMNS_HZ, KEYPAD, ROWS_HZ, digit_tones
from tests.rtp.ends import Call, a_call, a_target, a_tone
from tests.rtp.network import Network, Sent, frames_of, heard, packets_of, speech

FRAME = 320
SILENCE = bytes(16 * 60)
VOICES = ("en", "en-us", "hi", "ta", "en+f3", "en+m7", "de", "fr+f5")


def key(
    digit: str,
    ms: int,
    *,
    level_dbm0: float = -10,
    twist_db: float = 0,
    off: float = 0,
    lead: int = 0,
) -> bytes:
    """`lead` samples of silence, then a press; `twist_db` the upper tone over the lower."""
    row, column = divmod(KEYPAD.index(digit), 4)
    at = 2 * np.pi * np.arange(8 * ms) / 8000 * (1 + off)
    level = 32_768 * 10 ** ((level_dbm0 - 3.14) / 20)
    low = 10 ** (-twist_db / 40) * np.sin(ROWS_HZ[row] * at)
    high = 10 ** (twist_db / 40) * np.sin(COLUMNS_HZ[column] * at)
    return bytes(2 * lead) + np.clip(level * (low + high), -32_768, 32_767).astype("<i2").tobytes()


def keys_in(*sounds: bytes) -> str:
    pcm = b"".join(sounds)
    pcm += bytes(FRAME - len(pcm) % FRAME)
    detector = InbandDigits()
    found: Iterable[str | None] = (
        detector.hear(pcm[at : at + FRAME]) for at in range(0, len(pcm), FRAME)
    )
    return "".join(filter(None, found))


def keys_through(network: Network, sound: bytes | Sequence[Sent], codec: Codec = Codec.PCMU) -> str:
    """Those that are heard where the detector is told what is made up."""
    packets = packets_of(sound, codec) if isinstance(sound, bytes) else sound
    detector = InbandDigits()
    frames = frames_of(packets, network)
    return "".join(filter(None, (detector.hear(pcm, is_made_up=made) for pcm, made in frames)))


@pytest.mark.parametrize("digit", KEYPAD)
def test_a_press_of_40_ms_is_heard_wherever_it_falls(digit: str) -> None:
    for lead in range(0, 160, 10):
        assert keys_in(key(digit, 40, lead=lead), SILENCE) == digit


@pytest.mark.parametrize("digit", KEYPAD)
def test_a_press_is_heard_at_the_limits_of_level_twist_and_frequency(digit: str) -> None:
    for level_dbm0, twist_db, off in product((-6, -25), (-8, 4), (-0.015, 0.015)):
        pressed = key(digit, 60, level_dbm0=level_dbm0, twist_db=twist_db, off=off, lead=33)
        assert keys_in(pressed, SILENCE) == digit


@pytest.mark.parametrize("digit", KEYPAD)
def test_what_is_beyond_the_limits_is_no_press(digit: str) -> None:
    for twist_db in (-12, 8):
        assert keys_in(key(digit, 100, twist_db=twist_db)) == ""
    for off in (-0.035, 0.035):
        assert keys_in(key(digit, 100, off=off)) == ""
    assert keys_in(key(digit, 20), SILENCE) == ""
    assert keys_in(key(digit, 100, level_dbm0=-40)) == ""


def test_a_press_is_heard_once_however_long_and_the_same_key_again_after_a_pause() -> None:
    assert keys_in(key("5", 2000), SILENCE, key("5", 100), SILENCE, key("6", 100)) == "556"


def test_a_press_with_a_hole_of_20_ms_is_one_press() -> None:
    assert keys_in(key("7", 60), bytes(16 * 20), key("7", 60)) == "7"


def test_a_single_tone_is_no_press() -> None:
    for hz in (*ROWS_HZ, *COLUMNS_HZ, 400, 425, 440):
        assert keys_in(a_tone(0.5, hz)) == ""


def test_the_two_tones_of_a_ringing_or_busy_line_are_no_press() -> None:
    for one, other in ((440, 480), (480, 620), (350, 440), (697, 941), (1209, 1477)):
        mixed = np.frombuffer(a_tone(1.0, one), "<i2") + np.frombuffer(a_tone(1.0, other), "<i2")
        assert keys_in(mixed.astype("<i2").tobytes()) == ""


def test_speech_holds_no_press() -> None:
    assert [keys_in(speech(20.0, voice=voice)) for voice in VOICES] == [""] * len(VOICES)


@pytest.mark.slow
def test_half_an_hour_of_speech_holds_no_press() -> None:
    text = " ".join(
        f"Item {number}: {number * 7919 % 9973} rupees for Anita, Bhaskar, Chitra and Deepak. "
        "Eeny meeny miny moe. Who knew you too? Aye aye. We were away a year ago."
        for number in range(12)
    )
    for voice in VOICES:
        assert keys_in(speech(240.0, text=text, voice=voice)) == ""


def tune(seconds: float, seed: int, harmonics: int) -> bytes:
    """Chords of one to three notes of the tempered scale, one after another."""
    chance = np.random.default_rng(seed)
    out = np.zeros(int(seconds * 8000))
    begin = 0
    while begin < len(out):
        length = min(int(chance.choice([1200, 2000, 4000])), len(out) - begin)
        time = np.arange(length) / 8000
        for _ in range(chance.integers(1, 4)):
            hz = 110 * 2 ** (chance.integers(0, 48) / 12)
            for number in range(1, harmonics + 1):
                out[begin : begin + length] += np.sin(2 * np.pi * number * hz * time) / number
        begin += length
    pcm: bytes = (20_000 * out / np.abs(out).max()).astype("<i2").tobytes()
    return pcm


@pytest.mark.parametrize("harmonics", [2, 6])
def test_music_holds_no_press(harmonics: int) -> None:
    assert [keys_in(tune(60.0, seed, harmonics)) for seed in range(3)] == ["", "", ""]


def test_a_chord_of_the_keys_own_notes_is_no_press_while_the_tune_goes_on() -> None:
    notes = [key(digit, 200) for digit in "39#2580"]

    assert keys_in(*notes, key("1", 200), SILENCE) == "1"


def test_loud_noise_holds_no_press() -> None:
    noise = np.random.default_rng(4733).normal(0, 12_000, 8000 * 60)

    assert keys_in(np.clip(noise, -32_768, 32_767).astype("<i2").tobytes()) == ""


def test_a_key_is_told_beside_noise_that_is_10_db_below_it() -> None:
    noise = np.random.default_rng(1).normal(0, 1_600, 8000)
    pressed = np.frombuffer(bytes(2000) + key("9", 100, level_dbm0=-7) + bytes(3200), "<i2")

    assert keys_in((pressed + noise[: len(pressed)]).astype("<i2").tobytes()) == "9"


@pytest.mark.parametrize("codec", Codec)
def test_keys_are_heard_through_every_codec(codec: Codec) -> None:
    pressed = "".join(KEYPAD)
    assert keys_in(heard(packets_of(SILENCE + digit_tones(pressed), codec))) == pressed


@pytest.mark.parametrize("codec", G711)
@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_keys_are_heard_once_each_through_loss_and_jitter(codec: Codec, loss: float) -> None:
    said = b"".join(bytes(3200) + digit_tones(digit) for digit in KEYPAD)
    network = Network(loss=loss, jitter_ms=40)

    assert keys_through(network, said, codec) == KEYPAD


@pytest.mark.parametrize("codec", [*G711, Codec.G722])
def test_no_loss_makes_two_presses_of_one(codec: Codec) -> None:
    account = "4459901123"
    said = b"".join(bytes(2400) + key(digit, 250) for digit in account) + SILENCE

    for seed in range(5):
        assert keys_through(Network(0.2, 40, seed=seed), said, codec) == account


def test_a_pause_that_the_sender_leaves_out_parts_two_presses() -> None:
    said = packets_of((key("5", 100) + bytes(16 * 200)) * 3 + bytes(3200))
    spoken = [packet for packet in said if packet.at_ms % 300 <= 120]

    assert keys_through(Network(), spoken) == "555"


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    """The near end sends keys as tones, for the far end is said to take no events."""
    async with a_call(telephone_event_payload_type=None) as call:
        yield call


def listen_for_tones(call: Call) -> None:
    target = a_target(call.near.offer.port)
    call.far.connect(replace(target, telephone_event_payload_type=None))


async def press(call: Call, digits: str) -> None:
    async with asyncio.TaskGroup() as group:
        await call.tick_until(group.create_task(call.near.send_digits(digits)))
    await call.tick(10)


async def all_digits(call: Call) -> str:
    """Those that the far end heard until now."""
    call.far.inject_digit("D")
    heard = ""
    while (digit := await call.far.next_digit()) != "D":
        heard += digit
    return heard


async def test_a_call_without_telephone_events_hears_the_tones(call: Call) -> None:
    listen_for_tones(call)
    await press(call, "119#")

    assert await all_digits(call) == "119#"


async def test_tones_are_not_listened_for_where_there_are_events(call: Call) -> None:
    await press(call, "1")

    assert await all_digits(call) == ""


async def test_the_echo_of_our_own_tones_is_no_press(call: Call) -> None:
    listen_for_tones(call)
    call.near.connect(replace(a_target(call.far.offer.port), telephone_event_payload_type=None))
    async with asyncio.TaskGroup() as group:
        pressing = group.create_task(call.far.send_digits("12"))
        await call.tick(5)
        await press(call, "9")
        await call.tick_until(pressing)
    await call.tick(50)
    await press(call, "3")

    assert await all_digits(call) == "3"


async def test_who_sends_digits_by_info_is_not_heard_twice(call: Call) -> None:
    listen_for_tones(call)
    call.far.inject_digit("4")
    await press(call, "4")
    listen_for_tones(call)
    await press(call, "5")

    assert await all_digits(call) == "4"


async def test_tones_beside_events_are_not_heard_twice(call: Call) -> None:
    listen_for_tones(call)
    call.near.connect(a_target(call.far.offer.port))
    await press(call, "2")
    call.near.connect(replace(a_target(call.far.offer.port), telephone_event_payload_type=None))
    await press(call, "2")

    assert await all_digits(call) == "2"
