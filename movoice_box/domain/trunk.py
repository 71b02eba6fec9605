"""A trunk as the owner describes it: the gateway, PBX or carrier that carries our calls."""

from dataclasses import dataclass
from enum import StrEnum

from movoice_box.domain.phone import NumberFormat
from movoice_box.ids import TrunkId


class TrunkDriver(StrEnum):
    NATIVE = "native"
    PYVOIP = "pyvoip"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkAccount:
    """One row of the owner's trunks. `channels` is the most calls it carries at once."""

    id: TrunkId
    name: str
    host: str
    port: int = 5060
    transport: str = "udp"
    username: str | None = None
    password: str | None = None
    register: bool = False
    channels: int = 4
    caller_id: str | None = None
    ring_timeout_s: int = 45
    driver: TrunkDriver = TrunkDriver.NATIVE
    number_format: NumberFormat = NumberFormat.E164
    is_enabled: bool = True
