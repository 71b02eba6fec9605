from movoice_box.rtp.jitter import DelayEstimate

MS = 8


def second(estimate: DelayEstimate, lags_ms: list[int]) -> None:
    """50 packets with these lags, over and over again."""
    for number in range(50):
        estimate.note(MS * lags_ms[number % len(lags_ms)])
    estimate.review()


def test_the_depth_of_a_calm_network_shrinks_to_one_frame_and_slowly() -> None:
    estimate = DelayEstimate()
    estimate.begin(0)
    depths = []
    for _ in range(8):
        second(estimate, [0])
        depths.append(estimate.depth // MS)

    assert depths == sorted(depths, reverse=True)
    assert (depths[0], depths[-1]) == (60, 20)


def test_the_depth_is_what_almost_every_packet_needs_beyond_the_fastest() -> None:
    estimate = DelayEstimate()
    estimate.begin(1000 * MS)
    for _ in range(10):
        second(estimate, [1000, 1010, 1075, 1020, 1080])

    assert estimate.depth == 80 * MS


def test_one_packet_in_a_hundred_does_not_make_the_others_wait() -> None:
    estimate = DelayEstimate()
    estimate.begin(0)
    for _ in range(10):
        second(estimate, [0] * 24 + [20] * 25)
        estimate.note(150 * MS)

    assert estimate.depth == 20 * MS


def test_a_late_packet_deepens_the_buffer_at_once_and_is_forgotten_slowly() -> None:
    estimate = DelayEstimate()
    estimate.begin(0)
    estimate.note_late(130 * MS)
    assert estimate.depth == 140 * MS

    for _ in range(3):
        second(estimate, [0])
    assert estimate.depth == 100 * MS


def test_the_depth_never_exceeds_200_ms() -> None:
    estimate = DelayEstimate()
    estimate.begin(0)
    for _ in range(10):
        second(estimate, [0, 390])
        estimate.note_late(390 * MS)

    assert estimate.depth == 200 * MS


def test_a_stall_of_the_network_is_no_jitter() -> None:
    estimate = DelayEstimate()
    estimate.begin(0)
    estimate.note_late(3000 * MS)

    assert estimate.depth == 60 * MS
    assert estimate.baseline == 3000 * MS


def test_the_baseline_follows_a_slow_clock_within_ten_seconds() -> None:
    estimate = DelayEstimate()
    estimate.begin(0)
    for _ in range(10):
        second(estimate, [40])

    assert estimate.baseline == 40 * MS
