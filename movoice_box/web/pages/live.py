"""Streams that keep a page alive (Server-Sent Events, WHATWG HTML 9.2).

A page listens to one stream; the stream tells it what to draw again, or that it may stop listening.
"""

from collections.abc import AsyncIterator

from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from movoice_box.web.pages.view import PageRequest, csrf_of

Message = ServerSentEventMessage

PAUSE_S = 0.5  # a page is drawn at most twice a second
QUIET_S = 15.0  # then a comment is sent, so that a browser that went away is noticed


def stream(messages: AsyncIterator[Message]) -> ServerSentEvent:
    return ServerSentEvent(messages)


def part(request: PageRequest, event: str, template: str, **context: object) -> Message:
    """The event that replaces a part of the page."""
    engine = request.app.template_engine
    assert engine is not None  # noqa: S101 - the site has one
    csrf = csrf_of(request)
    html = engine.get_template(template).render({**context, "csrf": csrf})
    return Message(data=html, event=event)


def signal(event: str) -> Message:
    """The event that lets parts of the page fetch themselves anew."""
    return Message(data="now", event=event)


def still_here() -> Message:
    return Message(data=None, comment="still here")
