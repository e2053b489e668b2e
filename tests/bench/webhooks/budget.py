"""The budget of delivery, held against what one run measured."""

from collections.abc import Mapping
from typing import Final

from tests.bench.budget import Verdict
from tests.bench.measured import Measured

_LEAST_OF_BARE: Final = 0.35
_LEAST_RATE: Final = 600.0
_LEAST_BESIDE: Final = 0.9
_P50_MS: Final = 30.0
_P99_MS: Final = 150.0
_MORE_BESIDE: Final = 1.5
_MS_BESIDE: Final = 50.0
_MOST_ATTEMPTS: Final = 60
_MOST_EFFECT: Final = 5.0


def judge(results: Mapping[str, Measured]) -> list[Verdict]:
    """Return the budget's lines; what was not measured is neither met nor missed."""

    def value(measurement: str, figure: str) -> float | None:
        found = results.get(measurement)
        return None if found is None or found.faults else found.figures[figure].value

    bare = [one for name in ("bare", "bare_again") if (one := value(name, "rate"))]
    anchor = sum(bare) / len(bare) if bare else None
    rate, beside = value("healthy", "rate"), value("beside", "rate")
    alone, later = value("latency", "first_byte_p99"), value("latency_beside", "first_byte_p99")
    p50, attempts = value("latency", "first_byte_p50"), value("outage", "attempts")
    effect = value("recovery", "first_byte_p99_effect")
    return [
        _line(
            "healthy deliveries / bare loop (A)", f">= {_LEAST_OF_BARE}",
            None if rate is None or anchor is None else rate / anchor,
            "{:.2f}", at_least=_LEAST_OF_BARE,
        ),
        _line(
            "healthy deliveries", f">= {_LEAST_RATE:.0f}/s", rate, "{:.0f}/s",
            at_least=_LEAST_RATE,
        ),
        _line(
            "the same beside 600 that hang", f">= {_LEAST_BESIDE:.0%}",
            None if rate is None or beside is None else beside / rate,
            "{:.0%}", at_least=_LEAST_BESIDE,
        ),
        _line("commit to first byte, p50", f"<= {_P50_MS:.0f} ms", p50, "{:.1f} ms", _P50_MS),
        _line("commit to first byte, p99", f"<= {_P99_MS:.0f} ms", alone, "{:.1f} ms", _P99_MS),
        _line(
            "  p99 beside those that hang", "<= 1.5 x + 50 ms", later, "{:.1f} ms",
            _MS_BESIDE + _MORE_BESIDE * (alone or 0.0),
        ),
        _line(
            "attempts in an outage of 4 h", f"<= {_MOST_ATTEMPTS}", attempts, "{:.0f}",
            _MOST_ATTEMPTS,
        ),
        _line(
            "p99 beside a recovery", f"<= {_MOST_EFFECT:.0f} % more", effect, "{:+.0f} %",
            _MOST_EFFECT,
        ),
    ]  # fmt: skip


def _line(
    label: str,
    wanted: str,
    got: float | None,
    shown: str,
    at_most: float | None = None,
    *,
    at_least: float | None = None,
) -> Verdict:
    if got is None:
        return Verdict(label, wanted, "not measured", None)
    met = (at_most is None or got <= at_most) and (at_least is None or got >= at_least)
    return Verdict(label, wanted, shown.format(got), met)
