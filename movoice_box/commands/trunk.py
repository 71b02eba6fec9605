"""`movoice-box trunk`: the gateways, PBXs and carriers that carry our calls."""

import argparse
import asyncio
import getpass
from collections.abc import Iterator

from movoice_box.app import stored, testing_trunk
from movoice_box.clock import SystemClock
from movoice_box.commands import doctor
from movoice_box.commands.parsing import Commands, add_command, add_group
from movoice_box.commands.trunk_options import add_trunk_options, trunk_account
from movoice_box.domain.trunk import Transport, TrunkAccount
from movoice_box.errors import NotFoundError
from movoice_box.ids import IdFactory
from movoice_box.settings import Settings
from movoice_box.store import agents, trunks
from movoice_box.store.sealing import Seal


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    group = add_group(commands, "trunk", "gateways, PBXs and carriers")
    add = add_command(group, common, "add", _add, "add a trunk")
    add_trunk_options(add)
    add.add_argument("--password", help="better: --ask-password, which other users cannot see")
    add.add_argument("--ask-password", action="store_true")
    add_command(group, common, "list", _list, "list the trunks")
    test = add_command(group, common, "test", _test, "ask the far end whether it is there")
    test.add_argument("trunk", help="its name or id")
    doctor.add_to(group, common)


async def _add(options: argparse.Namespace, settings: Settings) -> int:
    clock = SystemClock()
    password = options.password
    if options.ask_password:
        password = await asyncio.to_thread(getpass.getpass, "Password of the trunk: ")
    account = trunk_account(options, IdFactory(clock).trunk(), password)
    async with stored(settings) as database:
        if account.inbound_agent_id:
            async with database.reading() as db:
                await agents.get(db, account.inbound_agent_id)
        seal = Seal.from_files(settings.data.dir)
        await database.write(lambda db: trunks.put(db, seal, account, clock.now()))
    print(f"{account.id}: {account.name}; try it with: movoice-box trunk test '{account.name}'")
    return 0


async def _list(_: argparse.Namespace, settings: Settings) -> int:
    for account in await _accounts(settings):
        print("  ".join(_told(account)))
    return 0


def _told(account: TrunkAccount) -> Iterator[str]:
    yield account.id
    yield account.name
    yield f"{account.host}:{account.port}" if account.port else account.host
    if account.transport is not Transport.UDP:
        yield f"{account.transport}{' with srtp' if account.srtp else ''}"
    yield "registers" if account.register else "password" if account.password else "by address"
    if account.ports:
        yield f"GSM ports {', '.join(port.name for port in account.ports)}"
    else:
        yield f"{account.channels} channels"
    if account.priority != 1:
        yield f"priority {account.priority}"
    yield "enabled" if account.is_enabled else "disabled"


async def _test(options: argparse.Namespace, settings: Settings) -> int:
    for account in await _accounts(settings):
        if options.trunk in (account.name, account.id):
            status = await testing_trunk(settings, account)
            print(f"{account.name}: {status.detail}")
            return 0 if status.is_up else 1
    raise NotFoundError(f"there is no trunk '{options.trunk}': see movoice-box trunk list")


async def _accounts(settings: Settings) -> list[TrunkAccount]:
    async with stored(settings) as database, database.reading() as db:
        return await trunks.every(db, Seal.from_files(settings.data.dir))
