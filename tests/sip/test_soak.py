"""Nothing is left of calls, however they end."""

from pathlib import Path

import pytest

from tests.sip.ends import HASTY, an_endpoint, true_soon
from tests.sip.soak import Holdings, a_soak, run

pytestmark = pytest.mark.peer


async def assert_nothing_is_left(
    folder: Path, calls: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        an_endpoint(HASTY) as endpoint,
        a_soak(folder, endpoint, seed=1, calls=calls) as soak,
    ):
        before = Holdings.of(endpoint)
        await run(soak, folder, calls, every_s=0.04)
        await true_soon(lambda: Holdings.of(endpoint).is_within(before))

    assert sum(soak.ends.values()) >= calls
    assert {"answered", "busy", "canceled", "failed"} <= soak.ends.keys()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_short_calls_leave_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await assert_nothing_is_left(tmp_path, 80, caplog)


@pytest.mark.slow
async def test_two_thousand_calls_leave_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await assert_nothing_is_left(tmp_path, 2000, caplog)
