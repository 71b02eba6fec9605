from movoice_box.rtp.sequence import Arrival, SequenceTracker


def placed(*sequence_numbers: int) -> tuple[SequenceTracker, list[Arrival]]:
    tracker = SequenceTracker()
    tracker.restart(sequence_numbers[0])
    return tracker, [tracker.place(number) for number in sequence_numbers]


def test_numbers_wrap_without_a_loss() -> None:
    tracker, arrivals = placed(65534, 65535, 0, 1)

    assert arrivals == [Arrival.NEWEST] * 4
    assert tracker.lost == 0


def test_a_gap_is_lost_until_the_packet_comes_after_all() -> None:
    tracker, _ = placed(10, 11, 13, 14)
    assert tracker.lost == 1

    assert tracker.place(12) is Arrival.REORDERED
    assert tracker.lost == 0


def test_a_repeat_is_a_duplicate_and_hides_no_loss() -> None:
    tracker, arrivals = placed(10, 11, 11, 10, 13)

    assert arrivals[2:4] == [Arrival.DUPLICATE] * 2
    assert (tracker.received, tracker.duplicates, tracker.lost) == (5, 2, 1)


def test_a_repeat_of_a_reordered_packet_is_a_duplicate() -> None:
    _, arrivals = placed(10, 12, 11, 11)

    assert arrivals[2:] == [Arrival.REORDERED, Arrival.DUPLICATE]


def test_a_wild_jump_is_believed_when_the_next_packet_follows_on_it() -> None:
    _, arrivals = placed(10, 40_000, 40_001, 40_002)

    assert arrivals == [Arrival.NEWEST, Arrival.UNPROVEN, Arrival.NEWEST, Arrival.NEWEST]


def test_a_stray_packet_does_not_move_the_count() -> None:
    tracker, arrivals = placed(10, 40_000, 11, 12)

    assert arrivals == [Arrival.NEWEST, Arrival.UNPROVEN, Arrival.NEWEST, Arrival.NEWEST]
    assert tracker.lost == 0


def test_every_number_of_a_long_call_is_counted_once() -> None:
    tracker, arrivals = placed(*[number % 65536 for number in range(60_000, 200_000)])

    assert set(arrivals) == {Arrival.NEWEST}
    assert (tracker.received, tracker.lost) == (140_000, 0)
