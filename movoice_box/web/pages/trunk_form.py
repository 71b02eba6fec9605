"""The form of a trunk: its sections, what stands in it, and the account that was typed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, Self

from movoice_box.domain.call import Disposition
from movoice_box.domain.disposition_rule import DispositionRule
from movoice_box.domain.early_media import EarlySound
from movoice_box.domain.gsm_port import GsmPort
from movoice_box.domain.media import Codec, DtmfMethod
from movoice_box.domain.number_writing import NumberWriting
from movoice_box.domain.phone import NumberFormat, PhoneNumber
from movoice_box.domain.trunk import CallerIdHeader, Transport, TrunkAccount, TrunkDriver
from movoice_box.errors import BoxError, InputError
from movoice_box.ids import AgentId, TrunkId
from movoice_box.web.pages.forms import Form

SECTIONS = {
    "connection": (
        *("transport", "outbound_proxy", "tls_ca", "srtp", "follows_redirects", "driver"),
    ),
    "numbers": (
        *("number_format", "number_pattern", "number_replacement", "number_prefix"),
        "allows_extensions",
    ),
    "caller": ("caller_id_header", "is_private", "call_id_header"),
    "sharing": ("priority", "weight", "calls_per_second", "ring_timeout_s"),
    "gsm": ("ports",),
    "incoming": ("inbound_agent_id",),
    "sound": ("codecs", "ptime_ms", "dtmf"),
    "answers": ("dispositions",),
}
"""The fields of each section that is folded up at first."""

PORT_FIELDS = tuple(field.name for field in fields(GsmPort))
RULE_FIELDS = ("sip_status", "q850_cause", "sound", "disposition")
_PORT_WORDS = {
    "calls_per_day": "calls a day",
    "minutes_per_day": "minutes a day",
    "gap_s": "the pause between calls",
    "rest_after_calls": "the unanswered calls before a rest",
    "rest_minutes": "the minutes of rest",
}
_BLANK = TrunkAccount(id=TrunkId(""), name="new", host="gateway")

_LABELS = {
    "outbound_proxy": "the outbound proxy",
    "tls_ca": "the certificate authority",
    "srtp": "SRTP",
    "username": "the user name",
    "number_pattern": "the pattern",
    "number_replacement": "the replacement",
    "number_prefix": "the prefix",
    "caller_id": "the caller id",
    "call_id_header": "the header",
}

Rows = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class TrunkView:
    """What stands in the form. A switch that is off is not in `typed`."""

    typed: dict[str, str]
    ports: Rows
    rules: Rows
    codecs: list[str]

    @classmethod
    def of(cls, account: TrunkAccount | None) -> Self:
        """The account as it is, None for a new one."""
        shown = account or _BLANK
        typed = {
            field.name: _text(value)
            for field in fields(shown)
            if (value := getattr(shown, field.name)) is not False
        }
        if account is None:
            typed |= {"name": "", "host": ""}
        return cls(
            typed,
            [{name: _text(getattr(port, name)) for name in PORT_FIELDS} for port in shown.ports],
            [
                {name: _text(getattr(rule, name)) for name in RULE_FIELDS}
                for rule in shown.dispositions
            ],
            [codec.value for codec in shown.codecs],
        )

    @classmethod
    def again(cls, form: Form) -> Self:
        """What a person has just typed."""
        return cls(
            form.typed, _port_rows(form), _rows(form, "rule", RULE_FIELDS), form.all("codec")
        )


def with_labels(error: BoxError | None) -> BoxError | None:
    """`error` with the label of its field instead of the name that scripts know."""
    if error is None or error.field not in _LABELS or not error.message.startswith(error.field):
        return error
    told = _LABELS[error.field] + error.message.removeprefix(error.field)
    return type(error)(told, code=error.code, field=error.field)


def sections_of(account: TrunkAccount | None, error: BoxError | None) -> dict[str, dict[str, bool]]:
    """Of each section, whether it `is_set` to other than the defaults and whether it `is_open`."""
    return {
        section: {
            "is_set": account is not None
            and any(getattr(account, name) != getattr(_BLANK, name) for name in names),
            "is_open": error is not None and error.field in names,
        }
        for section, names in SECTIONS.items()
    }


async def read_trunk(
    form: Form, trunk_id: TrunkId, before: TrunkAccount | None = None
) -> TrunkAccount:
    """The trunk as typed; a password that was left empty stays what it was `before`.

    Raises `InputError` naming the field.
    """
    tls_ca = await _authority(form)
    password = form.typed.get("password") or (before.password if before else None)
    if form.is_checked("forget_password"):
        password = None
    return TrunkAccount(
        id=trunk_id,
        name=form.needed("name", "the name"),
        host=form.needed("host", "the address"),
        port=form.maybe_number("port", "the port", 1, 65_535),
        username=form.text("username") or None,
        password=password,
        register=form.is_checked("register"),
        channels=form.number("channels", "channels", 1, 1_000),
        caller_id=form.text("caller_id") or None,
        is_enabled=before.is_enabled if before else True,
        tls_ca=tls_ca,
        **_connection(form),
        **_sharing(form),
        **_calls(form),
        **_media(form),
    )


def written_number(form: Form, country: str) -> str:
    """The number of the test field, as the trunk would dial it. Raises `InputError`."""
    number = form.text("try_number")
    if form.is_checked("allows_extensions"):
        phone = PhoneNumber.parse_any(number, country)
    else:
        phone = PhoneNumber.parse(number, country)
    writing = NumberWriting(
        number_format=form.choice("number_format", "the format", NumberFormat),
        pattern=form.text("number_pattern") or None,
        replacement=form.text("number_replacement"),
        prefix=form.text("number_prefix"),
    )
    return writing.write(phone)


def _connection(form: Form) -> dict[str, Any]:
    return {
        "transport": form.choice("transport", "the transport", Transport),
        "outbound_proxy": form.text("outbound_proxy") or None,
        "srtp": form.is_checked("srtp"),
        "follows_redirects": form.is_checked("follows_redirects"),
        "driver": form.choice("driver", "the driver", TrunkDriver),
    }


def _sharing(form: Form) -> dict[str, Any]:
    return {
        "priority": form.number("priority", "priority", 1, 100),
        "weight": form.number("weight", "weight", 1, 100),
        "calls_per_second": form.maybe_decimal("calls_per_second", "calls per second"),
        "ring_timeout_s": form.number("ring_timeout_s", "the ring time", 1, 180),
        "ports": tuple(_port(row) for row in _port_rows(form)),
    }


def _calls(form: Form) -> dict[str, Any]:
    agent_id = form.text("inbound_agent_id")
    return {
        "number_format": form.choice("number_format", "the number format", NumberFormat),
        "number_prefix": form.text("number_prefix"),
        "number_pattern": form.text("number_pattern") or None,
        "number_replacement": form.text("number_replacement"),
        "allows_extensions": form.is_checked("allows_extensions"),
        "caller_id_header": form.choice("caller_id_header", "the header", CallerIdHeader),
        "is_private": form.is_checked("is_private"),
        "call_id_header": form.text("call_id_header") or None,
        "inbound_agent_id": AgentId(agent_id) if agent_id else None,
        "dispositions": tuple(_rule(row) for row in _rows(form, "rule", RULE_FIELDS) if _says(row)),
    }


def _media(form: Form) -> dict[str, Any]:
    try:
        codecs = tuple(Codec(value) for value in form.all("codec") if value)
    except ValueError:
        names = ", ".join(codec.value for codec in Codec)
        raise InputError(f"codecs must be among {names}", field="codecs") from None
    return {
        "codecs": codecs,
        "ptime_ms": form.number("ptime_ms", "milliseconds in a packet", 10, 60),
        "dtmf": form.choice("dtmf", "the way of key presses", DtmfMethod),
    }


async def _authority(form: Form) -> str | None:
    """The certificate from the file, or else as it was pasted."""
    pem = form.text("tls_ca")
    if file := form.files.get("tls_ca_file"):
        pem = (await file.read()).decode("ascii", errors="replace") or pem
        await file.close()
        form.keep("tls_ca", pem)
    lines = pem.strip().splitlines()
    return "\n".join([*lines, ""]) if lines else None


def _port(row: Mapping[str, str]) -> GsmPort:
    numbers = {
        name: _whole(row[name], f"{words} of port '{row['name']}'", "ports")
        for name, words in _PORT_WORDS.items()
    }
    return GsmPort(
        name=row["name"],
        prefix=row["prefix"],
        **{name: number or 0 for name, number in numbers.items()},
    )


def _rule(row: Mapping[str, str]) -> DispositionRule:
    try:
        sound = EarlySound(row["sound"]) if row["sound"] else None
        disposition = Disposition(row["disposition"])
    except ValueError:
        raise InputError("choose what the call counts as", field="dispositions") from None
    return DispositionRule(
        sip_status=_whole(row["sip_status"], "the SIP status", "dispositions"),
        q850_cause=_whole(row["q850_cause"], "the Q.850 cause", "dispositions"),
        sound=sound,
        disposition=disposition,
    )


def _says(rule: Mapping[str, str]) -> bool:
    """Whether anything is given that the rule could fit."""
    return any(value for name, value in rule.items() if name != "disposition")


def _port_rows(form: Form) -> Rows:
    rows = _rows(form, "port", PORT_FIELDS)
    return [row for row in rows if row["name"] or row["prefix"]]


def _rows(form: Form, kind: str, names: tuple[str, ...]) -> Rows:
    """The rows of a table in the form: each column is a field that stands once in every row."""
    columns = [form.all(f"{kind}-{name}") for name in names]
    return [
        dict(zip(names, (cell.strip() for cell in cells), strict=True))
        for cells in zip(*columns, strict=False)
    ]


def _whole(text: str, what: str, field: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise InputError(f"{what} must be a whole number", field=field)
    return int(text)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case True:
            return "yes"
        case Enum():
            return str(value.value)
        case float():
            return f"{value:g}"
        case _:
            return str(value)
