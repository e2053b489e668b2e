"""Verdicts as JSON: what is kept with a job and shown to its owner; never any of its text."""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.policy_thresholds import LOWEST
from schemas.safety import Action, Coverage, DetectorRun, Finding, Verdict


def verdict_facts(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON: the same verdict is the same bytes, however long it took.

    Scores below every possible threshold are left out.
    """
    return {
        "verdict": verdict.action.word,
        "is_safe": verdict.is_safe,
        "violations": list(verdict.violations),
        "confidence": verdict.confidence,
        "categories": {
            name: score for name, score in sorted(verdict.categories.items()) if score >= LOWEST
        },
        "reasons": [
            {
                "rule": reason.rule,
                "category": reason.category,
                "action": reason.action.word,
                "detector": reason.detector,
                "score": reason.score,
                "threshold": reason.threshold,
                "text": reason.text,
            }
            for reason in verdict.reasons
        ],
        "redactions": [
            {"category": one.category, "start": one.span.start, "end": one.span.end}
            for one in verdict.redactions
        ],
        "coverage": verdict.coverage.value,
        "policy": {
            "name": verdict.policy.name,
            "version": verdict.policy.version,
            "digest": verdict.policy.digest,
            "level": verdict.policy.level,
        },
        "detectors": [
            {"detector": run.detector, "version": run.version}
            | ({"note": run.note} if run.note else {})
            for run in verdict.detectors
        ],
        "input_digest": verdict.input_digest,
    }


def action_of(facts: Mapping[str, Any]) -> Action:
    """Return what a verdict led to, of its JSON."""
    return Action[str(facts["verdict"]).upper()]


def findings_of(facts: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what a verdict's JSON still knows of what was found, to decide on it anew."""
    listed = {
        reason["category"]: reason
        for reason in facts.get("reasons", ())
        if reason["detector"] == "HashListDetector"
    }
    for category, score in facts["categories"].items():
        reason = listed.get(category)
        if reason is None:
            yield Finding("", "", category, score)
        else:
            told = {"action": reason["action"]}
            yield Finding(reason["detector"], "", category, reason["score"], evidence=told)


def runs_of(facts: Mapping[str, Any]) -> list[DetectorRun]:
    """Return who looked, of a verdict's JSON."""
    return [
        DetectorRun(run["detector"], run["version"], run.get("note"))
        for run in facts.get("detectors", ())
    ]


def coverage_of(facts: Mapping[str, Any]) -> Coverage:
    """Return how much was understood, of a verdict's JSON."""
    return Coverage(facts["coverage"])
