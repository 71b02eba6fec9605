"""The gateway's door: digest authentication as a server sees it (RFC 3261 22, RFC 2617)."""

import hmac
import secrets
from collections import OrderedDict

from movoice_box.errors import SipError
from movoice_box.sip.digest import digest_response, parse_digests
from movoice_box.sip.exchange import IncomingRequest
from movoice_box.sip.headers import quote

_REALM = "simulator"
_KEPT_NONCES = 10_000


class Guard:
    """Lets requests in that know the password; everyone where it guards nothing."""

    def __init__(self, username: str | None, password: str | None) -> None:
        self._username = username
        self._password = password
        self._nonces: OrderedDict[str, None] = OrderedDict()

    def admits(self, incoming: IncomingRequest) -> bool:
        """Whether to serve the request; otherwise it was challenged or refused."""
        if self._username is None or self._password is None:
            return True
        is_registration = incoming.request.method == "REGISTER"
        answered_by = "Authorization" if is_registration else "Proxy-Authorization"
        try:
            credentials = parse_digests(incoming.request.values(answered_by))
            verdict = self._judge(credentials[-1], incoming.request.method) if credentials else None
        except SipError:
            verdict = False
        if verdict is None:
            self._challenge(incoming, is_registration)
        elif verdict is False:
            incoming.reply(403)
        return verdict is True

    def _judge(self, digest: dict[str, str], method: str) -> bool | None:
        """True and False for right and wrong; None where the nonce is none of ours any more."""
        expected = digest_response(
            digest, method=method, username=self._username or "", password=self._password or ""
        )
        is_right = digest.get("username") == self._username and hmac.compare_digest(
            expected.encode(), digest.get("response", "").encode()
        )
        if is_right and digest.get("nonce", "") not in self._nonces:
            return None
        return is_right

    def _challenge(self, incoming: IncomingRequest, is_registration: bool) -> None:
        nonce = secrets.token_hex(16)
        self._nonces[nonce] = None
        if len(self._nonces) > _KEPT_NONCES:
            self._nonces.popitem(last=False)
        value = f'Digest realm={quote(_REALM)}, nonce={quote(nonce)}, algorithm=MD5, qop="auth"'
        header = "WWW-Authenticate" if is_registration else "Proxy-Authenticate"
        incoming.reply(401 if is_registration else 407, headers=[(header, value)])
