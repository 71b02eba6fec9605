"""The offers and answers of one call: who has said what, and what holds now (RFC 3264)."""

from dataclasses import replace

from movoice_box.domain.media import MediaOffer, MediaTarget
from movoice_box.errors import SdpError
from movoice_box.sip.messages import Message, Response
from movoice_box.sip.sdp import LocalMedia, SessionDescription


class MediaNegotiation:
    """Our first offer in `offer_sdp`, then answers to the far end's offers."""

    def __init__(self, offer: MediaOffer, session_id: int) -> None:
        self._local = LocalMedia(offer=offer, session_id=session_id)
        self._said = self.offer_sdp = self._local.write_offer()

    @property
    def said(self) -> bytes:
        """What we described last, to be said again where nothing changes."""
        return self._said

    def read(self, message: Message) -> MediaTarget | None:
        """The far end's media, None where the message has no SDP. Raises `SdpError`."""
        if not message.has_sdp:
            return None
        media = self._local.read(SessionDescription.parse(message.body))
        self._local = replace(self._local, current=media.codec)
        return media

    def read_early(self, response: Response) -> MediaTarget | None:
        """Early media, None where there is none that this box can play."""
        try:
            return self.read(response)
        except SdpError:
            return None

    def answer(self, message: Message) -> bytes:
        """Our SDP for a re-INVITE: the answer to its offer, or our offer where it has none.

        Raises `SdpError`.
        """
        offered = SessionDescription.parse(message.body) if message.has_sdp else None
        said = self._write(offered)
        if said != self._said:  # another description under the same version number
            self._local = replace(self._local, version=self._local.version + 1)
            said = self._said = self._write(offered)
        return said

    def _write(self, offered: SessionDescription | None) -> bytes:
        return self._local.write_answer(offered) if offered else self._local.write_offer()
