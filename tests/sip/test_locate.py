"""Where a trunk is, by a real name server."""

import random
import socket
from collections import Counter

import dns.asyncresolver
import dns.resolver
import pytest

from movoice_box.clock import SystemClock
from movoice_box.domain.trunk import Transport
from movoice_box.errors import TrunkError
from movoice_box.sip.locate import Locator, Target, in_order
from movoice_box.sip.transport import Address, Destination
from tests.builders import ManualClock
from tests.peers.name_server import NameServer, name_server

V4, V6, BOTH = socket.AF_INET, socket.AF_INET6, socket.AF_UNSPEC
ZONE = {
    "_sip._udp.carrier.test": (
        60,
        "SRV",
        ["20 0 5070 127.0.0.3.", "10 0 5080 127.0.0.2.", "10 0 5062 nowhere.invalid."],
    ),
    "_sips._tcp.carrier.test": (60, "SRV", ["0 0 5061 127.0.0.4."]),
    "_sip._tcp.carrier.test": (60, "SRV", ["0 0 0 ."]),
    "_sip._udp.long.test": (86_400, "SRV", ["0 0 5070 127.0.0.3."]),
}
"""Targets are literal addresses, which the system's resolver takes, so that no name is needed."""


def a_locator(server: NameServer, clock: ManualClock | None = None) -> Locator:
    return Locator(clock or ManualClock(), server.resolver, random.Random(1))


async def located(
    locator: Locator, host: str, port: int | None = None, transport: Transport = Transport.UDP
) -> tuple[Address, ...]:
    return await locator.locate(host, port, transport, V4)


async def test_services_come_by_priority_and_without_those_that_have_no_address() -> None:
    async with name_server(ZONE) as server:
        found = await located(a_locator(server), "carrier.test")

    assert found == (("127.0.0.2", 5080), ("127.0.0.3", 5070))


async def test_each_transport_has_its_service() -> None:
    async with name_server(ZONE) as server:
        locator = a_locator(server)
        found = await located(locator, "carrier.test", transport=Transport.TLS)
        with pytest.raises(TrunkError, match=r"'carrier\.test' has no SIP over TCP"):
            await located(locator, "carrier.test", transport=Transport.TCP)

    assert found == (("127.0.0.4", 5061),)


@pytest.mark.parametrize(
    ("host", "port", "found"),
    [
        ("127.0.0.9", None, ("127.0.0.9", 5060)),
        ("127.0.0.9", 5090, ("127.0.0.9", 5090)),
        ("localhost", None, ("127.0.0.1", 5060)),
        ("localhost", 5090, ("127.0.0.1", 5090)),
    ],
)
async def test_address_and_local_name_ask_no_name_server(
    host: str, port: int | None, found: Address
) -> None:
    async with name_server(ZONE) as server:
        assert await located(a_locator(server), host, port) == (found,)
        assert server.asked == []


async def test_name_with_a_port_has_no_services() -> None:
    async with name_server(ZONE) as server:
        with pytest.raises(TrunkError, match=r"cannot find the address of 'carrier\.test'"):
            await located(a_locator(server), "carrier.test", 5060)

        assert server.asked == []


async def test_records_are_kept_for_their_time_five_minutes_at_most() -> None:
    clock = ManualClock()
    async with name_server(ZONE) as server:
        locator = a_locator(server, clock)
        for host, kept_s in (("carrier.test", 60), ("long.test", 300)):
            server.asked.clear()
            await located(locator, host)
            clock.pass_time(kept_s - 1)
            await located(locator, host)
            assert len(server.asked) == 1
            clock.pass_time(2)
            await located(locator, host)
            assert len(server.asked) == 2


# `127.1` is a name to us, and one that the system's resolver knows without DNS.
async def test_services_are_not_forgotten_for_an_address_while_the_name_server_is_silent() -> None:
    clock = ManualClock()
    zone = {"_sip._udp.127.1": (60, "SRV", ["0 0 5070 127.0.0.3."])}
    async with name_server(zone) as server:
        locator = a_locator(server, clock)
        before = await located(locator, "127.1")
        clock.pass_time(61)
        server.is_silent = True

        assert await located(locator, "127.1") == before == (("127.0.0.3", 5070),)


async def test_without_any_name_server_only_names_fail() -> None:
    def no_name_server() -> dns.asyncresolver.Resolver:
        raise dns.resolver.NoResolverConfiguration

    locator = Locator(SystemClock(), no_name_server)

    assert await located(locator, "127.0.0.9") == (("127.0.0.9", 5060),)
    with pytest.raises(TrunkError, match=r"cannot find the address of 'gw\.invalid'"):
        await located(locator, "gw.invalid")


async def test_address_of_a_family_that_is_not_listened_on_says_what_to_set() -> None:
    with pytest.raises(TrunkError, match=r"::1 is IPv6, but \[sip\] listen is not"):
        await located(Locator(SystemClock()), "::1")

    assert await Locator(SystemClock()).locate("::1", None, Transport.TLS, BOTH) == (("::1", 5061),)


def test_what_failed_comes_last_for_a_minute() -> None:
    clock = ManualClock()
    locator = Locator(clock)
    first, second = Destination("127.0.0.2", 5060), Destination("127.0.0.3", 5060)
    locator.mark_failed(first)

    assert locator.failed_last([first, second]) == (second, first)
    clock.pass_time(61)
    assert locator.failed_last([first, second]) == (first, second)


def test_weights_share_the_first_place_out() -> None:
    targets = [Target("a", 1, 0, 30), Target("b", 1, 0, 10), Target("c", 1, 0, 0)]
    chance = random.Random(7)
    firsts = Counter(in_order(targets, chance)[0].host for _ in range(4_000))

    assert 2_800 < firsts["a"] < 3_050
    assert 850 < firsts["b"] < 1_100
    assert 0 < firsts["c"] < 200


async def test_hosts_that_far_ends_name_do_not_fill_the_memory() -> None:
    async with name_server(ZONE) as server:
        locator = a_locator(server)
        for port in range(1, 561):
            await located(locator, "localhost", port)

        assert len(locator._found) == 500
        assert await located(locator, "localhost", 560) == (("127.0.0.1", 560),)
