"""The numbers as text for people, and as JSON for machines."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from tests.bench.budget import Verdict
from tests.bench.measured import Figure, Measured

_WIDTH: Final = 44
_RULE: Final = 78


def show_about(about: Mapping[str, str]) -> str:
    """Return the heading: what was measured, where and when."""
    lines = ["genq benchmark", "=" * _RULE]
    return "\n".join(lines + [f"{name:<12} {value}" for name, value in about.items()])


def show_measured(name: str, found: Measured) -> str:
    """Return one measurement."""
    lines = ["", f"[{name}] {found.title}", "-" * _RULE]
    lines += [_figure(figure) for figure in found.figures.values()]
    if found.cpu:
        lines.append(f"  {found.cpu_unit}:")
        ordered = sorted(found.cpu.items(), key=lambda item: -item[1])
        lines += [f"    {process:<{_WIDTH - 2}} {value:>10.3f}" for process, value in ordered]
    lines += [f"  note: {note}" for note in found.notes]
    lines += [f"  FAULT: {fault}" for fault in found.faults]
    return "\n".join(lines)


def show_ratios(results: Mapping[str, Measured]) -> str:
    """Return genq against the reference builds of the same run; empty without them."""
    genq = results.get("saturation")
    if genq is None or genq.faults:
        return ""
    lines: list[str] = []
    naive, celery = results.get("naive"), results.get("celery")
    rate, cpu = genq.figures["rate"].value, genq.figures["cpu_ms"].value
    if naive is not None:
        faster = rate / naive.figures["rate"].value
        cheaper = naive.figures["cpu_ms"].value / cpu
        lines.append(f"  {'complete jobs per second against N':<{_WIDTH}} {faster:>10.2f} x")
        lines.append(f"  {'CPU per job: 1 / n of N, n =':<{_WIDTH}} {cheaper:>10.2f}")
    if celery is not None:
        share = rate / celery.figures["rate"].value
        lines.append(f"  {'complete jobs against C, empty tasks':<{_WIDTH}} {share:>10.2f} x")
    return "\n".join(["", "Ratios inside this run", "-" * _RULE, *lines]) if lines else ""


def show_budget(verdicts: Sequence[Verdict]) -> str:
    """Return the budget's lines and whether they are met."""
    words = {True: "met", False: "MISSED", None: ""}
    lines = ["", "Budget, first release", "=" * _RULE]
    lines += [
        f"{v.label:<40} {v.wanted:<27} {v.got:<25} {words[v.met]}".rstrip() for v in verdicts
    ]
    return "\n".join(lines)


def as_json(
    about: Mapping[str, str], results: Mapping[str, Measured], verdicts: Sequence[Verdict]
) -> bytes:
    """Return all of it for machines."""
    document: dict[str, Any] = {"about": about, "measured": results, "budget": verdicts}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def _figure(figure: Figure) -> str:
    number = f"{figure.value:,.{figure.digits}f}"
    return f"  {figure.label:<{_WIDTH}} {number:>10} {figure.unit}".rstrip()
