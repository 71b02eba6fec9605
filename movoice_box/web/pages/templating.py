"""How pages are drawn: the Jinja environment, and how times, numbers and words are written."""

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from markupsafe import Markup, escape

from movoice_box.domain.call import (
    OPTED_OUT,
    RESERVED_OUTCOMES,
    TRANSFER_FAILED,
    UNANSWERED_OUTCOMES,
    Disposition,
)
from movoice_box.domain.early_media import EarlySound
from movoice_box.settings import Settings

TEMPLATES = Path(__file__).parent.parent / "templates"
STATIC = Path(__file__).parent.parent / "static"

_VARIABLE = re.compile(r"(\{\{\s*[^{}]*?\s*\}\})")
_NOT_PLACED = {
    UNANSWERED_OUTCOMES[disposition]
    for disposition in (
        Disposition.UNREACHABLE,
        Disposition.INVALID_NUMBER,
        Disposition.FAILED,
        Disposition.UNKNOWN_AFTER_RESTART,
    )
}

_EARLY_WORDS = {
    EarlySound.NONE: "nothing",
    EarlySound.SILENCE: "silence",
    EarlySound.RINGBACK: "ringback tone",
    EarlySound.BUSY: "busy tone",
    EarlySound.CONGESTION: "congestion tone",
    EarlySound.SPECIAL_INFORMATION: "special information tone",
    EarlySound.SPEECH: "an announcement",
    EarlySound.OTHER: "something else, such as a melody",
}


def template_config(settings: Settings) -> TemplateConfig[JinjaTemplateEngine]:
    """The engine of the pages; times are written in the owner's zone."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        {
            "when": _in_zone(settings.zone, "%d %b %Y, %H:%M"),
            "when_exactly": _in_zone(settings.zone, "%d %b %Y, %H:%M:%S"),
            "clock": _in_zone(settings.zone, "%H:%M"),
            "duration": duration,
            "percent": percent,
            "count": count,
            "words": words,
            "sentence": sentence,
            "tone": tone,
            "opinion": opinion,
            "early": _EARLY_WORDS.__getitem__,
            "with_variables": with_variables,
        }
    )
    environment.globals.update(
        {"settings": settings, "plan": settings.limits, "asset": _addresses(STATIC).__getitem__}
    )
    environment.globals["ui"] = environment.get_template("parts/ui.html").module
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment))


def duration(seconds: float | None) -> str:
    """12.34 as `12 s`, 83 as `1 min 23 s`, 3700 as `1 h 1 min`."""
    if seconds is None:
        return "–"  # noqa: RUF001 - an en dash stands for "none yet"
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def percent(share: float | None) -> str:
    """0.6667 as `66.7 %`, 1.0 as `100 %`."""
    return "–" if share is None else f"{share * 100:.1f}".removesuffix(".0") + " %"  # noqa: RUF001


def count(number: int) -> str:
    return f"{number:,}"


def words(value: object) -> str:
    """`in_progress` and `NO_ANSWER` as people read them."""
    return str(value).replace("_", " ").capitalize()


def sentence(message: str) -> str:
    """An error's message with a capital and a full stop."""
    end = "" if message.endswith((".", "?", "!")) else "."
    return f"{message[:1].upper()}{message[1:]}{end}"


def tone(outcome: str) -> str:
    """Which of the page's colours an outcome has; its name always stands beside the colour."""
    if outcome in (OPTED_OUT, TRANSFER_FAILED):
        return "warning"
    if outcome in _NOT_PLACED:
        return "danger"
    if outcome in UNANSWERED_OUTCOMES.values():
        return "quiet"
    return "info" if outcome in RESERVED_OUTCOMES else "primary"


def opinion(mos: float) -> str:
    """How people find a call of that score (ITU-T G.107 table B.1: satisfied from 4.03)."""
    if mos >= 4.0:
        return "good"
    return "fair" if mos >= 3.1 else "poor"


def with_variables(text: str) -> Markup:
    """Mark each `{{variable}}` of a script, so that it stands out from what is always said."""
    parts = (
        Markup('<span class="variable">{}</span>').format(part.strip("{} "))
        if _VARIABLE.fullmatch(part)
        else escape(part)
        for part in _VARIABLE.split(text)
    )
    return Markup("").join(parts)


def _addresses(folder: Path) -> dict[str, str]:
    """The address of every static file: it changes with the file, so browsers may keep it."""
    return {
        path.relative_to(folder).as_posix(): f"/static/{path.relative_to(folder).as_posix()}"
        f"?v={hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
        for path in folder.rglob("*")
        if path.is_file()
    }


def _in_zone(zone: ZoneInfo, layout: str) -> Callable[[datetime | None], Markup | str]:
    def write(moment: datetime | None) -> Markup | str:
        if moment is None:
            return "–"  # noqa: RUF001
        return Markup('<time datetime="{}">{}</time>').format(
            moment.isoformat(timespec="seconds"), f"{moment.astimezone(zone):{layout}}"
        )

    return write
