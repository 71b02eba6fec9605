"""`movoice-box apikey | user | setup-link`: who may use the box."""

import argparse
import asyncio
import getpass
import sys

from movoice_box.app import stored
from movoice_box.clock import SystemClock
from movoice_box.commands.parsing import Commands, add_command, add_group
from movoice_box.settings import Settings, parse_address
from movoice_box.store import owners


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    keys = add_group(commands, "apikey", "keys for the API")
    create = add_command(keys, common, "create", _create_key, "make a key and print it, once")
    create.add_argument("--name", required=True, help="what the key is for, such as 'crm'")
    users = add_group(commands, "user", "people who log in to the pages")
    add = add_command(users, common, "add", _add_user, "add a person")
    add.add_argument("name")
    add.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )
    about = "print the one-time link with which the first owner is made"
    add_command(commands, common, "setup-link", _setup_link, about)


async def _create_key(options: argparse.Namespace, settings: Settings) -> int:
    now = SystemClock().now()
    async with stored(settings) as database:
        print(await database.write(lambda db: owners.create_api_key(db, options.name, now)))
    return 0


async def _add_user(options: argparse.Namespace, settings: Settings) -> int:
    if options.password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = await asyncio.to_thread(getpass.getpass, f"Password of {options.name}: ")
    password_hash = await asyncio.to_thread(owners.hash_password, password)
    now = SystemClock().now()
    async with stored(settings) as database:
        await database.write(lambda db: owners.add_user(db, options.name, password_hash, now))
    print(f"{options.name} can log in now")
    return 0


async def _setup_link(_: argparse.Namespace, settings: Settings) -> int:
    async with stored(settings) as database:
        token = await database.write(owners.setup_token)
    if token is None:
        print("an owner exists already; add people with 'movoice-box user add NAME'")
    else:
        host, port = parse_address(settings.web.listen, "web.listen")
        print(setup_link(f"http://{host}:{port}", token))
    return 0


def setup_link(web_address: str, token: str) -> str:
    return f"{web_address}/setup?token={token}"
