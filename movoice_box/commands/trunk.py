"""`movoice-box trunk`: the gateways, PBXs and carriers that carry our calls."""

import argparse
import asyncio
import getpass

from movoice_box.app import stored, testing_trunk
from movoice_box.clock import SystemClock
from movoice_box.commands import doctor
from movoice_box.commands.parsing import Commands, add_command, add_group
from movoice_box.domain.phone import NumberFormat
from movoice_box.domain.trunk import TrunkAccount, TrunkDriver
from movoice_box.errors import NotFoundError
from movoice_box.ids import IdFactory
from movoice_box.settings import Settings
from movoice_box.store import trunks
from movoice_box.store.sealing import Seal


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    group = add_group(commands, "trunk", "gateways, PBXs and carriers")
    add = add_command(group, common, "add", _add, "add a trunk")
    default = TrunkAccount.__dataclass_fields__
    add.add_argument("--name", required=True)
    add.add_argument("--host", required=True, help="address or name of the gateway")
    add.add_argument("--port", type=int, default=default["port"].default)
    add.add_argument("--username")
    add.add_argument("--password", help="better: --ask-password, which other users cannot see")
    add.add_argument("--ask-password", action="store_true")
    add.add_argument("--register", action="store_true", help="keep registered (GSM gateways)")
    add.add_argument(
        "--channels",
        type=int,
        default=default["channels"].default,
        help="most calls at once (default: %(default)s)",
    )
    add.add_argument("--caller-id", help="the number that callees see")
    add.add_argument(
        "--ring-timeout-s", type=int, default=default["ring_timeout_s"].default, metavar="SECONDS"
    )
    add.add_argument(
        "--driver", type=TrunkDriver, choices=list(TrunkDriver), default=TrunkDriver.NATIVE
    )
    add.add_argument(
        "--number-format",
        type=NumberFormat,
        choices=list(NumberFormat),
        default=NumberFormat.E164,
        help="+919876543210 (e164), 919876543210 (digits) or 09876543210 (national)",
    )
    add_command(group, common, "list", _list, "list the trunks")
    test = add_command(group, common, "test", _test, "ask the far end whether it is there")
    test.add_argument("trunk", help="its name or id")
    doctor.add_to(group, common)


async def _add(options: argparse.Namespace, settings: Settings) -> int:
    clock = SystemClock()
    password = options.password
    if options.ask_password:
        password = await asyncio.to_thread(getpass.getpass, "Password of the trunk: ")
    account = TrunkAccount(
        id=IdFactory(clock).trunk(),
        name=options.name,
        host=options.host,
        port=options.port,
        username=options.username,
        password=password,
        register=options.register,
        channels=options.channels,
        caller_id=options.caller_id,
        ring_timeout_s=options.ring_timeout_s,
        driver=options.driver,
        number_format=options.number_format,
    )
    async with stored(settings) as database:
        seal = Seal.from_files(settings.data.dir)
        await database.write(lambda db: trunks.put(db, seal, account, clock.now()))
    print(f"{account.id}: {account.name}; try it with: movoice-box trunk test '{account.name}'")
    return 0


async def _list(_: argparse.Namespace, settings: Settings) -> int:
    for account in await _accounts(settings):
        kind = "registers" if account.register else "password" if account.password else "by address"
        print(
            f"{account.id}  {account.name}  {account.host}:{account.signalling_port}  {kind}  "
            f"{account.channels} channels  {'enabled' if account.is_enabled else 'disabled'}"
        )
    return 0


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
