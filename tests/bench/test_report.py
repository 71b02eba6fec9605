from dataclasses import replace
from xml.etree import ElementTree

import pytest

from movoice_box.bench.chart import chart
from movoice_box.bench.report import calls_table, ratios, setups_table
from movoice_box.bench.setups import SetupMeasure
from movoice_box.bench.trunk import TrunkMeasure

NATIVE = TrunkMeasure(
    driver="native",
    calls=200,
    established=200,
    packets_per_second=50.0,
    slowest_packets_per_second=49.9,
    interval_error_p99_ms=2.0,
    cpu_percent_per_call=0.08,
)
PYVOIP = replace(NATIVE, driver="pyvoip", packets_per_second=40.0, cpu_percent_per_call=0.8)
SVG = "{http://www.w3.org/2000/svg}"


def test_the_table_gives_the_median_of_each_driver() -> None:
    runs = [replace(NATIVE, interval_error_p99_ms=p99) for p99 in (1.0, 90.0, 2.5)]
    other = replace(PYVOIP, established=150, packets_per_second=30.25)

    head, *rows = calls_table([*runs, other]).splitlines()
    assert "p99 |interval - 20 ms|" in head
    assert [" ".join(row.split()) for row in rows] == [
        "native 3 200 of 200 50.0 49.9 2.5 ms 0.080 %",
        "pyvoip 1 150 of 200 30.2 49.9 2.0 ms 0.800 %",
    ]


def test_numbers_of_calls_have_rows_of_their_own() -> None:
    rows = calls_table([NATIVE, replace(NATIVE, calls=500, established=500)]).splitlines()[1:]

    assert [row.split()[2:5] for row in rows] == [["200", "of", "200"], ["500", "of", "500"]]


def test_the_native_driver_is_compared_with_each_other_one() -> None:
    assert ratios([NATIVE, PYVOIP]) == [
        "native / pyvoip: 0.10 of the CPU a call, 1.00 of the p99 interval error, "
        "1.25 of the packets"
    ]


@pytest.mark.parametrize("measures", [[PYVOIP], [NATIVE, replace(PYVOIP, established=0)], []])
def test_there_is_no_comparison_with_nothing(measures: list[TrunkMeasure]) -> None:
    assert ratios(measures) == []


def test_the_table_of_set_ups() -> None:
    measure = SetupMeasure(
        driver="native",
        per_second=50,
        attempted=3000,
        established=2999,
        delay_median_ms=3.6,
        delay_p99_ms=11.2,
        lasted_s=60.25,
        cpu_percent=21.5,
    )

    row = "native 3000 at 50/s 2999 60.2 s 4 ms 11 ms 21.5 %"
    assert setups_table([measure]).splitlines()[1].split() == row.split()


def test_the_chart_has_a_curve_for_each_driver_and_the_goal() -> None:
    measures = [replace(NATIVE, calls=calls, established=calls) for calls in (1, 500, 1000)]
    drawn = ElementTree.fromstring(chart([*measures, PYVOIP], "one run"))  # noqa: S314 (our own)

    curves = list(drawn.iter(f"{SVG}polyline"))
    assert len(curves) == 2 * 3
    assert len(list(drawn.iter(f"{SVG}circle"))) == 2 * 4
    words = [text.text or "" for text in drawn.iter(f"{SVG}text")]
    assert {"1000", "one run", "CPU, % of one core"} <= set(words)
    points = [float(pair.split(",")[1]) for pair in curves[1].attrib["points"].split()]
    assert points == sorted(points, reverse=True)
