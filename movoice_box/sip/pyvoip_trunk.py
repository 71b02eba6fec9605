"""The second SIP driver: a trunk over stock pyVoIP, for simple registered accounts."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from itertools import count

from movoice_box.clock import Clock
from movoice_box.domain.call import Disposition
from movoice_box.domain.media import MediaOffer
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import TrunkError
from movoice_box.sip.pyvoip.dialog import PyvoipDialog
from movoice_box.sip.pyvoip.wire import HEADER_BYTES, Kind, Message, parse_header
from movoice_box.sip.transport import Address, local_address_towards, resolve
from movoice_box.sip.trunk import Ended, TrunkStatus
