"""What a final response says about the call (RFC 3261 21, RFC 3326, RFC 3398 7.2.4.1)."""

from movoice_box.domain.call import Disposition

_BY_STATUS = {
    403: Disposition.REJECTED,
    404: Disposition.INVALID_NUMBER,
    408: Disposition.NO_ANSWER,
    410: Disposition.INVALID_NUMBER,
    433: Disposition.REJECTED,
    480: Disposition.NO_ANSWER,
    484: Disposition.INVALID_NUMBER,
    485: Disposition.INVALID_NUMBER,
    486: Disposition.BUSY,
    487: Disposition.NO_ANSWER,  # not ours: the network gave up ringing
    600: Disposition.BUSY,
    603: Disposition.REJECTED,
    604: Disposition.INVALID_NUMBER,
    607: Disposition.REJECTED,
    608: Disposition.REJECTED,
}

# The SIP status that each ISDN cause stands for. The causes that say nothing are left out: 16
# (normal clearing), 31 (normal, unspecified) and 127 (interworking); the status counts then.
_STATUS_OF_CAUSE = {
    1: 404,  # unallocated number
    2: 404,  # no route to transit network
    3: 404,  # no route to destination
    17: 486,  # user busy
    18: 408,  # no user responding
    19: 480,  # user alerted, no answer
    20: 480,  # subscriber absent: switched off or out of coverage
    21: 403,  # call rejected
    22: 410,  # number changed
    23: 410,  # redirection to new destination
    26: 404,  # non-selected user clearing
    27: 502,  # destination out of order
    28: 484,  # address incomplete
    29: 501,  # facility rejected
    34: 503,  # no circuit or channel available
    38: 503,  # network out of order
    41: 503,  # temporary failure
    42: 503,  # switching equipment congestion
    47: 503,  # resource unavailable
    55: 403,  # incoming calls barred in the user group
    57: 403,  # bearer capability not authorized
    58: 503,  # bearer capability not available now
    65: 488,  # bearer capability not implemented
    70: 488,  # only restricted digital information
    79: 501,  # service not implemented
    87: 403,  # not a member of the user group
    88: 503,  # incompatible destination
    102: 504,  # recovery on timer expiry
    111: 500,  # protocol error
}


def disposition_of(status: int, q850_cause: int | None = None) -> Disposition:
    """What a final response of 300 or above means; the cause of a Reason header goes first.

    A redirection, a server failure and whatever has no meaning of its own is `failed`.
    """
    if q850_cause is not None:
        status = _STATUS_OF_CAUSE.get(q850_cause, status)
    return _BY_STATUS.get(status, Disposition.FAILED)
