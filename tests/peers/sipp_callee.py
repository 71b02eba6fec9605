"""What SIPp does in a call that it answered, put together from messages (`answer_then.xml`)."""

SDP = """v=0
o=- 1 {version} IN IP4 [local_ip]
s=-
c=IN IP4 {address}
t=0 0
m=audio {port} RTP/AVP {codec} 101
a=rtpmap:101 telephone-event/8000
a={direction}
"""


def sdp(
    version: int = 2,
    *,
    address: str = "[media_ip]",
    port: int = 6000,
    codec: int = 0,
    direction: str = "sendrecv",
) -> str:
    return SDP.format(version=version, address=address, port=port, codec=codec, direction=direction)


def ask(
    method: str, cseq: int, body: str = "", *, headers: str = "", kind: str = "application/sdp"
) -> str:
    """A request to the box; `headers` are whole lines, `kind` is the body's type."""
    lines = [
        f"{method} [$box] SIP/2.0",
        "Via: SIP/2.0/UDP [local_ip]:[local_port];rport;branch=[branch]",
        "From:[$callee];tag=sipp[call_number]",
        "To:[$caller]",
        "Call-ID: [call_id]",
        f"CSeq: {cseq} {method}",
        "Max-Forwards: 70",
        "Contact: <sip:gateway@[local_ip]:[local_port]>",
        *headers.splitlines(),
        *([f"Content-Type: {kind}"] if body else []),
        "Content-Length: [len]",
        "",
        body,
    ]
    again = "" if method == "ACK" else ' retrans="500"'
    return f"<send{again}><![CDATA[\n" + "\n".join(lines) + "\n]]></send>\n"


def hear(status: int, *checks: tuple[str, str]) -> str:
    """A response that must come; each named header ("" is the body) must match its pattern."""
    return f'<recv response="{status}">{_checked(checks)}</recv>\n'


def wait_for(method: str, *checks: tuple[str, str]) -> str:
    """A request of the box that must come."""
    return f'<recv request="{method}" timeout="15000">{_checked(checks)}</recv>\n'


def say(status: int, *headers: str, body: str = "") -> str:
    """The response to the request that came last."""
    lines = [
        f"SIP/2.0 {status} Because",
        *("[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"),
        "Contact: <sip:gateway@[local_ip]:[local_port]>",
        *headers,
        *(["Content-Type: application/sdp"] if body else []),
        "Content-Length: [len]",
        "",
        body,
    ]
    return "<send><![CDATA[\n" + "\n".join(lines) + "\n]]></send>\n"


def reinvite(cseq: int, body: str = "", answer: str = "") -> str:
    """A re-INVITE that the box takes; `answer` goes into its ACK."""
    return ask("INVITE", cseq, body) + hear(200) + ask("ACK", cseq, answer)


def notify(cseq: int, progress: str, state: str = "active;expires=60") -> str:
    """A report of a transfer, taken by the box."""
    headers = f"Event: refer\nSubscription-State: {state}"
    body = f"SIP/2.0 {progress}\n"
    return ask("NOTIFY", cseq, body, headers=headers, kind="message/sipfrag;version=2.0") + hear(
        200
    )


def pause(milliseconds: int) -> str:
    return f'<pause milliseconds="{milliseconds}"/>\n'


def _checked(checks: tuple[tuple[str, str], ...]) -> str:
    actions = ""
    for number, (header, pattern) in enumerate(checks, 1):
        where = f'search_in="hdr" header="{header}:"' if header else 'search_in="body"'
        actions += f'<ereg regexp="{pattern}" {where} check_it="true" assign_to="f{number}"/>'
        actions += f'<log message="[$f{number}]"/>'
    return f"<action>{actions}</action>" if actions else ""


OUR_BYE = wait_for("BYE") + say(200)
"""The box hangs up."""
