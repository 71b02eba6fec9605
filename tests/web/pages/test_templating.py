from datetime import UTC, datetime

import pytest

from movoice_box.settings import Settings
from movoice_box.web.pages.templating import (
    duration,
    opinion,
    percent,
    sentence,
    template_config,
    tone,
    with_variables,
    words,
)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (None, "–"),  # noqa: RUF001
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (59.6, "1 min 0 s"),
        (83, "1 min 23 s"),
        (3700, "1 h 1 min"),
    ],
)
def test_durations_are_read_at_a_glance(seconds: float | None, written: str) -> None:
    assert duration(seconds) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [(None, "–"), (0.0, "0 %"), (0.6667, "66.7 %"), (1.0, "100 %")],  # noqa: RUF001
)
def test_shares_are_percent(share: float | None, written: str) -> None:
    assert percent(share) == written


def test_states_are_words() -> None:
    assert words("UNKNOWN_AFTER_RESTART") == "Unknown after restart"
    assert sentence("no trunk is enabled") == "No trunk is enabled."
    assert sentence("Really?") == "Really?"


def test_outcomes_of_a_talk_and_of_the_network_differ_in_colour() -> None:
    outcomes = ["BOOKED", "HUNG_UP", "OPTED_OUT", "BUSY", "NO_ANSWER", "FAILED", "INVALID_NUMBER"]
    assert [tone(outcome) for outcome in outcomes] == [
        *("primary", "info", "warning", "quiet", "quiet", "danger", "danger")
    ]


@pytest.mark.parametrize(
    ("mos", "word"),
    [(4.5, "good"), (4.0, "good"), (3.9, "fair"), (3.1, "fair"), (3.0, "poor"), (1.0, "poor")],
)
def test_an_opinion_score_is_a_word(mos: float, word: str) -> None:
    assert opinion(mos) == word


def test_variables_are_marked_and_the_rest_is_text() -> None:
    marked = with_variables("Hello {{ name }}, <b>you</b> owe {{amount_due}}.")
    assert marked == (
        'Hello <span class="variable">name</span>, &lt;b&gt;you&lt;/b&gt; owe '
        '<span class="variable">amount_due</span>.'
    )


def test_times_are_in_the_owners_zone() -> None:
    engine = template_config(Settings()).engine_instance.engine
    moment = datetime(2026, 4, 20, 19, 0, tzinfo=UTC)
    written = engine.from_string("{{ moment | when }}").render(moment=moment)
    assert written == '<time datetime="2026-04-20T19:00:00+00:00">21 Apr 2026, 00:30</time>'
