"""Digest access authentication (RFC 3261 22, RFC 2617, SHA-256 by RFC 7616 and RFC 8760)."""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

from movoice_box.errors import SipError, TrunkError
from movoice_box.sip.headers import quote, unquote
from movoice_box.sip.messages import Response

_PARAMETER = re.compile(
    r"\s*(?:(?P<scheme>[\w-]+)\s+)?(?P<name>[\w-]+)\s*=\s*"
    r'(?P<value>"(?:[^"\\]|\\.)*"|[^\s,"]*)\s*(?:,|\Z)',
    re.ASCII | re.DOTALL,
)
_HASHES = {"MD5": "md5", "MD5-SESS": "md5", "SHA-256": "sha256", "SHA-256-SESS": "sha256"}
_WEAKEST_FIRST = list(_HASHES)
_CHALLENGES = (("WWW-Authenticate", "Authorization"), ("Proxy-Authenticate", "Proxy-Authorization"))
CREDENTIALS_REFUSED = "credentials_refused"  # code of the `TrunkError`s of this module
_MOST_ROUNDS = 4  # one realm each of proxy and gateway, and one stale nonce of each


def parse_digests(values: Iterable[str]) -> list[dict[str, str]]:
    """The Digest challenges or credentials in header values, parameter names in lower case.

    One value may hold several, and quoted strings may hold commas. Other schemes are left out.
    Raises `SipError`.
    """
    digests: list[dict[str, str]] = []
    for value in values:
        position, is_digest = 0, False
        while position < len(value):
            if (match := _PARAMETER.match(value, position)) is None:
                raise SipError(f"authentication '{value[:80]}' is not readable")
            position = match.end()
            if match["scheme"]:
                is_digest = match["scheme"].lower() == "digest"
                if is_digest:
                    digests.append({})
            if is_digest:
                digests[-1].setdefault(match["name"].lower(), unquote(match["value"]))
    return digests


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a server asks: prove that you know the password of `realm`.

    `answered_by` names the header that answers it. `algorithm` is as the server wrote it, "" where
    it named none, which means MD5.
    """

    answered_by: str
    realm: str
    nonce: str
    algorithm: str = ""
    opaque: str | None = None
    qop: str = ""
    is_stale: bool = False

    @classmethod
    def parse_all(cls, response: Response) -> list[Self]:
        """The challenges of a 401 or 407. Raises `SipError`."""
        return [
            cls(
                answered_by=answered_by,
                realm=digest.get("realm", ""),
                nonce=digest.get("nonce", ""),
                algorithm=digest.get("algorithm", ""),
                opaque=digest.get("opaque"),
                qop=digest.get("qop", ""),
                is_stale=digest.get("stale", "").lower() == "true",
            )
            for asked_by, answered_by in _CHALLENGES
            for digest in parse_digests(response.values(asked_by))
        ]

    @property
    def strength(self) -> int:
        """Higher is stronger; -1 where this box cannot answer."""
        known = (self.algorithm or "MD5").upper()
        is_answerable = known in _HASHES and (not self.qop or self.has_qop_auth)
        return _WEAKEST_FIRST.index(known) if is_answerable else -1

    @property
    def has_qop_auth(self) -> bool:
        return "auth" in re.split(r"[\s,]+", self.qop.lower())


def digest_response(digest: dict[str, str], *, method: str, username: str, password: str) -> str:
    """The `response` that proves the password; a server compares it with the one it got.

    `digest` holds realm, nonce and uri, and where they are used algorithm, qop, nc and cnonce.
    Raises `SipError` for an unknown algorithm.
    """
    algorithm = (digest.get("algorithm") or "MD5").upper()
    if algorithm not in _HASHES:
        raise SipError(f"digest algorithm '{algorithm[:20]}' is not known")

    def hashed(*parts: str) -> str:
        text = ":".join(parts).encode("utf-8", "replace")
        return hashlib.new(_HASHES[algorithm], text, usedforsecurity=False).hexdigest()

    nonce, cnonce = digest.get("nonce", ""), digest.get("cnonce", "")
    secret = hashed(username, digest.get("realm", ""), password)
    if algorithm.endswith("-SESS"):
        secret = hashed(secret, nonce, cnonce)
    request = hashed(method, digest.get("uri", ""))
    if qop := digest.get("qop"):
        return hashed(secret, nonce, digest.get("nc", ""), cnonce, qop, request)
    return hashed(secret, nonce, request)


class Authenticator:
    """Answers the challenges that meet one account in one dialog or registration.

    Challenges once answered are answered in later requests without being asked, `nc` rising.
    """

    def __init__(
        self,
        username: str | None,
        password: str | None,
        cnonce: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._username = username
        self._password = password
        self._new_cnonce = cnonce
        self._known: dict[tuple[str, str], tuple[Challenge, str, int]] = {}
        self._asked: dict[tuple[str, str], int] = {}

    def answer(self, response: Response) -> None:
        """Take up the challenges of a 401 or 407, for `headers` to answer in the next request.

        Raises `TrunkError` where answering (again) is no use: wrong or no password, unknown
        algorithm, or a server that never stops asking.
        """
        if self._username is None or self._password is None:
            raise _refusal(
                f"the trunk asks for a password ({response.status}) and has none here: set its "
                "user name and password"
            )
        strongest = _strongest_by_realm(response)
        for key, challenge in strongest.items():
            rounds = self._asked[key] = self._asked.get(key, 0) + 1
            if rounds > 2 or (rounds == 2 and not challenge.is_stale):
                raise _refusal(
                    f"the trunk refused user '{self._username}' ({response.status}): check the "
                    "user name and password"
                )
            self._known[key] = (challenge, self._new_cnonce(), 0)
        if sum(self._asked.values()) > _MOST_ROUNDS:
            raise _refusal("the trunk never stops asking for a password")

    def start_over(self) -> None:
        """What is sent next is another request, which may be challenged anew."""
        self._asked.clear()

    def headers(self, method: str, uri: str) -> list[tuple[str, str]]:
        """The Authorization headers of a request, none before the first challenge."""
        lines = []
        for key, (challenge, cnonce, count) in self._known.items():
            self._known[key] = (challenge, cnonce, count + 1)
            lines.append(self._header(challenge, cnonce, count + 1, method, uri))
        return lines

    def _header(
        self, challenge: Challenge, cnonce: str, count: int, method: str, uri: str
    ) -> tuple[str, str]:
        username, password = self._username or "", self._password or ""
        digest = {"realm": challenge.realm, "nonce": challenge.nonce, "uri": uri}
        if challenge.algorithm:
            digest["algorithm"] = challenge.algorithm
        if challenge.has_qop_auth:
            digest |= {"qop": "auth", "nc": f"{count:08x}", "cnonce": cnonce}
        elif challenge.algorithm.upper().endswith("-SESS"):
            digest["cnonce"] = cnonce
        digest["response"] = digest_response(
            digest, method=method, username=username, password=password
        )
        if challenge.opaque is not None:
            digest["opaque"] = challenge.opaque
        bare = {"algorithm", "qop", "nc"}  # tokens; the others are quoted (RFC 7616 3.4)
        written = [
            f"{name}={value if name in bare else quote(value)}"
            for name, value in {"username": username, **digest}.items()
        ]
        return challenge.answered_by, f"Digest {', '.join(written)}"


def _strongest_by_realm(response: Response) -> dict[tuple[str, str], Challenge]:
    try:
        challenges = Challenge.parse_all(response)
    except SipError as error:
        raise _refusal(f"the trunk's challenge is not readable: {error}") from error
    strongest: dict[tuple[str, str], Challenge] = {}
    for challenge in sorted(challenges, key=lambda challenge: challenge.strength):
        if challenge.strength >= 0:
            strongest[challenge.answered_by, challenge.realm] = challenge
    if not strongest:
        asked = ", ".join(challenge.algorithm or "MD5" for challenge in challenges) or "nothing"
        raise _refusal(f"the trunk asks for a digest that this box does not know: {asked}")
    return strongest


def _refusal(message: str) -> TrunkError:
    return TrunkError(message, code=CREDENTIALS_REFUSED)
