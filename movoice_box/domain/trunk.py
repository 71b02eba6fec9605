"""A trunk as the owner describes it: the gateway, PBX or carrier that carries our calls."""

import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum

from movoice_box.domain.disposition_rule import DispositionRule
from movoice_box.domain.gsm_port import GsmPort
from movoice_box.domain.media import PTIMES_MS, Codec, DtmfMethod, MediaWishes
from movoice_box.domain.number_writing import NumberWriting
from movoice_box.domain.phone import NumberFormat
from movoice_box.errors import InputError
from movoice_box.ids import AgentId, TrunkId

_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_PROXY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(\d{1,5}))?")
_USER = re.compile(r"[A-Za-z0-9+*#._~!&=$,;?/%@-]{1,128}")  # goes into a SIP URI as it stands
_HEADER_NAME = re.compile(r"X-[A-Za-z0-9-]{1,60}")
_RANGES = {
    "channels": (1, 1_000),
    "ring_timeout_s": (1, 180),
    "priority": (1, 100),
    "weight": (1, 100),
}


class TrunkDriver(StrEnum):
    NATIVE = "native"
    PYVOIP = "pyvoip"


class Transport(StrEnum):
    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"

    @property
    def default_port(self) -> int:
        """RFC 3261 19.1.2."""
        return 5061 if self is Transport.TLS else 5060


class CallerIdHeader(StrEnum):
    """Where the caller id stands beside From."""

    NONE = "none"
    P_ASSERTED_IDENTITY = "p_asserted_identity"  # RFC 3325
    REMOTE_PARTY_ID = "remote_party_id"  # draft-ietf-sip-privacy-04


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkAccount:
    """One row of the owner's trunks. `channels` is the most calls it carries at once.

    `port` None looks up DNS SRV, then takes the transport's own port (RFC 3263 4.2). Calls go to
    the trunk of the lowest `priority` that can take them; among equals `weight` shares them out.
    `tls_ca` is the PEM of the authority that signed the far end's certificate, None for those that
    the system trusts. With `is_private` the caller id is withheld from the callee (RFC 3323).
    Making one with a value that no trunk can have raises `InputError` naming the field.
    """

    id: TrunkId
    name: str
    host: str
    port: int | None = None
    transport: Transport = Transport.UDP
    outbound_proxy: str | None = None
    tls_ca: str | None = None
    srtp: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    register: bool = False
    driver: TrunkDriver = TrunkDriver.NATIVE
    is_enabled: bool = True

    channels: int = 4
    ports: tuple[GsmPort, ...] = ()
    calls_per_second: float | None = None
    priority: int = 1
    weight: int = 1
    ring_timeout_s: int = 45

    number_format: NumberFormat = NumberFormat.E164
    number_prefix: str = ""
    number_pattern: str | None = None
    number_replacement: str = ""
    allows_extensions: bool = False

    caller_id: str | None = None
    caller_id_header: CallerIdHeader = CallerIdHeader.NONE
    is_private: bool = False
    call_id_header: str | None = None
    follows_redirects: bool = False
    inbound_agent_id: AgentId | None = None
    dispositions: tuple[DispositionRule, ...] = ()

    codecs: tuple[Codec, ...] = (Codec.PCMU, Codec.PCMA, Codec.G722)
    ptime_ms: int = 20
    dtmf: DtmfMethod = DtmfMethod.AUTO

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > 80:
            raise _wrong("name", self.name, "must be 1 to 80 characters in one line")
        if not _is_host(self.host):
            raise _wrong("host", self.host, "must be an address or a name, such as 192.168.1.50")
        if self.port is not None and not 1 <= self.port <= 65_535:
            raise _wrong("port", self.port, "must be from 1 to 65535, or empty")
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise _wrong(name, getattr(self, name), f"must be from {low} to {high}")
        if self.username is not None:
            _check_user("username", self.username)
        if self.caller_id is not None:
            check_caller_id(self.caller_id)
        if self.password is not None and not self.password.isprintable():
            raise InputError("password must be in one line", field="password")
        if self.register and self.username is None:
            raise InputError("username is missing: register needs one", field="username")
        self._check_transport()
        self._check_calls()
        if self.driver is TrunkDriver.PYVOIP:
            self._check_pyvoip()

    @property
    def capacity(self) -> int:
        """The most calls at once: as many as it has named ports, or channels."""
        return len(self.ports) or self.channels

    @property
    def signalling_port(self) -> int:
        """The port where no DNS SRV record says otherwise."""
        return self.port or self.transport.default_port

    @property
    def proxy(self) -> tuple[str, int | None] | None:
        """Host and port of the outbound proxy."""
        if self.outbound_proxy is None or not (match := _PROXY.fullmatch(self.outbound_proxy)):
            return None
        return match[1].strip("[]"), int(match[2]) if match[2] else None

    @property
    def media(self) -> MediaWishes:
        return MediaWishes(
            codecs=self.codecs, ptime_ms=self.ptime_ms, dtmf=self.dtmf, is_srtp=self.srtp
        )

    @property
    def number_writing(self) -> NumberWriting:
        """Raises `InputError` for rules that cannot be applied."""
        return NumberWriting(
            number_format=self.number_format,
            pattern=self.number_pattern,
            replacement=self.number_replacement,
            prefix=self.number_prefix,
        )

    def _check_transport(self) -> None:
        if self.outbound_proxy is not None:
            host, port = self.proxy or ("", None)
            if not _is_host(host) or not (port is None or 1 <= port <= 65_535):
                raise _wrong("outbound_proxy", self.outbound_proxy, "must be host or host:port")
        if self.srtp and self.transport is not Transport.TLS:
            raise InputError(
                "srtp needs the transport tls: over any other its keys could be read by everyone",
                field="srtp",
            )
        if self.tls_ca is not None and "-----BEGIN CERTIFICATE-----" not in self.tls_ca:
            raise InputError("tls_ca must be a certificate in PEM", field="tls_ca")

    def _check_calls(self) -> None:
        _ = self.number_writing
        rate = self.calls_per_second
        if rate is not None and not 0.01 <= rate <= 100:
            raise _wrong("calls_per_second", rate, "must be from 0.01 to 100, or empty")
        if self.call_id_header is not None and not _HEADER_NAME.fullmatch(self.call_id_header):
            raise _wrong("call_id_header", self.call_id_header, "must be such as X-Call-Id")
        if not self.codecs or len(set(self.codecs)) != len(self.codecs):
            raise InputError("codecs must name at least one, each once", field="codecs")
        if self.ptime_ms not in PTIMES_MS:
            raise _wrong("ptime_ms", self.ptime_ms, f"must be one of {PTIMES_MS}")
        names = [port.name for port in self.ports]
        if len(set(names)) != len(names):
            raise InputError("ports: each needs a name of its own", field="ports")
        if len(self.ports) > 1 and len({port.prefix for port in self.ports}) != len(self.ports):
            raise InputError(
                "ports: each needs a prefix of its own, by which the gateway knows it",
                field="ports",
            )

    def _check_pyvoip(self) -> None:
        if not self.register:
            raise InputError(
                "register must be true: the driver 'pyvoip' always registers", field="register"
            )
        if self.transport is not Transport.UDP:
            raise _wrong("transport", self.transport, "must be udp for the driver 'pyvoip'")


def check_caller_id(text: str) -> None:
    """Raises `InputError` unless `text` can stand as the user of a From header."""
    _check_user("caller_id", text)


def _check_user(field_name: str, text: str) -> None:
    if not _USER.fullmatch(text):
        raise _wrong(field_name, text, "must be a number or a name, without spaces or quotes")


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _HOST_NAME.fullmatch(text) is not None
    return True


def _wrong(field_name: str, value: object, rule: str) -> InputError:
    return InputError(f"{field_name} ('{value}') {rule}", field=field_name)
