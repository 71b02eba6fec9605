"""`movoice-box demo --once`: what a newcomer sees first, checked against the gateway's ledger."""

from pathlib import Path

from movoice_box.simulator.ledger import calls_by_number, read_ledger
from tests.journeys.box import run_command


async def test_the_demo_reaches_every_outcome_and_calls_each_number_once(tmp_path: Path) -> None:
    output = await run_command("demo", "--once", data_dir=tmp_path)
    assert "Rahul Sharma confirmed payment of ₹2500 by April 25." in output
    assert "answered 2 of 3 (67%)" in output
    assert "set-up link:  http://127.0.0.1:" in output
    dialed = calls_by_number(read_ledger(tmp_path / "simulator-ledger.jsonl"))
    assert {number: len(calls) for number, calls in dialed.items()} == {
        "+919876543210": 1,
        "+919876543211": 1,
        "+919876543212": 1,
    }
