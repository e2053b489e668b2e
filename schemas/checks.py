"""What is kept of each check of an attempt: scores and what led to them, never any text."""

from collections.abc import Mapping
from typing import Any

from schemas.policy_thresholds import LOWEST
from schemas.safety import Action, Verdict
from schemas.verdict_json import verdict_facts

# Of a digest, what tells policies apart among those of one tenant.
_SHORT = 12


def check_facts(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as ``attempt.checks`` keeps it.

    All of it, if it is more than to let pass; else what a policy can be tried on anew: the
    scores, how much was understood, who did not answer.
    """
    if verdict.action > Action.ALLOW:
        return verdict_facts(verdict)
    facts: dict[str, Any] = {
        "verdict": verdict.action.word,
        "categories": {
            name: score for name, score in sorted(verdict.categories.items()) if score >= LOWEST
        },
        "coverage": verdict.coverage.value,
        "policy": verdict.policy.digest[:_SHORT],
    }
    silent = [
        {"detector": run.detector, "version": run.version, "note": run.note}
        for run in verdict.detectors
        if run.note not in {None, "skipped"}
    ]
    return facts | ({"detectors": silent} if silent else {})


def job_verdict(stage: str, verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as ``job.verdict`` keeps it: with the stage that it is of."""
    return {"stage": stage, **verdict_facts(verdict)}


def gravest(verdicts: Mapping[str, Verdict]) -> tuple[str, Verdict] | None:
    """Return the gravest of several stages' verdicts, the latest of equals.

    ``None`` if all of them let the job pass.
    """
    stage, verdict = max(
        reversed(list(verdicts.items())), key=lambda one: one[1].action, default=("", None)
    )
    if verdict is None or verdict.action is Action.ALLOW:
        return None
    return stage, verdict
