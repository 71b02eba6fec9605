"""`movoice-box check`: what is ready and what is not, one line each with what to do."""

import argparse
import shutil
import socket
from collections.abc import AsyncIterator

from movoice_box.app import sole_owner, stored, testing_trunk
from movoice_box.commands.parsing import Commands, add_command
from movoice_box.domain.media import Codec
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import BoxError, SettingsError
from movoice_box.rtp.codecs import available
from movoice_box.settings import Settings, parse_address
from movoice_box.store import agents, trunks
from movoice_box.store.database import Database, fetch_one
from movoice_box.store.sealing import Seal
from movoice_box.voice.speech.espeak import EspeakSynthesizer

_LEAST_FREE_GB = 1.0

Finding = tuple[bool, str, str]  # is it well, what, and what was found with what to do


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    add_command(commands, common, "check", _check, "check settings, disk, trunks and engines")


async def _check(_: argparse.Namespace, settings: Settings) -> int:
    is_well = True
    async for well, what, found in _findings(settings):
        print(f"{'ok  ' if well else 'FAIL'} {what}: {found}", flush=True)
        is_well = is_well and well
    return 0 if is_well else 1


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    limits = settings.limits
    yield (
        True,
        "settings",
        f"plan {limits.name}: {limits.concurrency or 'any number of'} calls at once, "
        f"{limits.rows_per_batch or 'any number of'} rows a batch",
    )
    async with stored(settings) as database:
        yield _disk(settings)
        yield await _database(database)
        yield _service(settings)
        async with EspeakSynthesizer() as engine:
            async with database.reading() as db:
                stored_agents = (await agents.page(db, limit=500)).items
            yield await _speech(engine, {one.agent.language for one in stored_agents})
        async with database.reading() as db:
            accounts = await trunks.every(db, Seal.from_files(settings.data.dir))
        if not accounts:
            yield False, "trunks", "none: add one with 'movoice-box trunk add' or on the page"
        yield _codecs(accounts)
        for account in accounts:
            if account.is_enabled:
                status = await testing_trunk(settings, account)
                yield bool(status.is_up), f"trunk {account.name}", status.detail


def _disk(settings: Settings) -> Finding:
    free_gb = shutil.disk_usage(settings.data.dir).free / 1e9
    found = f"{settings.data.dir} has {free_gb:.1f} GB free"
    if free_gb < _LEAST_FREE_GB:
        return False, "disk", f"{found}: make room, recordings need about 2 MB a minute"
    return True, "disk", found


async def _database(database: Database) -> Finding:
    async with database.reading() as db:
        row = await fetch_one(db, "PRAGMA quick_check(1)")
    found = str(row[0]) if row else "no answer"
    return found == "ok", "database", "sound" if found == "ok" else f"{found}: restore a backup"


def _service(settings: Settings) -> Finding:
    try:
        with sole_owner(settings.data.dir):
            return _web_port(settings)
    except SettingsError:
        return True, "service", f"running, pages at {settings.web.listen}"


def _web_port(settings: Settings) -> Finding:
    address = parse_address(settings.web.listen, "web.listen")
    try:
        with socket.create_server(address):
            return True, "service", f"not running; {settings.web.listen} is free for it"
    except OSError as error:
        found = f"{settings.web.listen} cannot be used: {error.strerror}"
        return False, "service", f"{found}; choose another in [web] listen"


def _codecs(accounts: list[TrunkAccount]) -> Finding:
    there = available()
    wanting = [one.name for one in accounts if not there.issuperset(one.codecs)]
    if wanting:
        found = f"{', '.join(wanting)} may speak Opus, but libopus is missing"
        return False, "codecs", f"{found}; calls go on without it until 'apt install libopus0'"
    found = ", ".join(codec.value for codec in Codec if codec in there)
    return True, "codecs", found if Codec.OPUS in there else f"{found}; opus needs libopus0"


async def _speech(engine: EspeakSynthesizer, languages: set[str]) -> Finding:
    try:
        return True, "speech", await engine.describe(sorted(languages or {"en-IN"}))
    except BoxError as error:
        return False, "speech", error.message
