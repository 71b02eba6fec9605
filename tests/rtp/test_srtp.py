import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from movoice_box.domain.media import SrtpKey
from movoice_box.errors import RtpError
from movoice_box.rtp.packet import RtpPacket
from movoice_box.rtp.srtp import Srtp

# RFC 3711 appendix B.3
MASTER_KEY = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139")
MASTER_SALT = bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
CIPHER_KEY = bytes.fromhex("C61E7A93744F39EE10734AFE3FF7A087")
CIPHER_SALT = bytes.fromhex("30CBBC08863D8C85D49DB34A9AE1")
AUTH_KEY = bytes.fromhex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")

OURS = SrtpKey(1, MASTER_KEY + MASTER_SALT)
THEIRS = SrtpKey(4, bytes(range(30)))

# libsrtp's own reference packets, of the same master key
PLAIN = bytes.fromhex("800f1234decafbadcafebabe" + "ab" * 16)
PROTECTED = bytes.fromhex(
    "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"
)
PLAIN_RTCP = bytes.fromhex("81c8000bcafebabe" + "ab" * 16)
PROTECTED_RTCP = bytes.fromhex(
    "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798"
)


def key_stream(key: bytes, block: int, size: int) -> bytes:
    """AES in counter mode from `block` on (RFC 3711 4.1.1)."""
    counter = modes.CTR(block.to_bytes(16, "big"))
    return Cipher(algorithms.AES(key), counter).encryptor().update(bytes(size))


def derived(label: int, size: int) -> bytes:
    """A session key of the master key (RFC 3711 4.3.1)."""
    return key_stream(MASTER_KEY, (int.from_bytes(MASTER_SALT, "big") ^ label << 48) << 16, size)


def protected(packet: RtpPacket) -> bytes:
    """By the text of RFC 3711, for the first 65,536 packets of a stream."""
    plain = packet.pack()
    block = int.from_bytes(CIPHER_SALT, "big") << 16
    block ^= packet.ssrc << 64 ^ packet.sequence_number << 16
    stream = key_stream(CIPHER_KEY, block, len(packet.payload))
    cipher = bytes(one ^ other for one, other in zip(packet.payload, stream, strict=True))
    tag = hmac.new(AUTH_KEY, plain[:12] + cipher + bytes(4), hashlib.sha1).digest()[:10]
    return plain[:12] + cipher + tag


def both_ends() -> tuple[Srtp, Srtp]:
    near, far = Srtp(OURS), Srtp(THEIRS)
    near.connect(THEIRS)
    far.connect(OURS)
    return near, far


def a_packet(number: int = 1, payload: bytes = b"\x55" * 160) -> bytes:
    return RtpPacket(0, number & 0xFFFF, 160 * number, 7, payload).pack()


def test_the_keys_of_a_session_are_those_of_the_rfc() -> None:
    assert derived(0, 16) == CIPHER_KEY
    assert derived(1, 20) == AUTH_KEY
    assert derived(2, 14) == CIPHER_SALT


def test_packets_are_as_the_rfc_computes_them() -> None:
    near, _ = both_ends()
    for number in range(1, 20):
        packet = RtpPacket.parse(a_packet(number))
        assert near.protect(packet.pack()) == protected(packet)


def test_reference_packets_of_the_library() -> None:
    near, far = both_ends()

    assert near.protect(PLAIN) == PROTECTED
    assert near.protect_rtcp(PLAIN_RTCP) == PROTECTED_RTCP
    assert far.unprotect(PROTECTED) == PLAIN
    assert far.unprotect_rtcp(PROTECTED_RTCP) == PLAIN_RTCP


def test_each_side_sends_by_its_own_key() -> None:
    near, far = both_ends()

    assert near.unprotect(far.protect(a_packet())) == a_packet()
    with pytest.raises(RtpError, match="authentication"):
        near.unprotect(near.protect(a_packet(2)))


def test_sequence_numbers_may_wrap() -> None:
    near, far = both_ends()
    numbers = range(0xFFF0, 0x1_0010)

    assert all(far.unprotect(near.protect(a_packet(n))) == a_packet(n) for n in numbers)


def test_a_replayed_packet_is_refused() -> None:
    near, far = both_ends()
    packet = near.protect(a_packet())
    far.unprotect(packet)

    with pytest.raises(RtpError, match="replay"):
        far.unprotect(packet)


@pytest.mark.parametrize("at", [3, 11, 12, 171, -1])
def test_an_altered_packet_is_refused(at: int) -> None:
    near, far = both_ends()
    forged = bytearray(near.protect(a_packet()))
    forged[at] ^= 1

    with pytest.raises(RtpError):
        far.unprotect(bytes(forged))
    assert far.unprotect(near.protect(a_packet(2))) == a_packet(2)


@pytest.mark.parametrize("packet", [b"", b"\x80", a_packet(), b"\x80" * 2048])
def test_what_is_no_srtp_is_refused(packet: bytes) -> None:
    _, far = both_ends()
    for unprotect in (far.unprotect, far.unprotect_rtcp):
        with pytest.raises(RtpError):
            unprotect(packet)


def test_before_its_key_nothing_can_be_opened() -> None:
    with pytest.raises(RtpError, match="before its key"):
        Srtp(OURS).unprotect(PROTECTED)


def test_a_new_key_takes_the_place_of_the_old_one_and_the_same_one_changes_nothing() -> None:
    near, far = both_ends()
    first = near.protect(a_packet(1))
    far.unprotect(first)
    far.connect(OURS)
    with pytest.raises(RtpError, match="replay"):
        far.unprotect(first)
    far.connect(THEIRS)
    with pytest.raises(RtpError, match="authentication"):
        far.unprotect(near.protect(a_packet(2)))
