"""How cost and pacing change with the number of calls, as an SVG."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from movoice_box.bench.trunk import TrunkMeasure

_WIDTH, _PANEL = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 40, 46
_COLOURS = {"native": "#1f6feb", "pyvoip": "#d1242f", "sipp": "#57606a"}
_GOAL = "#1a7f37"
_MOST_TICKS = 6
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:14px;font-weight:600}"
    ".grid{stroke:#d0d7de;stroke-width:1}polyline.goal{stroke-dasharray:6 4}"
    "polyline{fill:none;stroke-width:2}"
)


@dataclass(frozen=True, slots=True)
class _Panel:
    """One diagram; values above `most` are drawn at its upper edge."""

    title: str
    value: Callable[[TrunkMeasure], float]
    most: float
    goal: tuple[Callable[[int], float], str]


def chart(measures: Sequence[TrunkMeasure], subtitle: str) -> str:
    """CPU and interval error over the number of calls, a line for each driver."""
    measures = [measure for measure in measures if measure.established]
    panels = (
        _Panel(
            "CPU, % of one core",
            lambda measure: measure.cpu_percent_per_call * measure.established,
            100,
            (lambda calls: 0.1 * calls, "0.1 % a call"),
        ),
        _Panel(
            "p99 of |interval - 20 ms|, ms",
            lambda measure: measure.interval_error_p99_ms,
            25,
            (lambda _calls: 5, "5 ms"),
        ),
    )
    height = 2 * _PANEL + 30
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
        f"<style>{_STYLE}</style>"
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
        + "".join(
            f'<g transform="translate(0,{top * _PANEL})">{drawn}</g>'
            for top, drawn in enumerate(_draw(panel, measures) for panel in panels)
        )
        + f'<text x="{_LEFT}" y="{height - 10}">{subtitle}</text></svg>\n'
    )


class _Plot:
    """The plane of one panel: calls to the right, values upwards."""

    def __init__(self, panel: _Panel, most_calls: int) -> None:
        self._panel = panel
        self._most_calls = most_calls

    def x(self, calls: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * calls / self._most_calls

    def y(self, value: float) -> float:
        share = min(value, self._panel.most) / self._panel.most
        return _TOP + (_PANEL - _TOP - _BOTTOM) * (1 - share)

    def axes(self) -> str:
        parts = [f'<text class="title" x="{_LEFT}" y="20">{self._panel.title}</text>']
        for value in _ticks(self._panel.most):
            y = self.y(value)
            parts.append(
                f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
                f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
            )
        below = _PANEL - _BOTTOM + 18
        for calls in _ticks(self._most_calls):
            parts.append(
                f'<text x="{self.x(calls):.1f}" y="{below}" text-anchor="middle">{calls:g}</text>'
            )
        parts.append(
            f'<text x="{_WIDTH / 2}" y="{_PANEL - 10}" text-anchor="middle">'
            "simultaneous calls with two-way RTP</text>"
        )
        return "".join(parts)

    def goal(self) -> str:
        limit, _ = self._panel.goal
        ends = (0, self._most_calls)
        return _line("goal", [(self.x(calls), self.y(limit(calls))) for calls in ends], _GOAL)

    def curve(self, runs: Sequence[TrunkMeasure], colour: str) -> str:
        points = sorted((self.x(run.calls), self.y(self._panel.value(run))) for run in runs)
        return _line("", points, colour) + "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points
        )


def _draw(panel: _Panel, measures: Sequence[TrunkMeasure]) -> str:
    plot = _Plot(panel, max(measure.calls for measure in measures))
    drivers = dict.fromkeys(measure.driver for measure in measures)
    curves = [
        plot.curve([run for run in measures if run.driver == driver], _COLOURS[driver])
        for driver in drivers
    ]
    legend = [(driver, _COLOURS[driver]) for driver in drivers] + [(panel.goal[1], _GOAL)]
    return "".join([plot.axes(), plot.goal(), *curves, _legend(legend)])


def _legend(entries: Sequence[tuple[str, str]]) -> str:
    first = _WIDTH - _RIGHT - 100 * len(entries)
    return "".join(
        f'<text x="{first + 100 * number}" y="20" style="fill:{colour}">&#9632; {name}</text>'
        for number, (name, colour) in enumerate(entries)
    )


def _line(kind: str, points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{kind}" stroke="{colour}" points="{path}"/>'


def _ticks(most: float) -> list[float]:
    """Round values from 0 to `most`, at most six of them beside the zero."""
    for exponent in count(-3):
        for factor in (1, 2, 2.5, 5):
            step = factor * 10.0**exponent
            if most / step <= _MOST_TICKS:
                return [step * number for number in range(int(most / step) + 1)]
    return []
