"""Who hides what they ask for: the text says nothing bad until its disguise is taken off."""

from collections.abc import Iterable, Iterator
from typing import Final

from schemas.policy import Policy
from schemas.safety import Finding

EVASION: Final = "evasion"
PLAIN: Final = "plain"
"""In a finding's evidence: the score of the text as it came, disguise and all."""
DISGUISED: Final = "disguised"
"""Likewise: that nothing was found in the text as it came."""


def evasion_of(findings: Iterable[Finding], policy: Policy) -> Iterator[Finding]:
    """Yield a finding for each category that is blocked only once a disguise is off."""
    for finding in findings:
        hidden = finding.evidence.get(DISGUISED)
        plain = 0.0 if hidden else finding.evidence.get(PLAIN)
        if plain is None:
            continue
        limits = policy.rule(finding.category).thresholds
        lowest = next(
            one for one in (limits.flag, limits.review, limits.block, 0.0) if one is not None
        )
        if limits.block is not None and finding.score >= limits.block and plain < lowest:
            yield Finding(finding.detector, finding.version, EVASION, finding.score)
