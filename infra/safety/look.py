"""What is known of a subject while it is judged."""

import hashlib
from dataclasses import dataclass, field
from typing import Final

from infra.safety.decide import LIMIT
from infra.safety.detector import Detector
from infra.safety.reading import Reading
from schemas.safety import Coverage, DetectorRun, Finding, Subject

SKIPPED: Final = "skipped"
TIMED_OUT: Final = "timeout"
FAILED: Final = "failed"
OPEN: Final = "open"
LIMITS: Final = "limits"
"""Who finds that a text is too long."""
GUARD: Final = "PictureGuard"
"""Who finds that nobody in this process can tell what a picture shows."""


@dataclass(slots=True)
class Look:
    """One subject, who looked at it, and what they found.

    A limit that was passed is a finding as any other.

    Attributes:
        digest: SHA-256 of what is judged, in hex.
        seen: Somebody else's classifier has looked at it.
    """

    reading: Reading
    digest: str
    findings: list[Finding] = field(default_factory=list[Finding])
    runs: list[DetectorRun] = field(default_factory=list[DetectorRun])
    seen: bool = False

    def __post_init__(self) -> None:
        """Begin with what reading found."""
        self.findings += [Finding(LIMITS, "1", name, 1.0) for name in _faults(self.reading)]

    @property
    def coverage(self) -> Coverage:
        """How much was understood: the worst that anybody says, and less if somebody failed."""
        # What a picture shows nobody in this process can tell; somebody else may have.
        told = (one for one in self.findings if not (self.seen and one.detector == GUARD))
        covered = {self.reading.coverage, *(finding.coverage for finding in told)}
        if Coverage.NONE in covered:
            return Coverage.NONE
        failed = any(run.note not in {None, SKIPPED} for run in self.runs)
        partial = failed or Coverage.PARTIAL in covered
        return Coverage.PARTIAL if partial else Coverage.FULL


def digest_of(subject: Subject) -> str:
    """Return the SHA-256 of what is judged, as it came, in hex."""
    if subject.picture is not None:
        return hashlib.sha256(subject.picture.data).hexdigest()
    text = subject.text if subject.exact is None else subject.exact
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def run_of(detector: Detector, note: str | None, seconds: float = 0.0) -> DetectorRun:
    """Return that a detector ran, or why not."""
    return DetectorRun(detector.name, detector.version, note, round(seconds * 1e3, 3))


def _faults(reading: Reading) -> list[str]:
    return [name if name.startswith(LIMIT) else LIMIT + name for name in reading.faults]
