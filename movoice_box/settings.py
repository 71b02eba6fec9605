"""Boot settings: read once from TOML, checked before any socket opens. All defaults are here."""

import ipaddress
import sys
import tomllib
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers

from movoice_box.domain.batch import PLANS, Plan
from movoice_box.errors import SettingsError

_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True)
class Web:
    listen: str = "127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Data:
    dir: Path = Path("/var/lib/movoice-box")


@dataclass(frozen=True, slots=True)
class Sip:
    listen: str = "0.0.0.0:5060"


@dataclass(frozen=True, slots=True)
class Rtp:
    """UDP ports for media; a call takes an even one and its odd neighbour (RFC 3550 section 11)."""

    port_min: int = 20_000
    port_max: int = 29_999


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Networks that a webhook may reach although they are loopback, link-local or metadata."""

    allow_networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    level: str = "INFO"


@dataclass(frozen=True, slots=True)
class Settings:
    plan: str = "enterprise"
    default_country: str = "IN"
    timezone: str = "Asia/Kolkata"
    web: Web = field(default_factory=Web)
    data: Data = field(default_factory=Data)
    sip: Sip = field(default_factory=Sip)
    rtp: Rtp = field(default_factory=Rtp)
    webhooks: Webhooks = field(default_factory=Webhooks)
    log: Log = field(default_factory=Log)

    @property
    def limits(self) -> Plan:
        return PLANS[self.plan]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def allowed_networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        return [ipaddress.ip_network(network) for network in self.webhooks.allow_networks]

    @property
    def recordings(self) -> Path:
        return self.data.dir / "recordings"


def load_settings(file: Path | None, data_dir: Path | None = None) -> Settings:
    """Read `file`, or take every default where it is None; `data_dir` overrides `[data] dir`.

    Raises `SettingsError` naming the setting and the file.
    """
    where = f", in {file}" if file else ""
    try:
        text = file.read_text(encoding="utf-8") if file else ""
        settings: Settings = _read(Settings, tomllib.loads(text), "")
        if data_dir:
            settings = replace(settings, data=Data(dir=data_dir))
        _check(settings)
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error
    except SettingsError as error:
        raise SettingsError(f"{error.message}{where}", field=error.field) from None
    return settings


def ready_agents() -> Path:
    """The folder of the agents that a new box starts with: the checkout's, or the installed one."""
    checkout = Path(__file__).parent.parent / "config" / "agents"
    return checkout if checkout.is_dir() else Path(sys.prefix, "share", "movoice-box", "agents")


def parse_address(text: str, setting: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port` as a pair. Raises `SettingsError`."""
    host, _, port = text.rpartition(":")
    try:
        address = str(ipaddress.ip_address(host.strip("[]")))
        number = int(port)
    except ValueError:
        address, number = "", -1
    if not 0 <= number <= 65_535 or not address:
        raise SettingsError(f"{setting} ('{text}') must be ADDRESS:PORT, such as 127.0.0.1:8080")
    return address, number


def _read(kind: type[Any], table: dict[str, Any], path: str) -> Any:
    known = {item.name: item for item in fields(kind)}
    for name in table:
        if name not in known:
            raise SettingsError(f"{path}{name} is not a setting; known: {', '.join(known)}")
    values = {}
    for name, value in table.items():
        default = getattr(kind(), name)
        values[name] = _convert(default, value, f"{path}{name}")
    return kind(**values)


def _convert(default: Any, value: Any, name: str) -> Any:
    if is_dataclass(default) and not isinstance(default, type):
        if not isinstance(value, dict):
            raise SettingsError(f"{name} must be a table: [{name}]")
        return _read(type(default), value, f"{name}.")
    written_as: dict[type, type] = {type(Path()): str, tuple: list}
    wanted = written_as.get(type(default), type(default))
    if type(value) is not wanted:
        raise SettingsError(f"{name} ({value!r}) must be {wanted.__name__}")
    return type(default)(value) if wanted is not type(default) else value


def _check(settings: Settings) -> None:
    if settings.plan not in PLANS:
        raise SettingsError(f"plan ('{settings.plan}') must be one of {', '.join(PLANS)}")
    if settings.default_country not in phonenumbers.SUPPORTED_REGIONS:
        raise SettingsError(
            f"default_country ('{settings.default_country}') must be two letters such as IN"
        )
    if settings.timezone not in available_timezones():
        raise SettingsError(
            f"timezone ('{settings.timezone}') must be a zone name such as Asia/Kolkata"
        )
    parse_address(settings.web.listen, "web.listen")
    parse_address(settings.sip.listen, "sip.listen")
    low, high = settings.rtp.port_min, settings.rtp.port_max
    if low % 2 or not 1024 <= low < high <= 65_535:
        raise SettingsError(
            f"rtp.port_min ({low}) must be even, 1024 or more and below rtp.port_max ({high})"
        )
    if settings.log.level not in _LOG_LEVELS:
        raise SettingsError(
            f"log.level ('{settings.log.level}') must be one of {', '.join(_LOG_LEVELS)}"
        )
    for network in settings.webhooks.allow_networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise SettingsError(f"webhooks.allow_networks: {error}") from error
