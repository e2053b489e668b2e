"""The "first release" column of the performance budget, held against what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.bench.measured import Measured

Results = Mapping[str, Measured]

# Where a line is a ratio to a reference build, and that was not run, this stands in for it.
_NAIVE_CPU_MS: Final = 15.0
_NAIVE_RATE: Final = 120.0
_SUSTAINED: Final = 174.0
_MEGABYTES: Final = 250.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A line of the budget. ``met`` is ``None`` if it was not measured."""

    label: str
    wanted: str
    got: str
    met: bool | None


def judge(results: Results) -> list[Verdict]:
    """Return the budget's lines, in its order."""
    return [line(results) for line in _LINES]


def _value(results: Results, measurement: str, figure: str) -> float | None:
    found = results.get(measurement)
    if found is None or found.faults or figure not in found.figures:
        return None
    return found.figures[figure].value


def _line(
    label: str,
    wanted: str,
    got: Sequence[float | None],
    shown: str,
    *,
    limits: Sequence[float],
    at_least: bool = False,
) -> Verdict:
    """Judge values by their limits; the first is a floor if ``at_least``."""
    values = [value for value in got if value is not None]
    if len(values) < len(got):
        return Verdict(label, wanted, "not measured", None)
    floors = [at_least, *(False for _ in values[1:])]
    met = all(
        value >= limit if floor else value <= limit
        for value, limit, floor in zip(values, limits, floors, strict=True)
    )
    return Verdict(label, wanted, shown.format(*values), met)


def _cpu(results: Results) -> Verdict:
    naive = _value(results, "naive", "cpu_ms")
    limit = (naive or _NAIVE_CPU_MS) / 3
    wanted = f"<= {limit:.1f} ms (1/3 N)" if naive else f"<= {limit:.0f} ms (N not measured)"
    got = (_value(results, "saturation", "cpu_ms"),)
    return _line("CPU per job at saturation", wanted, got, "{:.2f} ms", limits=[limit])


def _rate(results: Results) -> Verdict:
    naive = _value(results, "naive", "rate")
    limit = 2.5 * (naive or _NAIVE_RATE)
    wanted = f">= {limit:.0f}/s (2.5 N)" if naive else f">= {limit:.0f}/s (N not measured)"
    got = (_value(results, "saturation", "rate"),)
    label = "complete jobs, 0 s model"
    return _line(label, wanted, got, "{:.0f}/s", limits=[limit], at_least=True)


def _sustained(results: Results) -> Verdict:
    got = (_value(results, "sustained", "added_p99"),)
    label, wanted = f"{_SUSTAINED:.0f}/s sustained, 2 s model", "none lost, p99 <= 250 ms"
    found = results.get("sustained")
    if found is not None and found.faults:
        return Verdict(label, wanted, "jobs were lost", met=False)
    return _line(label, wanted, got, "none lost, p99 {:.0f} ms", limits=[250])


def _added(results: Results) -> Verdict:
    got = tuple(_value(results, "sustained", f"added_p{p}") for p in (50, 99))
    return _line(
        f"added latency at {_SUSTAINED:.0f}/s, p50 / p99",
        "<= 20 / 80 ms",
        got,
        "{:.1f} / {:.1f} ms",
        limits=[20, 80],
    )


def _in_flight(results: Results) -> Verdict:
    got = tuple(_value(results, "in_flight", name) for name in ("in_flight", "rss"))
    return _line(
        "calls in flight, one worker process",
        f">= 1000 at <= {_MEGABYTES:.0f} MB",
        got,
        "{:.0f} at {:.0f} MB",
        limits=[1000, _MEGABYTES],
        at_least=True,
    )


def _loop_lag(results: Results) -> Verdict:
    got = (_value(results, "in_flight", "loop_lag_p99"),)
    return _line(
        "the worker's loop late, 1000 calls, p99", "<= 50 ms", got, "{:.0f} ms", limits=[50]
    )


def _submits(results: Results) -> Verdict:
    got = tuple(_value(results, "submits", name) for name in ("rate", "accepted_p99"))
    return _line(
        "durable submits, one API process",
        ">= 1500/s, p99 <= 100 ms",
        got,
        "{:.0f}/s, p99 {:.0f} ms",
        limits=[1500, 100],
        at_least=True,
    )


def _bulk(results: Results) -> Verdict:
    got = tuple(_value(results, "bulk", name) for name in ("call_p50", "call_p99"))
    return _line(
        "1,000 jobs in one call, p50 / p99",
        "<= 250 / 250 ms",
        got,
        "{:.0f} / {:.0f} ms",
        limits=[250, 250],
    )


def _release(results: Results) -> Verdict:
    got = (_value(results, "release", "ratio"),)
    return _line(
        "release rate, 1 M queued against 10 k",
        ">= 0.67",
        got,
        "{:.2f}",
        limits=[0.67],
        at_least=True,
    )


def _watchers(results: Results) -> Verdict:
    got = tuple(_value(results, "watchers", name) for name in ("each_p95", "one_p95", "rss"))
    return _line(
        "500 watchers, commit to client p95; memory",
        "<= 250 ms, <= 60 MB",
        got,
        "{:.0f} ms each, {:.0f} ms all of one; {:.0f} MB",
        limits=[250, 250, 60],
    )


def _idle_cpu(results: Results) -> Verdict:
    got = (_value(results, "idle_cpu", "busiest"),)
    return _line("idle CPU, busiest process", "<= 1 %", got, "{:.2f} %", limits=[1])


def _idle_start(results: Results) -> Verdict:
    got = tuple(_value(results, "idle", f"start_p{p}") for p in (50, 99))
    return _line(
        "idle: submit to provider call, p50 / p99",
        "<= 15 / 60 ms",
        got,
        "{:.1f} / {:.1f} ms",
        limits=[15, 60],
    )


_LINES: Final = (
    _cpu,
    _rate,
    _sustained,
    _added,
    _in_flight,
    _loop_lag,
    _submits,
    _bulk,
    _release,
    _watchers,
    _idle_cpu,
    _idle_start,
)
