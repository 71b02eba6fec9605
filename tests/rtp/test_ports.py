import socket

import pytest

from movoice_box.errors import TrunkError
from movoice_box.rtp.ports import RtpPorts
from tests.rtp.ends import LOOPBACK


def free_range(even_ports: int) -> tuple[int, int]:
    """Bounds that hold so many free even ports at this moment."""
    for low in range(40_000, 60_000, 2 * even_ports):
        try:
            for port in range(low, low + 2 * even_ports, 2):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind((LOOPBACK, port))
        except OSError:
            continue
        return low, low + 2 * even_ports - 1
    pytest.fail("no free UDP ports from 40000 to 60000")


def test_even_ports_are_taken_in_turn_and_not_reused_at_once() -> None:
    low, high = free_range(4)
    ports = RtpPorts(low, high)
    taken = []
    for _ in range(6):
        with ports.bind(LOOPBACK) as bound:
            taken.append(bound.getsockname()[1] - low)

    assert taken == [0, 2, 4, 6, 0, 2]


def test_a_full_range_says_so_and_what_to_do() -> None:
    low, high = free_range(2)
    ports = RtpPorts(low, high)
    with (
        ports.bind(LOOPBACK),
        ports.bind(LOOPBACK),
        pytest.raises(TrunkError) as refused,
    ):
        ports.bind(LOOPBACK)

    assert f"no free RTP port on 127.0.0.1 from {low} to {high}" in refused.value.message
    assert refused.value.code == "rtp_ports_in_use"


def test_a_port_that_someone_else_has_is_passed_over() -> None:
    low, high = free_range(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((LOOPBACK, low))
        with RtpPorts(low, high).bind(LOOPBACK) as bound:
            assert bound.getsockname()[1] == low + 2


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(TrunkError, match=r"cannot receive RTP on 192\.0\.2\.1 port"):
        RtpPorts(40_000, 40_100).bind("192.0.2.1")


def test_ipv6_works_as_well() -> None:
    with RtpPorts(*free_range(4)).bind("::1") as bound:
        assert bound.family == socket.AF_INET6
