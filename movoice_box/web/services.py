"""What the pages and the API are handed; `app.py` makes it."""

from collections.abc import Callable
from dataclasses import dataclass

from movoice_box.clock import Clock
from movoice_box.dialer.broadcast import Broadcast
from movoice_box.dialer.channels import Channels
from movoice_box.dialer.control import BatchControl
from movoice_box.dialer.do_not_disturb import DoNotDisturb
from movoice_box.dialer.intake import Intake
from movoice_box.dialer.live import LiveCalls
from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.dialer.webhooks import WebhookSender
from movoice_box.ids import IdFactory
from movoice_box.settings import Settings
from movoice_box.store.database import Database
from movoice_box.store.sealing import Seal


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`strangers` counts what was dropped because it came from an address of no trunk."""

    settings: Settings
    clock: Clock
    ids: IdFactory
    database: Database
    seal: Seal
    broadcast: Broadcast
    intake: Intake
    control: BatchControl
    dnd: DoNotDisturb
    live: LiveCalls
    trunks: TrunkPool
    channels: Channels
    webhooks: WebhookSender
    strangers: Callable[[], int]
