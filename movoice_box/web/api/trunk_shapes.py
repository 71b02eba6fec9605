"""How a trunk looks in the API: what is sent, and what is told of it."""

from datetime import datetime
from typing import Any, Self

import msgspec
from msgspec import UNSET, UnsetType

from movoice_box.dialer.channels import PortHealth, TrunkHealth
from movoice_box.dialer.trunk_line import ObstacleKind
from movoice_box.domain.call import Disposition
from movoice_box.domain.disposition_rule import DispositionRule
from movoice_box.domain.early_media import EarlySound
from movoice_box.domain.gsm_port import GsmPort
from movoice_box.domain.media import Codec, DtmfMethod
from movoice_box.domain.phone import NumberFormat
from movoice_box.domain.port_usage import PortState
from movoice_box.domain.trunk import CallerIdHeader, Transport, TrunkAccount, TrunkDriver
from movoice_box.ids import TrunkId
from movoice_box.web.services import Services


class GsmPortIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A port of a GSM gateway, which chooses it by the `prefix` before the number.

    0 means without a limit. `gap_s` lies between two calls; after `rest_after_calls` in a row that
    nobody answered the port rests for `rest_minutes`.
    """

    name: str
    prefix: str = ""
    calls_per_day: int = 0
    minutes_per_day: int = 0
    gap_s: int = 0
    rest_after_calls: int = 10
    rest_minutes: int = 30


class DispositionRuleIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What an unanswered call counts as, where all that is given fits; the first rule decides."""

    sip_status: int | None = None
    q850_cause: int | None = None
    sound: EarlySound | None = None
    disposition: Disposition


class TrunkFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All of a trunk that is both sent and told."""

    name: str
    host: str
    port: int | None = None
    transport: Transport = Transport.UDP
    outbound_proxy: str | None = None
    tls_ca: str | None = None
    srtp: bool = False
    username: str | None = None
    register: bool = False
    driver: TrunkDriver = TrunkDriver.NATIVE
    is_enabled: bool = True
    channels: int = 4
    ports: list[GsmPortIn] = []
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
    inbound_agent_id: str | None = None
    dispositions: list[DispositionRuleIn] = []
    codecs: tuple[Codec, ...] = (Codec.PCMU, Codec.PCMA, Codec.G722)
    ptime_ms: int = 20
    dtmf: DtmfMethod = DtmfMethod.AUTO


class TrunkIn(TrunkFields, kw_only=True, forbid_unknown_fields=True):
    """A gateway, PBX or carrier.

    - `port`: null looks up DNS SRV, then takes the transport's own port. `outbound_proxy` is
      `host` or `host:port`.
    - `tls_ca`: PEM of the authority that signed the far end's certificate; null for those that the
      system trusts. `srtp` needs the transport `tls`.
    - `channels`: the most calls at once; with `ports` as many as those. Calls go to the trunk of
      the lowest `priority` that can take them, among equals by `weight`.
    - `number_format`: `e164` +919876543210, `digits` 919876543210 or `national` 09876543210. Then
      `number_pattern`, a regular expression over the whole number, is replaced by
      `number_replacement`, and `number_prefix` is put before it.
    - `caller_id_header`: where the caller id stands beside From. `is_private` withholds it from the
      callee. `call_id_header` is an `X-` header that gets the id of the call.
    - `inbound_agent_id`: who talks to callers that no batch has dialed; null refuses them.
    - `ptime_ms`: milliseconds in a packet, 10 to 60.
    - `password`: one that is left out of a change stays; null removes it.
    """

    password: str | UnsetType | None = UNSET

    def account(self, trunk_id: TrunkId, old_password: str | None = None) -> TrunkAccount:
        """Raises `InputError` for a value that no trunk can have."""
        values = msgspec.structs.asdict(self) | {
            "password": old_password if self.password is UNSET else self.password,
            "ports": tuple(GsmPort(**msgspec.structs.asdict(one)) for one in self.ports),
            "dispositions": tuple(
                DispositionRule(**msgspec.structs.asdict(one)) for one in self.dispositions
            ),
        }
        return TrunkAccount(id=trunk_id, **values)

    @classmethod
    def changed(cls, account: TrunkAccount, changes: dict[str, Any]) -> TrunkAccount:
        """`account` with what `changes` names."""
        fields = msgspec.to_builtins(account)
        del fields["id"]
        return msgspec.convert({**fields, **changes}, cls).account(account.id)


class TrunkStatusOut(msgspec.Struct, kw_only=True):
    """`is_up` is null before anything is known; `detail` says what happened and what to do.

    `registered_until` is when the registration ends unless it is refreshed.
    """

    is_up: bool | None
    detail: str
    round_trip_ms: float | None
    is_registered: bool | None
    registered_until: datetime | None

    @classmethod
    def of(cls, status: Any) -> Self:
        return cls(**{name: getattr(status, name) for name in cls.__struct_fields__})


class PortHealthOut(msgspec.Struct, kw_only=True):
    """A GSM port today. `minutes` are rounded up per call; `answer_rate` is from 0 to 1."""

    name: str
    state: PortState
    reason: str
    until: datetime | None
    calls: int
    minutes: int
    answer_rate: float | None
    average_talk_s: float | None

    @classmethod
    def of(cls, port: PortHealth) -> Self:
        return cls(
            name=port.name,
            state=port.state,
            reason=port.reason,
            until=port.until,
            calls=port.day.calls,
            minutes=port.day.minutes,
            answer_rate=port.day.answer_rate,
            average_talk_s=port.day.average_talk_s,
        )


class TrunkHealthOut(msgspec.Struct, kw_only=True):
    """`obstacle` is null while the trunk takes calls; else `reason` says why it does not.

    `until` is null where the end of a call or midnight ends it. `calls_up` of at most `capacity`,
    those that came in among them.
    """

    obstacle: ObstacleKind | None
    reason: str
    until: datetime | None
    calls_up: int
    capacity: int
    ports: list[PortHealthOut]

    @classmethod
    def of(cls, health: TrunkHealth) -> Self:
        return cls(
            obstacle=health.obstacle,
            reason=health.reason,
            until=health.until,
            calls_up=health.in_use,
            capacity=health.capacity,
            ports=[PortHealthOut.of(port) for port in health.ports],
        )


class TrunkOut(TrunkFields, kw_only=True):
    """A trunk without its password. `health` is null while it is disabled."""

    trunk_id: str
    has_password: bool
    status: TrunkStatusOut
    health: TrunkHealthOut | None

    @classmethod
    def of(cls, account: TrunkAccount, services: Services) -> Self:
        fields = {name: getattr(account, name) for name in TrunkFields.__struct_fields__}
        health = services.channels.health(account.id)
        return cls(
            **fields
            | {
                "ports": msgspec.convert(account.ports, list[GsmPortIn], from_attributes=True),
                "dispositions": msgspec.convert(
                    account.dispositions, list[DispositionRuleIn], from_attributes=True
                ),
            },
            trunk_id=account.id,
            has_password=account.password is not None,
            status=TrunkStatusOut.of(services.trunks.status(account.id)),
            health=TrunkHealthOut.of(health) if health else None,
        )
