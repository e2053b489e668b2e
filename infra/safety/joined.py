"""Several verdicts as one: a job's prompt has many parts, and one fate."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from schemas.safety import Action, Coverage, DetectorRun, Reason, Verdict

_RIGOUR = {Coverage.FULL: 0, Coverage.PARTIAL: 1, Coverage.NONE: 2}


def joined(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what is to happen to the whole: the gravest of each. At least one is given.

    Redactions are left out: they are places in one text each.
    """
    first = verdicts[0]
    if len(verdicts) == 1:
        return first
    action = max(verdict.action for verdict in verdicts)
    categories: dict[str, float] = {}
    for verdict in verdicts:
        for name, score in verdict.categories.items():
            categories[name] = max(score, categories.get(name, 0.0))
    grave = [verdict.confidence for verdict in verdicts if verdict.action is action]
    return replace(
        first,
        action=action,
        categories=MappingProxyType(dict(sorted(categories.items()))),
        reasons=_reasons(verdicts),
        redactions=(),
        coverage=max((verdict.coverage for verdict in verdicts), key=_RIGOUR.__getitem__),
        confidence=min(grave) if action is Action.ALLOW else max(grave),
        detectors=_runs(verdicts),
        input_digest=joined_digest([verdict.input_digest for verdict in verdicts]),
        milliseconds=max(verdict.milliseconds for verdict in verdicts),
    )


def joined_digest(digests: Sequence[str]) -> str:
    """Return the digest of the whole from those of its parts; of one part it is its own."""
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _reasons(verdicts: Sequence[Verdict]) -> tuple[Reason, ...]:
    """Return the gravest reason of each rule and category."""
    known: dict[tuple[str, str], Reason] = {}
    for reason in (one for verdict in verdicts for one in verdict.reasons):
        key = (reason.rule, reason.category)
        before = known.get(key)
        if before is None or (reason.action, reason.score) > (before.action, before.score):
            known[key] = reason
    return tuple(
        sorted(known.values(), key=lambda r: (-r.action, -r.score, r.category, r.rule))
    )


def _runs(verdicts: Sequence[Verdict]) -> tuple[DetectorRun, ...]:
    """Return each detector once: as it did worst."""
    known: dict[str, DetectorRun] = {}
    for run in (one for verdict in verdicts for one in verdict.detectors):
        before = known.get(run.detector)
        if before is None or _gravity(run) > _gravity(before):
            known[run.detector] = run
    return tuple(known[name] for name in sorted(known))


def _gravity(run: DetectorRun) -> int:
    # Skipped for one part is less than having run for another; a failure is more than both.
    if run.note == "skipped":
        return 0
    return 1 if run.note is None else 2
