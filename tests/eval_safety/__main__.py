"""Judges every prompt of the sets and prints how well: `make eval-safety`.

Exit code 1 if a goal is missed, with the goal and the figure.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from schemas.safety import Action
from tests.eval_safety.cases import BLOCK, HELD_OUT, UNSEEN, Case, read_cases
from tests.eval_safety.figures import LABELS, Figures, figures
from tests.eval_safety.goals import GAP, JUDGEMENT, SHARES, SPEED, Goal, missed
from tests.eval_safety.pipeline import judge
from tests.eval_safety.speed import measure
from tests.eval_safety.tricks import TRICKS

_VERDICTS: Final = ("allow", "flag", "review", "block")
_DEVELOPMENT: Final = Path("../shared/data/safety_cases.jsonl")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print tables; return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -P -m tests.eval_safety")
    parser.add_argument("cases", type=Path, nargs="?", default=_DEVELOPMENT)
    parser.add_argument("--no-speed", action="store_true", help="judge only")
    told = parser.parse_args(arguments)
    if told.cases.exists():
        _judge(told.cases.name, read_cases(told.cases))
    else:
        _say(f"\n{told.cases.name}: not there, left out")
    both: list[Case] = []
    for path in (HELD_OUT, UNSEEN):
        _judge(path.name, read_cases(path))
        both += read_cases(path)
    faults = _hold("both held-out sets together", both)
    if not told.no_speed:
        faults += _compare("speed, on this machine", measure(), SPEED)
    _say("\n" + ("\n".join(f"MISSED: {fault}" for fault in faults) or "every goal is met"))
    return 1 if faults else 0


def _judge(name: str, cases: Sequence[Case]) -> Figures:
    """Print how one set is judged. Alone it is too small for its rates to be held to goals."""
    found = figures(cases, judge([case.text for case in cases]))
    _say(f"\n{name}: {len(cases)} prompts, level standard, offline")
    _confusion(found)
    _say("  not allowed, of the harmful: " + _by_category(found))
    _compare(f"rates, over {name}", found.rates, {})
    return found


def _hold(name: str, cases: Sequence[Case]) -> list[str]:
    found = _judge(name, cases)
    return _compare(f"goals, over {name}", {**found.rates, GAP: _gap(cases)}, JUDGEMENT)


def _confusion(found: Figures) -> None:
    _say(f"  {'label':8}" + "".join(f"{verdict:>8}" for verdict in _VERDICTS))
    for label in LABELS:
        counts = [found.confusion.get((label, verdict), 0) for verdict in _VERDICTS]
        _say(f"  {label:8}" + "".join(f"{count:8}" for count in counts))


def _by_category(found: Figures) -> str:
    return ", ".join(f"{name} {caught}/{of}" for name, (caught, of) in found.recall.items())


def _gap(cases: Sequence[Case]) -> float:
    """Return by how many points of recall the best trick is better than none."""
    plain = [case.text for case in cases if case.label == BLOCK]
    usual = _recall(plain)
    tricked = {name: _recall([trick(t) for t in plain]) for name, trick in TRICKS.items()}
    figures = ", ".join(f"{name} {share:.1%}" for name, share in tricked.items())
    _say(f"  not allowed, plain {usual:.1%}; disguised: {figures}")
    return (usual - min(tricked.values())) * 100


def _recall(texts: Sequence[str]) -> float:
    return sum(verdict.action > Action.ALLOW for verdict in judge(texts)) / max(1, len(texts))


def _compare(title: str, figures: Mapping[str, float], goals: Mapping[str, Goal]) -> list[str]:
    _say(f"  {title}")
    for name, figure in figures.items():
        goal = goals.get(name)
        shown = f"{figure:.1%}" if name in SHARES else f"{figure:.3g}"
        met = goal is None or goal.is_met(figure)
        told = "" if goal is None else f"   goal {goal}{'' if met else '  MISSED'}"
        _say(f"    {name:26}{shown:>8}{told}")
    return missed(figures, goals)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
