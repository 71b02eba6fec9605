"""A trunk as the owner describes it: the gateway, PBX or carrier that carries our calls."""

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum

from movoice_box.domain.phone import NumberFormat
from movoice_box.errors import InputError
from movoice_box.ids import TrunkId

_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_USER = re.compile(r"[A-Za-z0-9+*#._~!&=$,;?/%@-]{1,128}")  # goes into a SIP URI as it stands
_RANGES = {"port": (1, 65_535), "channels": (1, 1_000), "ring_timeout_s": (1, 180)}


class TrunkDriver(StrEnum):
    NATIVE = "native"
    PYVOIP = "pyvoip"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkAccount:
    """One row of the owner's trunks. `channels` is the most calls it carries at once.

    Making one with a value that no trunk can have raises `InputError` naming the field.
    """

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

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > 80:
            raise _wrong("name", self.name, "must be 1 to 80 characters in one line")
        if not _is_host(self.host):
            raise _wrong("host", self.host, "must be an address or a name, such as 192.168.1.50")
        for field, (low, high) in _RANGES.items():
            if not low <= getattr(self, field) <= high:
                raise _wrong(field, getattr(self, field), f"must be from {low} to {high}")
        if self.transport != "udp":
            raise _wrong("transport", self.transport, "must be udp")
        for field in ("username", "caller_id"):
            text = getattr(self, field)
            if text is not None and not _USER.fullmatch(text):
                raise _wrong(field, text, "must be a number or a name, without spaces or quotes")
        if self.password is not None and not self.password.isprintable():
            raise InputError("password must be in one line", field="password")
        if self.driver is TrunkDriver.PYVOIP and not self.register:
            raise InputError(
                "register must be true: the driver 'pyvoip' always registers", field="register"
            )
        if self.register and self.username is None:
            raise InputError("username is missing: register needs one", field="username")


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _HOST_NAME.fullmatch(text) is not None
    return True


def _wrong(field: str, value: object, rule: str) -> InputError:
    return InputError(f"{field} ('{value}') {rule}", field=field)
