"""What the contract tests of both drivers share."""

from pathlib import Path
from typing import Any

import pytest

from movoice_box.domain.trunk import TrunkDriver
from movoice_box.sip.trunk import Dialog, DialogEvent, Ended
from tests.sip.drivers import a_driver
from tests.sip.ends import NUMBER, OFFER, events_of

BOTH = [TrunkDriver.NATIVE, TrunkDriver.PYVOIP]
HASTY = {"ring_timeout_s": 1}


def unless_pyvoip(what_happens: str) -> list[Any]:
    """Both drivers; that pyVoIP fails is expected, and if it did not, that would be news."""
    failures = (AssertionError, pytest.fail.Exception, TimeoutError)
    gap = pytest.mark.xfail(strict=True, raises=failures, reason=what_happens)
    return [TrunkDriver.NATIVE, pytest.param(TrunkDriver.PYVOIP, marks=gap)]


async def events_up_to(dialog: Dialog, kind: type[DialogEvent]) -> list[DialogEvent]:
    """What happens before the first event of `kind`."""
    events: list[DialogEvent] = []
    while not isinstance(event := await dialog.next_event(), kind):
        assert not isinstance(event, Ended), event
        events.append(event)
    return events


async def outcome(
    driver: TrunkDriver,
    folder: Path,
    scenario: str,
    account: dict[str, Any] | None = None,
    **options: Any,
) -> Ended:
    """How a call ends that the box leaves alone."""
    async with a_driver(driver, folder, scenario, account, **options) as trunk:
        ended = (await events_of(await trunk.invite(NUMBER, OFFER)))[-1]
    assert isinstance(ended, Ended)
    return ended
