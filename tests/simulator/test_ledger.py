from pathlib import Path

from movoice_box.simulator.ledger import DIGIT_SENT, RECEIVED, Ledger, calls_by_number, read_ledger
from tests.builders import START, ManualClock


def test_what_was_noted_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    clock = ManualClock()
    with Ledger(path, clock) as ledger:
        ledger.note(DIGIT_SENT, "call-1", "+919876543210", digits="1")

    (entry,) = read_ledger(path)
    assert (entry.at, entry.event, entry.call_id) == (START, DIGIT_SENT, "call-1")
    assert (entry.number, entry.facts) == ("+919876543210", {"digits": "1"})


def test_each_line_can_be_read_while_more_are_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path, ManualClock()) as ledger:
        ledger.note(RECEIVED, "call-1", "1", method="INVITE")
        assert len(read_ledger(path)) == 1


def test_a_line_that_was_cut_off_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path, ManualClock()) as ledger:
        ledger.note(RECEIVED, "call-1", "1", method="INVITE")
    path.write_text(path.read_text() + '{"at": "2026-')
    assert len(read_ledger(path)) == 1


def test_an_earlier_ledger_is_added_to(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    for _ in range(2):
        with Ledger(path, ManualClock()) as ledger:
            ledger.note(RECEIVED, "call-1", "1", method="INVITE")
    assert len(read_ledger(path)) == 2


def test_a_number_dialled_again_has_two_calls(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path, ManualClock()) as ledger:
        for call_id, number, method in [
            ("a", "1", "INVITE"),
            ("a", "1", "INVITE"),
            ("a", "1", "BYE"),
            ("b", "1", "INVITE"),
            ("c", "2", "INVITE"),
        ]:
            ledger.note(RECEIVED, call_id, number, method=method)
    assert calls_by_number(read_ledger(path)) == {"1": {"a", "b"}, "2": {"c"}}
