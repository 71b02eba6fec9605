"""The JSON of each webhook event, against its golden file: clients rely on every key."""

import json
from pathlib import Path

from movoice_box.domain.event import call_completed
from tests.builders import Office, a_result

GOLDEN = Path(__file__).parent / "events"


async def test_call_completed_is_the_golden_file(office: Office) -> None:
    batch_id = await office.a_batch()
    (call,) = await office.claim(batch_id)
    body = call_completed(call, a_result(collected={"pays": "yes"}))
    golden = json.loads((GOLDEN / "call.completed.json").read_text(encoding="utf-8"))
    ids = {"batch_id": call.batch_id, "call_id": call.id}
    assert json.loads(json.dumps(body)) == {**golden, **ids}
    assert list(body) == list(golden)
