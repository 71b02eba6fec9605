"""Who is asking: an API key in the `Authorization` header, or a person's session cookie.

A request with a key needs nothing else. A request with a cookie that changes anything must also
come from a page of this box and carry that page's CSRF token, in the header `X-CSRF-Token` or the
form field `_csrf`.
"""

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers import BaseRouteHandler

from movoice_box.errors import AccessError
from movoice_box.store import owners
from movoice_box.store.owners import ApiKey
from movoice_box.web.services import Services
from movoice_box.web.throttle import Throttle

logger = logging.getLogger(__name__)

SESSION_COOKIE = "movoice_box_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "_csrf"
PUBLIC = "public"
"""Set in the `opt` of a page handler that is open to people who are not logged in."""

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_KEY_USE_NOTED_EVERY_S = 60

T = TypeVar("T")
Connection = ASGIConnection[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes a request. `key` is None for a person, whose pages carry `csrf_token`."""

    name: str
    key: ApiKey | None = None
    csrf_token: str = ""


class Access:
    """The guards of the site, and the door that people come in by."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._clock = services.clock
        self._throttle = Throttle(services.clock)
        self._hashing = asyncio.Lock()  # one password at a time: guessing must not cost us the CPU

    async def require_caller(self, connection: Connection, _: BaseRouteHandler) -> None:
        """Guard of the API: a key, or a person's session. Raises `AccessError`."""
        if (credentials := connection.headers.get("Authorization")) is not None:
            _set_caller(connection, await self._key_of(credentials))
            return
        caller = await self.caller_of(connection)
        if caller is None:
            raise AccessError(
                "this needs an API key: send it as 'Authorization: Bearer mvb_...'; "
                "make one under API keys or with 'movoice-box apikey create'"
            )
        await _check_came_from_page(connection, caller)
        _set_caller(connection, caller)

    async def require_user(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Guard of the pages: a person's session, unless the handler is `PUBLIC`.

        Raises `AccessError`.
        """
        caller = await self.caller_of(connection)
        if caller is not None:
            await _check_came_from_page(connection, caller)
        elif not handler.opt.get(PUBLIC):
            raise AccessError("log in first", code="login_required")
        elif _changes_something(connection):
            _check_same_origin(connection)
        _set_caller(connection, caller)

    async def caller_of(self, connection: Connection) -> Caller | None:
        """The person whose session cookie came with the request."""
        token = connection.cookies.get(SESSION_COOKIE)
        if not token:
            return None
        async with self._database.reading() as db:
            name = await owners.find_session_user(db, token, self._clock.now())
        return Caller(name=name, csrf_token=_csrf_token(token)) if name else None

    async def log_in(self, request: Request[Any, Any, Any], name: str, password: str) -> Cookie:
        """The cookie of a new session. Raises `AccessError`, also when tried too often."""
        await self._check_password(request, name, password)
        return await self._open_session(request, name)

    async def set_up(
        self, request: Request[Any, Any, Any], token: str, name: str, password: str
    ) -> Cookie:
        """Make the owner with the token of the set-up link, and log them in.

        Raises `AccessError` for a wrong token or once there is an owner, `InputError` for a
        password that is too short.
        """
        await self.check_setup_token(token)
        password_hash = await self._hashed(lambda: owners.hash_password(password))

        async def add_owner(db: Any) -> None:
            if await owners.has_owner(db) or not await owners.is_setup_token(db, token):
                raise _setup_closed()
            await owners.add_user(db, name, password_hash, self._clock.now())

        await self._database.write(add_owner)
        return await self._open_session(request, name)

    async def check_setup_token(self, token: str) -> None:
        """Raises `AccessError` unless `token` is the one of the set-up link, still unused."""
        async with self._database.reading() as db:
            if await owners.has_owner(db) or not await owners.is_setup_token(db, token):
                raise _setup_closed()

    async def change_password(
        self, request: Request[Any, Any, Any], name: str, old: str, new: str
    ) -> Cookie:
        """Change a password; it ends every session of `name`, and the cookie opens a new one.

        Raises `AccessError` when `old` is wrong or was tried too often, `InputError` when `new` is
        too short.
        """
        await self._check_password(request, name, old)
        password_hash = await self._hashed(lambda: owners.hash_password(new))
        await self._database.write(lambda db: owners.set_password(db, name, password_hash))
        return await self._open_session(request, name)

    async def log_out(self, request: Request[Any, Any, Any]) -> Cookie:
        """End the session and return the cookie that takes it out of the browser."""
        token = request.cookies.get(SESSION_COOKIE, "")
        await self._database.write(lambda db: owners.close_session(db, token))
        return _session_cookie(request, "", max_age_s=0)

    async def note_key_use(self, request: Request[Any, Any, Any]) -> None:
        """After the response: write down, at most once a minute, that a key was used."""
        caller: Caller | None = request.scope.get("auth")
        if caller is None or (key := caller.key) is None:
            return
        now = self._clock.now()
        used = key.last_used_at
        if used is None or (now - used).total_seconds() >= _KEY_USE_NOTED_EVERY_S:
            await self._database.write(lambda db: owners.touch_api_key(db, key.id, now))

    async def _key_of(self, credentials: str) -> Caller:
        scheme, _, text = credentials.partition(" ")
        key = None
        if scheme.lower() == "bearer":
            async with self._database.reading() as db:
                key = await owners.find_api_key(db, text.strip())
        if key is None:
            raise AccessError(
                "the API key in the Authorization header is not known: "
                "it must read 'Bearer mvb_...', and the key must not be revoked"
            )
        return Caller(name=key.name, key=key)

    async def _check_password(
        self, request: Request[Any, Any, Any], name: str, password: str
    ) -> None:
        address = request.client.host if request.client else ""
        self._throttle.check(address)
        async with self._database.reading() as db:
            known_hash = await owners.find_password_hash(db, name)
        if not await self._hashed(lambda: owners.is_password(password, known_hash)):
            self._throttle.note_failure(address)
            logger.warning("log-in refused", extra={"address": address})
            raise AccessError("the name or the password is wrong", code="login_refused")
        self._throttle.forget(address)

    async def _open_session(self, request: Request[Any, Any, Any], name: str) -> Cookie:
        now = self._clock.now()
        token = await self._database.write(lambda db: owners.open_session(db, name, now))
        seconds = int(owners.SESSION_LIFETIME.total_seconds())
        return _session_cookie(request, token, max_age_s=seconds)

    async def _hashed(self, work: Callable[[], T]) -> T:
        async with self._hashing:
            return await asyncio.to_thread(work)


def _changes_something(connection: Connection) -> bool:
    return connection.scope.get("method") not in _SAFE_METHODS


def _csrf_token(session_token: str) -> str:
    """Bound to the session: whoever can't read its cookie can't know it."""
    return hmac.digest(session_token.encode(), b"csrf", "sha256").hex()


async def _check_came_from_page(connection: Connection, caller: Caller) -> None:
    """Raises `AccessError` for a change that was not asked for by a page of this box."""
    if not _changes_something(connection):
        return
    _check_same_origin(connection)
    token = connection.headers.get(CSRF_HEADER)
    if token is None and isinstance(connection, Request):
        token = (await connection.form()).get(CSRF_FIELD)
    if not isinstance(token, str) or not hmac.compare_digest(
        token.encode(), caller.csrf_token.encode()
    ):
        raise AccessError("this page is out of date: reload it and try again", code="csrf")


def _check_same_origin(connection: Connection) -> None:
    """Raises `AccessError` where the browser says that another site made the request."""
    site = connection.headers.get("Sec-Fetch-Site")
    origin = connection.headers.get("Origin")
    is_other = (
        site not in ("same-origin", "none")
        if site is not None
        else origin is not None and urlsplit(origin).netloc != connection.headers.get("Host")
    )
    if is_other:
        raise AccessError("this was asked for by a page of another site", code="cross_site")


def _session_cookie(request: Request[Any, Any, Any], token: str, max_age_s: int) -> Cookie:
    return Cookie(
        key=SESSION_COOKIE,
        value=token,
        max_age=max_age_s,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _set_caller(connection: Connection, caller: Caller | None) -> None:
    connection.scope["auth"] = caller
    connection.scope["user"] = caller.name if caller else None


def _setup_closed() -> AccessError:
    return AccessError(
        "this set-up link is not valid: take the newest one that the box printed, "
        "or log in if there is an owner already",
        code="setup_closed",
    )
