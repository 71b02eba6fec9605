"""What was measured, as text: medians over the runs, and how the drivers compare."""

from collections.abc import Iterable, Sequence
from statistics import median

from movoice_box.bench.fuzz import FuzzReport
from movoice_box.bench.setups import SetupMeasure
from movoice_box.bench.trunk import TrunkMeasure
from movoice_box.domain.trunk import TrunkDriver

_CALLS_HEAD = (
    *("driver", "runs", "established", "packets/s", "slowest"),
    *("p99 |interval - 20 ms|", "CPU a call"),
)
_SETUPS_HEAD = (*("driver", "asked for", "established", "took", "delay", "p99 delay", "CPU"),)


def calls_table(measures: Sequence[TrunkMeasure]) -> str:
    """A row for each driver and number of calls."""
    rows: list[Sequence[str]] = [_CALLS_HEAD]
    for driver, calls in dict.fromkeys((measure.driver, measure.calls) for measure in measures):
        runs = [run for run in measures if (run.driver, run.calls) == (driver, calls)]
        rows.append(
            (
                driver,
                str(len(runs)),
                f"{median(run.established for run in runs):g} of {calls}",
                f"{median(run.packets_per_second for run in runs):.1f}",
                f"{median(run.slowest_packets_per_second for run in runs):.1f}",
                f"{median(run.interval_error_p99_ms for run in runs):.1f} ms",
                f"{median(run.cpu_percent_per_call for run in runs):.3f} %",
            )
        )
    return _aligned(rows)


def setups_table(measures: Iterable[SetupMeasure]) -> str:
    rows: list[Sequence[str]] = [_SETUPS_HEAD]
    rows += [
        (
            measure.driver,
            f"{measure.attempted} at {measure.per_second:g}/s",
            str(measure.established),
            f"{measure.lasted_s:.1f} s",
            f"{measure.delay_median_ms:.0f} ms",
            f"{measure.delay_p99_ms:.0f} ms",
            f"{measure.cpu_percent:.1f} %",
        )
        for measure in measures
    ]
    return _aligned(rows)


def ratios(measures: Sequence[TrunkMeasure]) -> list[str]:
    """A line for each other driver that had calls: how the native one compares."""
    by_driver: dict[str, list[TrunkMeasure]] = {}
    for measure in measures:
        if measure.established:
            by_driver.setdefault(measure.driver, []).append(measure)
    native = by_driver.pop(TrunkDriver.NATIVE, [])
    if not native:
        return []
    return [
        f"native / {driver}: {_cpu(native) / _cpu(runs):.2f} of the CPU a call, "
        f"{_error(native) / _error(runs):.2f} of the p99 interval error, "
        f"{_rate(native) / _rate(runs):.2f} of the packets"
        for driver, runs in by_driver.items()
        if _cpu(runs) and _error(runs) and _rate(runs)
    ]


def fuzz_table(report: FuzzReport) -> str:
    """What was sent, and what became of the box."""
    sent = sum(report.sent.values())
    rows = [(kind, f"{count:,}") for kind, count in sorted(report.sent.items())]
    rows += [
        ("sent in all", f"{sent:,} in {report.seconds:.0f} s ({sent / report.seconds:,.0f}/s)"),
        ("left out, for any far end may end a call so", f"{report.left_out:,}"),
        ("dropped by the kernel, unread", f"{report.dropped:,}"),
        ("errors in the log", f"{len(report.errors)}"),
        ("warnings in the log", f"{report.warnings:,}"),
        (
            "calls that were up to the end, and heard the key",
            f"{report.survived} of {report.calls}",
        ),
        ("packets/s that each callee heard then", _spread(report.heard, "")),
        ("calls that were fair game", f"{report.fair_game}"),
        ("most calls to one number", f"{report.most_dials}"),
        (
            "memory before, after, at most",
            f"{report.memory_before:.1f}, {report.memory_after:.1f}, {report.memory_peak:.1f} MB",
        ),
        ("event loop late by", _spread(report.lag_ms, " ms")),
        ("an honest OPTIONS took", _spread(report.probe_ms, " ms")),
        ("never answered", f"{report.unanswered}"),
    ]
    return _aligned(rows)


def _spread(values: Sequence[float], unit: str) -> str:
    """Median, p99 and greatest of sorted values."""
    if not values:
        return "-"
    p99 = values[int(0.99 * len(values))]
    return f"{median(values):.1f}{unit}, p99 {p99:.1f}{unit}, at most {values[-1]:.1f}{unit}"


def _cpu(runs: Sequence[TrunkMeasure]) -> float:
    return median(run.cpu_percent_per_call for run in runs)


def _error(runs: Sequence[TrunkMeasure]) -> float:
    return median(run.interval_error_p99_ms for run in runs)


def _rate(runs: Sequence[TrunkMeasure]) -> float:
    return median(run.packets_per_second for run in runs)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
