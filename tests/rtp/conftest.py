"""A session that a test ticks by hand."""

from collections.abc import AsyncIterator

import pytest

from movoice_box.rtp.session import RtpSession
from movoice_box.rtp.ticker import Ticker
from tests.rtp.ends import HandTicker, a_session


@pytest.fixture
def ticker() -> HandTicker:
    return HandTicker()


@pytest.fixture
async def session(ticker: Ticker) -> AsyncIterator[RtpSession]:
    session = a_session(ticker)
    yield session
    await session.close()
