"""`movoice-box dnd`: the do-not-disturb list."""

import argparse
import asyncio
from pathlib import Path

from movoice_box.app import stored
from movoice_box.clock import SystemClock
from movoice_box.commands.parsing import Commands, add_command, add_group
from movoice_box.dialer.do_not_disturb import DoNotDisturb
from movoice_box.errors import InputError
from movoice_box.settings import Settings

_SHOWN = 10


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    group = add_group(commands, "dnd", "numbers that are never called")
    add = add_command(group, common, "add", _add, "list numbers")
    add.add_argument("number", nargs="+")
    add.add_argument("--note", default="", help="why, for whoever asks later")
    about = "list every number of a CSV file's phone column"
    add_command(group, common, "import", _import, about).add_argument("file", type=Path)
    about = "tell whether a number may be called; exit status 1 if it may not"
    add_command(group, common, "check", _check, about).add_argument("number")


async def _add(options: argparse.Namespace, settings: Settings) -> int:
    async with stored(settings) as database:
        dnd = DoNotDisturb(database, settings, SystemClock())
        for number in options.number:
            entry = await dnd.add(number, options.note)
            print(f"{entry.phone}: {entry.reason}")
    return 0


async def _import(options: argparse.Namespace, settings: Settings) -> int:
    try:
        data = await asyncio.to_thread(options.file.read_bytes)
    except OSError as error:
        raise InputError(f"cannot read {options.file}: {error.strerror}") from error
    async with stored(settings) as database:
        imported = await DoNotDisturb(database, settings, SystemClock()).import_csv(data)
    print(f"{imported.added} added, {imported.known} were listed already")
    for row, value in imported.invalid[:_SHOWN]:
        print(f"row {row}: '{value}' is not a phone number")
    if len(imported.invalid) > _SHOWN:
        print(f"... and {len(imported.invalid) - _SHOWN} more rows without a phone number")
    return 0


async def _check(options: argparse.Namespace, settings: Settings) -> int:
    async with stored(settings) as database:
        entry = await DoNotDisturb(database, settings, SystemClock()).check(options.number)
    print(f"{entry.phone}: {entry.reason}" if entry else "not listed: it may be called")
    return 1 if entry else 0
