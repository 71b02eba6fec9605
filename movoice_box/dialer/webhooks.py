"""Deliveries to the owner's webhooks: signed, retried for a day, never to forbidden places.

Signature and headers follow the Standard Webhooks specification.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import ipaddress
import logging
import secrets
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import httpx

from movoice_box.clock import Clock, StepWatch
from movoice_box.errors import InputError
from movoice_box.ids import WebhookId
from movoice_box.settings import Settings
from movoice_box.store import outbox
from movoice_box.store.database import Database
from movoice_box.store.outbox import Delivery, DeliveryState, DueDelivery
from movoice_box.store.sealing import Seal

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SECRET_PREFIX = "whsec_"  # noqa: S105 - the specification's marker, not a secret
_WAITS = (*(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800)), outbox.LONGEST_WAIT)
_TIMEOUT_S = 10.0
_AT_ONCE = 8
_STEP_S = 1.0  # of the clock: less than this is a network's time
_METADATA = ipaddress.ip_address("fd00:ec2::254")  # cloud metadata outside the link-local range

logger = logging.getLogger(__name__)


def new_secret() -> str:
    """A signing secret: `whsec_` and 32 random bytes in base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: HMAC-SHA256 over id, timestamp (epoch s) and body."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b".".join([event_id.encode(), str(timestamp).encode(), body])
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def check_url(url: str, allowed: Sequence[Network]) -> None:
    """Raises `InputError` unless `url` is http(s) with a host that is allowed, and no password.

    A host name is looked up at each delivery, and checked there.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.scheme in ("http", "https") and not parts.password else None
        _ = parts.port
    except ValueError:
        host = None
    if not host:
        raise InputError(f"url '{url}' must be like http://192.168.1.20:9000/movoice", field="url")
    with contextlib.suppress(ValueError):
        literal = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        if not is_allowed(literal, allowed):
            raise _forbidden(host)


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether a webhook may go to `address`: never to this machine, its link or metadata.

    `allowed` are the networks that the owner opened in `webhooks.allow_networks`.
    """
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address in network for network in allowed):
        return True
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address == _METADATA
    )


def next_attempt(delivery: Delivery, now: datetime) -> datetime | None:
    """When to try again after a failure; None once the day is over.

    Not before there was one attempt after each of the waits: the clock may have been set, or the
    box was switched off.
    """
    wait = _WAITS[min(delivery.attempts, len(_WAITS) - 1)]
    is_over = now + wait >= delivery.give_up_at and delivery.attempts >= len(_WAITS)
    return None if is_over else now + wait


def _is_due(due_at: datetime, now: datetime) -> bool:
    return not now < due_at <= now + outbox.LONGEST_WAIT


class WebhookSender:
    """A service: sends what the outbox holds; a slow webhook holds up none but itself."""

    def __init__(self, database: Database, seal: Seal, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._seal = seal
        self._allowed = settings.allowed_networks
        self._clock = clock
        self._watch = StepWatch(clock)
        self._wake = asyncio.Event()
        self._busy: set[WebhookId] = set()
        # Threads of its own: a DNS server that is gone must not take those that calls need.
        self._resolver = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook-dns")

    def wake(self) -> None:
        """There may be a delivery that is due."""
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled; what is on its way then is sent again at the next start."""
        async with (
            httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client,
            asyncio.TaskGroup() as group,
        ):
            while True:
                self._wake.clear()
                if self._watch.step_s() < -_STEP_S:
                    await self._database.keep(lambda db: outbox.hasten(db, self._clock.now()))
                async with self._database.reading() as db:
                    due_at = await outbox.next_due(db)
                now = self._clock.now()
                idle = {one: due for one, due in due_at.items() if one not in self._busy}
                for webhook_id, due in idle.items():
                    if _is_due(due, now):
                        self._busy.add(webhook_id)
                        name = f"webhook {webhook_id}"
                        group.create_task(self._send_due(client, webhook_id), name=name)
                later = [due for due in idle.values() if not _is_due(due, now)]
                await self._sleep(min(later, default=None))

    async def _sleep(self, until: datetime | None) -> None:
        wait_s = (until - self._clock.now()).total_seconds() if until else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._wake.wait()

    async def _send_due(self, client: httpx.AsyncClient, webhook_id: WebhookId) -> None:
        """Send all that is due to one webhook, a few at a time."""
        try:
            is_more = True
            while is_more:
                async with self._database.reading() as db:
                    now = self._clock.now()
                    due = await outbox.due(db, self._seal, webhook_id, now, _AT_ONCE)
                is_more = len(due) == _AT_ONCE
                async with asyncio.TaskGroup() as group:
                    for one in due:
                        name = f"delivery {one.delivery.id}"
                        group.create_task(self._send(client, one), name=name)
        except Exception:  # a webhook that cannot be read must not stop the others
            logger.exception("webhook deliveries failed", extra={"webhook_id": webhook_id})
            await asyncio.sleep(_WAITS[0].total_seconds())
        finally:
            self._busy.discard(webhook_id)
            self.wake()

    async def _send(self, client: httpx.AsyncClient, due: DueDelivery) -> None:
        status, detail = await self._post(client, due)
        now = self._clock.now()
        delivered = status is not None and 200 <= status < 300
        due_at = None if delivered else next_attempt(due.delivery, now)
        state = (
            DeliveryState.DELIVERED
            if delivered
            else DeliveryState.PENDING
            if due_at
            else DeliveryState.FAILED
        )
        await self._database.keep(
            lambda db: outbox.record_attempt(
                db,
                due.delivery.id,
                state=state,
                status=status,
                detail=detail,
                due_at=due_at,
                now=now,
            )
        )

    async def _post(self, client: httpx.AsyncClient, due: DueDelivery) -> tuple[int | None, str]:
        body = due.delivery.body.encode()
        timestamp = int(self._clock.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Movoice-Box",
            "webhook-id": due.delivery.event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(due.secret, due.delivery.event_id, timestamp, body),
        }
        try:
            async with asyncio.timeout(_TIMEOUT_S):  # whatever the receiver does meanwhile
                url, host = await self._resolved(due.url)
                async with client.stream(
                    "POST",
                    url,
                    content=body,
                    headers={"Host": host, **headers},
                    extensions={"sni_hostname": urlsplit(due.url).hostname},
                ) as response:  # its body may be endless, and nobody wants it
                    return response.status_code, response.reason_phrase
        except InputError as error:
            return None, error.message
        except TimeoutError:
            return None, f"no answer within {_TIMEOUT_S:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return None, f"{type(error).__name__}: {error}"

    async def _resolved(self, url: str) -> tuple[httpx.URL, str]:
        """`url` with its host replaced by the address that was checked, and the Host header.

        Resolving once and connecting to that address leaves no room for DNS rebinding.
        """
        parsed = httpx.URL(url)
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        look_up = partial(socket.getaddrinfo, parsed.host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._resolver, look_up)
        for *_, sockaddr in found:
            address = ipaddress.ip_address(str(sockaddr[0]).partition("%")[0])
            if is_allowed(address, self._allowed):
                return parsed.copy_with(host=str(address)), parsed.netloc.decode()
        raise _forbidden(parsed.host)


def _forbidden(host: str) -> InputError:
    return InputError(
        f"{host} is this machine, its link or a metadata address: "
        "name its network in webhooks.allow_networks to allow it",
        code="webhook_address_forbidden",
        field="url",
    )
