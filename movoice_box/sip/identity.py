"""Who calls, as a trunk wants it written (RFC 3261 20.20, RFC 3323, RFC 3325)."""

import re
from dataclasses import dataclass

from sipmessage import URI

from movoice_box.domain.trunk import CallerIdHeader, TrunkAccount
from movoice_box.errors import TrunkError
from movoice_box.sip.headers import quote
from movoice_box.sip.messages import HeaderList
from movoice_box.sip.trunk import CallDetails

_ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'  # RFC 3323 4.1.1.3
_USER = re.compile(r"[A-Za-z0-9+*#._~!&=$,;?/%@-]{1,128}")
_CALL_ID = re.compile(r"[!-~]{1,128}")  # visible ASCII


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`from_` is the From value without its tag; `headers` go into the INVITE beside it."""

    from_: str
    headers: HeaderList = ()


def identity_of(account: TrunkAccount, details: CallDetails, own: URI) -> Identity:
    """Ourselves in one call; `own` is our URI at the trunk, by its user name.

    The caller id is the call's, else the trunk's, else the user name. A withheld one is written
    only where the trunk itself reads it. Raises `TrunkError` for what no header can carry.
    """
    number = details.caller_id or account.caller_id
    if number is not None and not _USER.fullmatch(number):
        raise TrunkError(f"the caller id '{number[:40]}' cannot be sent to the trunk")
    uri = URI(scheme=own.scheme, host=own.host, port=own.port, user=number or own.user)
    shown = f"{quote(number)} <{uri}>" if number else f"<{uri}>"
    headers: list[tuple[str, str]] = []
    match account.caller_id_header:
        case CallerIdHeader.P_ASSERTED_IDENTITY:
            headers.append(("P-Asserted-Identity", shown))
        case CallerIdHeader.REMOTE_PARTY_ID:
            privacy = "full" if account.is_private else "off"
            rights = f"party=calling;id-type=subscriber;screen=yes;privacy={privacy}"
            headers.append(("Remote-Party-ID", f"{shown};{rights}"))
        case CallerIdHeader.NONE:
            pass
    if account.is_private:
        headers.append(("Privacy", "id"))
    if account.call_id_header and details.call_id:
        if not _CALL_ID.fullmatch(details.call_id):
            raise TrunkError("the id of the call cannot be sent to the trunk")
        headers.append((account.call_id_header, details.call_id))
    return Identity(from_=_ANONYMOUS if account.is_private else shown, headers=headers)
