"""The fields of a trunk as options of a command line."""

import argparse
from enum import Enum
from pathlib import Path
from typing import Any

from movoice_box.domain.call import Disposition
from movoice_box.domain.disposition_rule import DispositionRule
from movoice_box.domain.early_media import EarlySound
from movoice_box.domain.gsm_port import GsmPort
from movoice_box.domain.media import PTIMES_MS, Codec, DtmfMethod
from movoice_box.domain.phone import NumberFormat
from movoice_box.domain.trunk import CallerIdHeader, Transport, TrunkAccount, TrunkDriver
from movoice_box.errors import InputError
from movoice_box.ids import AgentId, TrunkId

_PORT_LIMITS = {
    "calls_per_day": "of each GSM port",
    "minutes_per_day": "of each GSM port, rounded up per call",
    "gap_s": "seconds between two calls of a GSM port",
    "rest_after_calls": "after so many unanswered calls in a row a GSM port rests",
    "rest_minutes": "and for how long",
}


def add_trunk_options(parser: argparse.ArgumentParser) -> None:
    """Every field of a trunk but its id and password; defaults are those of `TrunkAccount`."""
    parser.add_argument("--name", required=True)
    parser.add_argument("--host", required=True, help="address or name of the gateway")
    parser.add_argument("--username")
    parser.add_argument("--register", action="store_true", help="keep registered (GSM gateways)")
    _number(parser, "channels", "most calls at once")
    _add_connection(parser)
    _add_numbers(parser)
    _add_sharing(parser)
    sound = parser.add_argument_group("sound and answers")
    sound.add_argument(
        "--codec",
        action="append",
        choices=[codec.value for codec in Codec],
        help="best first, once for each (default: PCMU, PCMA, G722)",
    )
    _number(sound, "ptime_ms", "milliseconds in a packet", choices=PTIMES_MS)
    _choice(sound, "dtmf", DtmfMethod, "how our key presses are sent")
    sound.add_argument(
        "--answer",
        action="append",
        default=[],
        metavar="WHAT=DISPOSITION",
        help="what an unanswered call counts as: SIP status, Q.850 cause and sound, "
        "such as 503,speech=unreachable or 20=no_answer",
    )


def trunk_account(
    options: argparse.Namespace, trunk_id: TrunkId, password: str | None
) -> TrunkAccount:
    """The trunk that the options describe. Raises `InputError` for one that cannot be."""
    same = {
        name: getattr(options, name)
        for name in TrunkAccount.__dataclass_fields__
        if hasattr(options, name)
    }
    made: dict[str, Any] = {
        "password": password,
        "tls_ca": _pem(options.tls_ca) if options.tls_ca else None,
        "is_enabled": not options.disabled,
        "ports": tuple(_port(text, options) for text in options.gsm_port),
        "dispositions": tuple(_rule(text) for text in options.answer),
        "inbound_agent_id": AgentId(options.inbound_agent) if options.inbound_agent else None,
    }
    if options.codec:
        made["codecs"] = tuple(Codec(name) for name in options.codec)
    return TrunkAccount(id=trunk_id, **same | made)


def _add_connection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("connection")
    group.add_argument("--port", type=int, help="by default DNS SRV decides, then 5060 or 5061")
    _choice(group, "transport", Transport)
    group.add_argument("--outbound-proxy", metavar="HOST[:PORT]")
    group.add_argument("--tls-ca", type=Path, metavar="FILE", help="PEM of your own authority")
    group.add_argument("--srtp", action="store_true", help="encrypt the audio; needs TLS")
    group.add_argument("--follows-redirects", action="store_true", help="3xx, within this trunk")
    _choice(group, "driver", TrunkDriver)
    group.add_argument("--disabled", action="store_true", help="add it, and do not use it yet")


def _add_numbers(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("numbers")
    _choice(
        group,
        "number_format",
        NumberFormat,
        "+919876543210 (e164), 919876543210 (digits) or 09876543210 (national)",
    )
    group.add_argument("--number-pattern", metavar="REGEX", help="over the whole number")
    group.add_argument(
        "--number-replacement", default="", metavar="TEXT", help=r"what it becomes, such as 0\1"
    )
    group.add_argument("--number-prefix", default="", metavar="DIGITS", help="put before it")
    group.add_argument("--allows-extensions", action="store_true", help="such as 204, of a PBX")
    group.add_argument("--caller-id", help="the number that callees see")
    _choice(group, "caller_id_header", CallerIdHeader, "where it stands beside From")
    group.add_argument(
        "--withhold-caller-id",
        dest="is_private",
        action="store_true",
        help="callees do not see it",
    )
    group.add_argument("--call-id-header", metavar="X-NAME", help="gets the id of each call")
    group.add_argument(
        "--inbound-agent", metavar="ID", help="who talks to callers that no batch has dialed"
    )


def _add_sharing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("sharing out")
    _number(group, "priority", "the lowest carries calls first")
    _number(group, "weight", "share among trunks of the same priority")
    group.add_argument("--cps", dest="calls_per_second", type=float, help="new calls a second")
    _number(group, "ring_timeout_s", "then a call counts as not answered")
    group.add_argument(
        "--gsm-port",
        action="append",
        default=[],
        metavar="NAME[:PREFIX]",
        help="a port of a GSM gateway, once for each, with the digits by which it is chosen",
    )
    for name, words in _PORT_LIMITS.items():
        default = GsmPort.__dataclass_fields__[name].default
        group.add_argument(
            f"--port-{name.replace('_', '-')}",
            type=int,
            default=default,
            metavar="N",
            help=f"{words} (default: %(default)s)",
        )


def _number(group: Any, name: str, words: str, **more: Any) -> None:
    group.add_argument(
        f"--{name.replace('_', '-')}",
        type=int,
        default=TrunkAccount.__dataclass_fields__[name].default,
        metavar="N",
        help=f"{words} (default: %(default)s)",
        **more,
    )


def _choice(group: Any, name: str, kind: type[Enum], words: str = "") -> None:
    group.add_argument(
        f"--{name.replace('_', '-')}",
        type=kind,
        choices=list(kind),
        default=TrunkAccount.__dataclass_fields__[name].default,
        help=f"{words} (default: %(default)s)".strip(),
    )


def _port(text: str, options: argparse.Namespace) -> GsmPort:
    name, _, prefix = text.partition(":")
    limits = {limit: getattr(options, f"port_{limit}") for limit in _PORT_LIMITS}
    return GsmPort(name=name, prefix=prefix, **limits)


def _rule(text: str) -> DispositionRule:
    """`503,20,speech=unreachable`: a status has three digits, a cause is below 128."""
    what, _, disposition = text.partition("=")
    given: dict[str, Any] = {}
    try:
        for word in what.split(","):
            if not word.isdecimal():
                given["sound"] = EarlySound(word)
            elif int(word) < 128:
                given["q850_cause"] = int(word)
            else:
                given["sip_status"] = int(word)
        return DispositionRule(disposition=Disposition(disposition), **given)
    except ValueError:
        raise InputError(
            f"--answer '{text}' must be such as 503,speech=unreachable; sounds: "
            f"{', '.join(EarlySound)}",
            field="answer",
        ) from None


def _pem(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"--tls-ca {file} cannot be read: {getattr(error, 'strerror', None) or 'not ASCII'}",
            field="tls_ca",
        ) from None
