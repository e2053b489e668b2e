"""What is to happen: findings and a policy make one verdict.

Pure: the same findings give the same verdict, to the byte, in whatever order they come. So a
policy can be tried on what was found in the past.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from infra.safety.reasons import because, help_of
from schemas.policy import CategoryRule, Policy
from schemas.policy_category import DataAction
from schemas.safety import (
    Action,
    Coverage,
    DetectorRun,
    Finding,
    Reason,
    Redaction,
    Stage,
    Verdict,
)

PLACES: Final = 4
"""Decimals of a score: the same on every machine."""
LIMIT: Final = "limits."
"""What the categories of findings begin with that a limit of the policy made."""
HASH_LISTS: Final = "HashListDetector"
_CERTAIN_ENOUGH: Final = 0.5
# What a tenant calls a category of its own would be words in a prompt that nobody judged.
_NAMED: Final = frozenset({"card", "email", "gov_id", "iban", "ip", "phone", "secret"})
_UNNAMED: Final = "[REDACTED]"
_UNANSWERED: Final = frozenset({"timeout", "failed", "open"})

_OF_DATA: Final[Mapping[DataAction, Action]] = MappingProxyType(
    {
        DataAction.ALLOW: Action.ALLOW,
        DataAction.FLAG: Action.FLAG,
        # What was taken out is told: the caller's text is no longer what the model reads.
        DataAction.REDACT: Action.FLAG,
        DataAction.BLOCK: Action.BLOCK,
    }
)


def decide(
    subject_digest: str,
    findings: Iterable[Finding],
    runs: Iterable[DetectorRun],
    policy: Policy,
    *,
    coverage: Coverage = Coverage.FULL,
    stage: Stage | None = None,
    milliseconds: float = 0.0,
) -> Verdict:
    """Return what is to happen.

    Args:
        subject_digest: SHA-256 of what was judged, in hex.
        findings: Of all detectors, in any order.
        runs: Who looked, and who did not.
        policy: What counts.
        coverage: How much was understood.
        stage: Where it was found: some categories count at some stages only. ``None``: they
            count all.
        milliseconds: How long it took, for the record.
    """
    known = sorted(findings, key=_place)
    ran = tuple(sorted(runs, key=lambda run: (run.detector, run.version, run.note or "")))
    reasons = sorted(
        [
            *_found(known, policy, stage),
            *_unanswered(ran, policy),
            *_uncovered(coverage, policy),
        ],
        key=lambda reason: (-reason.action, -reason.score, reason.category, reason.rule),
    )
    action = reasons[0].action if reasons else Action.ALLOW
    categories = _highest(known)
    return Verdict(
        action,
        MappingProxyType(categories),
        tuple(reasons),
        _redactions(known, policy),
        coverage,
        _confidence(action, reasons, categories),
        policy.ref,
        ran,
        subject_digest,
        milliseconds,
    )


def score_of(finding: Finding) -> float:
    """Return a finding's score as it counts: four decimals, 0 to 1; what is no number is 1."""
    if math.isnan(finding.score):
        return 1.0
    return round(min(1.0, max(0.0, finding.score)), PLACES)


def _place(finding: Finding) -> tuple[object, ...]:
    spans = tuple((span.start, span.end) for span in finding.spans)
    listed = str(finding.evidence.get("action", ""))
    return (
        finding.category,
        -score_of(finding),
        finding.detector,
        finding.version,
        listed,
        spans,
    )


def _highest(findings: Sequence[Finding]) -> dict[str, float]:
    # They come by category, the highest score of each first.
    highest: dict[str, float] = {}
    for finding in findings:
        score = score_of(finding)
        if score > 0:
            highest.setdefault(finding.category, score)
    return highest


def _found(
    findings: Sequence[Finding], policy: Policy, stage: Stage | None
) -> Iterator[Reason]:
    gravest: dict[str, Reason] = {}
    for finding in findings:
        reason = _reason(finding, policy, stage)
        before = gravest.get(finding.category)
        if reason and (before is None or reason.action > before.action):
            gravest[finding.category] = reason
    yield from gravest.values()


def _reason(finding: Finding, policy: Policy, stage: Stage | None) -> Reason | None:
    category, score = finding.category, score_of(finding)
    rule = policy.rule(category)
    path, threshold = f"categories.{category}", None
    if category.startswith(LIMIT):
        path, action = category, Action.BLOCK
    elif finding.detector == HASH_LISTS:
        path, action = "detectors.HashListDetector", _listed(finding)
    elif rule.applies_to is not None and stage is not None and stage not in rule.applies_to:
        return None
    elif rule.action is not None:
        action = _OF_DATA[rule.action] if score >= _CERTAIN_ENOUGH else Action.ALLOW
    else:
        action, threshold = rule.thresholds.decide(score)
    if action is Action.ALLOW:
        return None
    text = because(path, category, action, redacted=_redacts(rule)) + help_of(rule.help_text)
    return Reason(path, category, action, finding.detector, score, threshold, text)


def _listed(finding: Finding) -> Action:
    """Return what the list says that knows the picture; a list that says nothing blocks."""
    told = finding.evidence.get("action", Action.BLOCK)
    if isinstance(told, str):
        return Action.__members__.get(told.upper(), Action.BLOCK)
    return Action(told) if told in tuple(Action) else Action.BLOCK


def _unanswered(runs: Sequence[DetectorRun], policy: Policy) -> Iterator[Reason]:
    for run in runs:
        action = policy.on_error(run.detector) if run.note in _UNANSWERED else Action.ALLOW
        if action > Action.ALLOW:
            rule = f"detectors.{run.detector}.on_error"
            text = because(rule, "unchecked", action)
            yield Reason(rule, "unchecked", action, run.detector, 0.0, None, text)


def _uncovered(coverage: Coverage, policy: Policy) -> Iterator[Reason]:
    action = policy.partial_coverage
    if coverage is not Coverage.FULL and action > Action.ALLOW:
        text = because("partial_coverage", "coverage", action)
        yield Reason("partial_coverage", "coverage", action, "", 0.0, None, text)


def _redacts(rule: CategoryRule) -> bool:
    return rule.action is DataAction.REDACT


def _redactions(findings: Sequence[Finding], policy: Policy) -> Sequence[Redaction]:
    """Return what is taken out, by place; of spans that overlap, the first and longest."""
    wanted = [
        Redaction(span, finding.category, _placeholder(finding.category))
        for finding in findings
        if _redacts(policy.rule(finding.category)) and score_of(finding) >= _CERTAIN_ENOUGH
        for span in finding.spans
        if span.end > span.start
    ]
    taken: list[Redaction] = []
    for one in sorted(wanted, key=lambda r: (r.span.start, -r.span.end, r.category)):
        last = taken[-1] if taken else None
        if last is None or one.span.start >= last.span.end:
            taken.append(one)
        elif one.span.end > last.span.end:
            # Nothing of either may stay readable.
            taken[-1] = Redaction(
                type(one.span)(last.span.start, one.span.end), last.category, last.replacement
            )
    return tuple(taken)


def _placeholder(category: str) -> str:
    """Return what stands instead: a word of genq's own, for the model reads it."""
    name = category.rpartition(".")[2]
    return f"[{name.upper()}]" if name in _NAMED else _UNNAMED


def _confidence(
    action: Action, reasons: Sequence[Reason], categories: Mapping[str, float]
) -> float:
    if action is Action.ALLOW:
        return round(1.0 - max(categories.values(), default=0.0), PLACES)
    return max(reason.score for reason in reasons if reason.action is action)
