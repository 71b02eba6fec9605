"""What to change where a trunk answers something else than hoped for, by final response."""

from movoice_box.doctor.findings import Level
from movoice_box.domain.call import Disposition

_NUMBER = (
    "the far end wants the number written in another way. It was dialed as '{dialed}': try the "
    "trunk's number format (+919876543210, 919876543210 or 09876543210), a prefix for an outside "
    "line, or a number pattern; the page of the trunk shows what each makes of a number"
)
_CREDENTIALS = (
    "check the trunk's user name and password against the account at the provider; some want the "
    "authentication id there, not the phone number"
)
_RESTS = "the far end has no free line or is overloaded: look at its channels, SIM and credit"

NO_COMMON_MEDIA = (
    "no common codec, or SRTP on one side alone: we offered {codecs}; allow PCMA or PCMU at the "
    "far end, or change the trunk's codecs"
)

REFUSALS: dict[int, tuple[Level, str]] = {
    400: (Level.FAILURE, "the far end cannot read our INVITE: send it the capture"),
    401: (Level.FAILURE, _CREDENTIALS),
    402: (Level.FAILURE, "the account has no credit: charge it at the provider"),
    403: (
        Level.FAILURE,
        "the far end knows us and forbids this call: check that outgoing calls and this country "
        "are allowed for the account, that it lists this box's address, and that it accepts our "
        "caller id",
    ),
    404: (Level.FAILURE, _NUMBER),
    405: (Level.FAILURE, "this address takes no calls: is it the right host and port?"),
    407: (Level.FAILURE, _CREDENTIALS),
    408: (Level.FAILURE, "the far end got no answer from where it sent the call: check its route"),
    410: (Level.FAILURE, _NUMBER),
    415: (Level.FAILURE, "the far end takes no SDP here: is it the right host and port?"),
    420: (Level.FAILURE, "the far end lacks a SIP extension that we require: send it the capture"),
    421: (Level.FAILURE, "the far end requires a SIP extension that we lack: send it the capture"),
    480: (
        Level.WARNING,
        "nobody took the call, or the callee's line is not registered at the far end: call a "
        "phone that is on, to test the audio",
    ),
    484: (Level.FAILURE, _NUMBER),
    486: (Level.WARNING, "the line is busy, so signalling works: call a free phone for the audio"),
    487: (Level.WARNING, "nobody answered in time: call a phone that is at hand, for the audio"),
    488: (
        Level.FAILURE,
        NO_COMMON_MEDIA,
    ),
    500: (Level.FAILURE, "the far end failed: its own log says why"),
    501: (Level.FAILURE, "the far end cannot do this: is it the right host and port?"),
    502: (Level.FAILURE, "the far end's own gateway failed: its log or your provider says why"),
    503: (Level.FAILURE, _RESTS),
    504: (Level.FAILURE, "a server behind the far end does not answer: its provider has to look"),
    513: (Level.FAILURE, "our message is too long for the far end: offer fewer codecs"),
    600: (Level.WARNING, "the callee is busy, so signalling works: call a free phone"),
    603: (
        Level.WARNING,
        "the callee declined, or the far end bars the call: try another number to tell which",
    ),
    606: (Level.FAILURE, NO_COMMON_MEDIA),
    608: (Level.FAILURE, "the network rejected the call as unwanted: see your caller id's name"),
}

_UNKNOWN_USER = "the far end does not know this user name, or not at this host name"

REGISTRAR_REFUSALS = {
    401: _CREDENTIALS,
    403: f"{_CREDENTIALS}; some ban an address for minutes after several wrong ones",
    404: _UNKNOWN_USER,
    405: "the far end registers nobody: switch registration off for this trunk",
    407: _CREDENTIALS,
    501: "the far end registers nobody: switch registration off for this trunk",
    604: _UNKNOWN_USER,
}

HEARD = {
    Disposition.BUSY: (
        Level.WARNING,
        "the busy tone says that the line is busy: call a free phone",
    ),
    Disposition.NO_ANSWER: (
        Level.WARNING,
        "what was heard says that the trunk works and the callee was not reached: call a phone at "
        "hand, to test the audio",
    ),
    Disposition.INVALID_NUMBER: (
        Level.FAILURE,
        f"the special information tone says that the network does not know the number; {_NUMBER}",
    ),
}
"""Where the response tells nothing and what was heard does."""

ONE_WAY = (
    "audio of the far end does not reach this box. Open UDP {low} to {high} towards {address} in "
    "the firewall and the router; behind NAT switch on 'NAT', 'symmetric RTP' or 'comedia' for "
    "this account at the far end; the port must not be changed by a SIP ALG in the router"
)
NOT_HEARD = (
    "the far end reports that it misses our packets: allow UDP from {address} out to its media "
    "ports, and look for a second router or a VPN on the way"
)
NO_EARLY_MEDIA = (
    "the far end announces audio before the answer and sends none: announcements such as "
    "'switched off' will not be heard. Switch on early media (often 'progress audio' or "
    "'in-band ringing') at the gateway, or open the RTP ports"
)


def advice_for(
    status: int, heard: Disposition | None, *, dialed: str, codecs: str
) -> tuple[Level, str]:
    """How bad a final response of 300 or above is, and what to do about it.

    `heard` is what early media made of it, None where that told no more than the response.
    """
    if found := (HEARD.get(heard) if heard else None) or REFUSALS.get(status):
        level, text = found
        return level, text.format(dialed=dialed, codecs=codecs)
    if status < 400:
        return (
            Level.FAILURE,
            "the far end sends the call elsewhere: enter that host, or follow redirects",
        )
    return Level.FAILURE, "send the capture to whoever runs the far end"
