"""Every error the box raises on purpose.

    BoxError                 something a person or a peer can be told about
    ├── InputError           what the owner or a client sent is wrong
    │   └── PlanLimitError   it is larger than the plan of this box allows
    ├── NotFoundError        no such batch, call, agent, trunk ...
    ├── ConflictError        right request, wrong state
    ├── AccessError          who asks is not known, or may not do this
    ├── SettingsError        the settings file is wrong; the box does not start
    ├── ProtocolError        bytes from the network are not what the RFC says
    │   ├── SipError  SdpError  RtpError
    ├── TrunkError           a trunk cannot carry the call
    └── SpeechError          text could not be turned into speech

`code` is stable: clients match on it. `message` is for people: what happened, to what, what to do.
"""


class BoxError(Exception):
    """An error with a stable `code`, a `message` for people, and where it is: `field` and `row`.

    `field` names the field of the request or the column of the file; `row` counts from 1.
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        row: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.field = field
        self.row = row


class InputError(BoxError):
    code = "invalid"


class PlanLimitError(InputError):
    code = "plan_limit"


class NotFoundError(BoxError):
    code = "not_found"


class ConflictError(BoxError):
    code = "conflict"


class AccessError(BoxError):
    code = "unauthorized"


class SettingsError(BoxError):
    code = "settings"


class ProtocolError(BoxError):
    code = "protocol"


class SipError(ProtocolError):
    code = "sip"


class SdpError(ProtocolError):
    code = "sdp"


class RtpError(ProtocolError):
    code = "rtp"


class TrunkError(BoxError):
    code = "trunk"


class SpeechError(BoxError):
    code = "speech"
