"""An authoritative DNS server on loopback, made of dnspython's own messages."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Zone = Mapping[str, tuple[int, str, list[str]]]
"""Name to TTL in seconds, type and records as a zone file has them."""


class NameServer(asyncio.DatagramProtocol):
    """Answers from `zone`, NXDOMAIN for all else; nothing while it `is_silent`."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.is_silent = False
        self.asked: list[str] = []
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text(omit_final_dot=True)
        self.asked.append(name)
        if self.is_silent:
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        if name in self.zone:
            ttl_s, kind, records = self.zone[name]
            response.answer.append(dns.rrset.from_text_list(f"{name}.", ttl_s, "IN", kind, records))
        else:
            response.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(response.to_wire(), source)

    def resolver(self) -> dns.asyncresolver.Resolver:
        """A DNS client that asks this server alone."""
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.lifetime = 0.5
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._transport.get_extra_info("sockname")[1]
        return resolver

    def close(self) -> None:
        self._transport.close()


@asynccontextmanager
async def name_server(zone: Zone) -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    _, server = await loop.create_datagram_endpoint(
        lambda: NameServer(zone), local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        server.close()
