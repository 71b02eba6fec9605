"""`movoice-box trunk doctor`: what works of a trunk, what does not, and what to change."""

import argparse
import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from textwrap import fill

from movoice_box.app import stored
from movoice_box.clock import Clock, SystemClock
from movoice_box.commands.parsing import Commands, add_command
from movoice_box.dialer.do_not_disturb import DoNotDisturb
from movoice_box.doctor.call import CallRequest
from movoice_box.doctor.examination import Examination
from movoice_box.doctor.findings import Finding, Level
from movoice_box.doctor.pcap import PcapWriter
from movoice_box.doctor.wire import Capture, Wire
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import InputError, NotFoundError, SpeechError, TrunkError
from movoice_box.rtp.engine import MediaEngine
from movoice_box.rtp.tone_plan import INDIAN_RINGBACK
from movoice_box.rtp.tones import progress_tone
from movoice_box.settings import Settings, parse_address
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.store import trunks
from movoice_box.store.sealing import Seal
from movoice_box.voice.speech.espeak import EspeakSynthesizer
from movoice_box.voice.speech.tts import Voice

_MARKS = {
    Level.OK: "[ ok ]",
    Level.NOTE: "[note]",
    Level.WARNING: "[warn]",
    Level.FAILURE: "[FAIL]",
}
_TALK_S = 12.0
_LONGEST_TALK_S = 120.0
_ABOUT_CAPTURE = (
    "Capture for your provider or Wireshark: {}. It has the numbers, the audio of the call and "
    "digest responses, but no password; the keys of SRTP are masked."
)
_PROMPT = (
    "This is a test call of Movoice Box. If you can hear this, please say a few words, "
    "and then press five."
)


def add_to(group: Commands, common: argparse.ArgumentParser) -> None:
    """Add it to the commands of `trunk`."""
    about = "examine a trunk: registration, OPTIONS and one call, with advice and a capture"
    doctor = add_command(group, common, "doctor", _doctor, about)
    doctor.set_defaults(usual_log_level="ERROR")  # the findings say it
    doctor.add_argument("trunk", help="its name or id")
    doctor.add_argument("--number", help="a phone at hand, which rings and should be answered")
    doctor.add_argument(
        "--seconds",
        type=float,
        default=_TALK_S,
        help="to listen after the answer (default: %(default)s)",
    )
    doctor.add_argument("--pcap", type=Path, metavar="FILE", help="where the capture goes")
    doctor.add_argument("--yes", action="store_true", help="ring the number without asking")
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")


async def _doctor(options: argparse.Namespace, settings: Settings) -> int:
    if not 1 <= options.seconds <= _LONGEST_TALK_S:
        raise InputError(f"--seconds must be from 1 to {_LONGEST_TALK_S:g}", field="seconds")
    clock = SystemClock()
    account, phone = await _load(options, settings, clock)
    if phone and not (options.yes or await asyncio.to_thread(_is_agreed, account, phone)):
        print("nothing was done")
        return 1
    request = None
    if phone:
        request = CallRequest(phone=phone, prompt=await _prompt(), listen_s=options.seconds)
    file = options.pcap or Path(_file_name(account, clock.now()))
    say = _to_stderr if options.json else print
    findings: list[Finding] = []
    with _captured(file) as capture:
        async with (
            _examination(account, settings, clock, capture, say) as examination,
            aclosing(examination.run(request)) as found,
        ):
            async for finding in found:
                findings.append(finding)
                say(_line(finding))
    if options.json:
        print(_as_json(findings, file))
    else:
        print(f"\n{_sum(findings, phone)}\n{_ABOUT_CAPTURE.format(file)}")
    return 1 if any(one.level is Level.FAILURE for one in findings) else 0


async def _load(
    options: argparse.Namespace, settings: Settings, clock: Clock
) -> tuple[TrunkAccount, PhoneNumber | None]:
    """The trunk, and the number to call where one is given and may be called."""
    async with stored(settings) as database:
        async with database.reading() as db:
            accounts = await trunks.every(db, Seal.from_files(settings.data.dir))
        account = next((one for one in accounts if options.trunk in (one.name, one.id)), None)
        if account is None:
            raise NotFoundError(f"there is no trunk '{options.trunk}': see movoice-box trunk list")
        if options.number is None:
            return account, None
        parse = PhoneNumber.parse_any if account.allows_extensions else PhoneNumber.parse
        phone = parse(options.number, settings.default_country)
        if phone.is_extension:
            return account, phone
        if entry := await DoNotDisturb(database, settings, clock).check(options.number):
            raise InputError(
                f"{phone} is on the do-not-disturb list since {entry.added_at:%Y-%m-%d}: "
                "choose another number",
                code="dnd",
                field="number",
            )
        return account, phone


@contextmanager
def _captured(file: Path) -> Iterator[Capture]:
    """What is given to it is in `file`. Raises `InputError` where that cannot be written."""
    try:
        opened = file.open("wb")
    except OSError as error:
        raise InputError(
            f"the capture cannot be written to {file}: {error.strerror}; name another with --pcap",
            field="pcap",
        ) from error
    with opened:
        yield PcapWriter(opened).write


@asynccontextmanager
async def _examination(
    account: TrunkAccount,
    settings: Settings,
    clock: Clock,
    capture: Capture,
    say: Callable[[str], None],
) -> AsyncIterator[Examination]:
    wire = Wire(clock, capture)
    media = MediaEngine(settings.rtp, clock)
    async with _endpoint(settings, clock, say) as endpoint, asyncio.TaskGroup() as group:
        endpoint.tap = wire
        running = group.create_task(media.run(), name="media")
        try:
            yield Examination(account, endpoint, media, wire, clock, settings.rtp, _progress(say))
        finally:
            running.cancel()


@asynccontextmanager
async def _endpoint(
    settings: Settings, clock: Clock, say: Callable[[str], None]
) -> AsyncIterator[SipEndpoint]:
    """On the box's own port, or on another where the box has it."""
    host, port = parse_address(settings.sip.listen, "sip.listen")
    async with AsyncExitStack() as stack:
        try:
            endpoint = await stack.enter_async_context(SipEndpoint((host, port), clock))
        except TrunkError:
            endpoint = await stack.enter_async_context(SipEndpoint((host, 0), clock))
            say(
                f"port {port} is taken, as it is while the box runs: using {endpoint.address[1]}. "
                "A far end that knows this box by its port may refuse that."
            )
        yield endpoint


def _is_agreed(account: TrunkAccount, phone: PhoneNumber) -> bool:
    """Ask before a real phone rings. Raises `InputError` where nobody can be asked."""
    if not sys.stdin.isatty():
        raise InputError(f"this rings {phone}: say --yes to go on", field="yes")
    answer = input(f"This rings {phone} over '{account.name}'. Go on? [y/N] ")
    return answer.strip().lower() in ("y", "yes")


async def _prompt() -> bytes:
    """What the phone that is called hears: a sentence, or a tone where there is no voice."""
    try:
        async with EspeakSynthesizer() as speech:
            return await speech.synthesize(_PROMPT, Voice("en-IN"))
    except SpeechError:
        return progress_tone(INDIAN_RINGBACK)


def _line(finding: Finding) -> str:
    text = f"{_MARKS[finding.level]} {finding.topic}: {finding.text}"
    if finding.advice:
        text += "\n" + fill(
            finding.advice, 98, initial_indent="       -> ", subsequent_indent=" " * 10
        )
    return text


def _progress(say: Callable[[str], None]) -> Callable[[str], None]:
    return lambda text: say(f"  ...  {text}")


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _sum(findings: Sequence[Finding], phone: PhoneNumber | None) -> str:
    """The last word: how much is wrong, and what was not tried."""
    counts = Counter(finding.level for finding in findings)
    text = f"{counts[Level.FAILURE]} failed, {counts[Level.WARNING]} to look at."
    has_called = any(finding.topic in ("INVITE", "call") for finding in findings)
    if phone and not has_called:
        return f"{text} No call was placed: put right first what failed."
    if not phone and not counts[Level.FAILURE]:
        return f"{text} No call was placed: give --number with a phone at hand to test the audio."
    return text


def _as_json(findings: Sequence[Finding], file: Path) -> str:
    found = {"findings": [asdict(finding) for finding in findings], "capture": str(file)}
    return json.dumps(found, indent=2, ensure_ascii=False)


def _file_name(account: TrunkAccount, now: datetime) -> str:
    slug = re.sub(r"[^A-Za-z0-9]+", "-", account.name).strip("-").lower() or "trunk"
    return f"doctor-{slug}-{now:%Y%m%d-%H%M%S}.pcap"
