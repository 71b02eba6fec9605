"""Reliable provisional responses as a caller receives them: a pure machine (RFC 3262 section 4)."""

import re

from movoice_box.sip.messages import Response

_OPTION_TAG = "100rel"
_RSEQ = re.compile(r"\s*(\d{1,10})\s*", re.ASCII)


def rseq_of(response: Response) -> int | None:
    """The RSeq of a reliable provisional response; None where it is not one or not readable."""
    required = ",".join(response.values("Require")).lower().replace(" ", "").split(",")
    if not 100 < response.status < 200 or not response.to_tag or _OPTION_TAG not in required:
        return None
    match = _RSEQ.fullmatch(response.get("RSeq") or "")
    return int(match[1]) if match and 0 < int(match[1]) < 2**32 else None


class ReliableSequence:
    """The reliable provisional responses of one early dialog: each once, and in order."""

    def __init__(self) -> None:
        self._latest: int | None = None

    def is_next(self, rseq: int) -> bool:
        """Take this response, to be acknowledged by PRACK; False where it is to be left out.

        A repeated one is left out because the PRACK in its own transaction answers it, one after a
        gap because it comes again once the gap was filled.
        """
        if self._latest is not None and rseq != self._latest + 1:
            return False
        self._latest = rseq
        return True


def rack(rseq: int, invite_cseq: int) -> tuple[str, str]:
    """The header of a PRACK that names what it acknowledges (7.2)."""
    return "RAck", f"{rseq} {invite_cseq} INVITE"
