"""Judges subjects: every detector in its order, then one decision by the policy.

The order is part of the promise. What comes early keeps what comes late from seeing a text at
all: what may be illegal to pass on is never passed on.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

import structlog

from infra.clock import Clock
from infra.safety.decide import decide
from infra.safety.detector import Detector, LocalDetector, RemoteDetector, applies
from infra.safety.reading import Reading, read
from schemas.policy import Policy
from schemas.safety import (
    FLOORS,
    Action,
    Coverage,
    DetectorRun,
    Finding,
    Subject,
    Verdict,
)

_LONG_TEXT: Final = 4_000
"""Characters. Below, all local detectors together take less than 2 ms."""
SKIPPED: Final = "skipped"
TIMED_OUT: Final = "timeout"
FAILED: Final = "failed"
OPEN: Final = "open"

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Detectors:
    """All that may look at a subject, by turn.

    Attributes:
        floors: Patterns of what is never allowed.
        lists: Fingerprints of known pictures.
        rules: Personal data, secrets, code, words.
        models: Classifiers of this process.
        remote: Others' classifiers.
    """

    floors: Sequence[LocalDetector] = ()
    lists: Sequence[LocalDetector] = ()
    rules: Sequence[LocalDetector] = ()
    models: Sequence[LocalDetector] = ()
    remote: Sequence[RemoteDetector] = ()

    def local(self) -> Sequence[LocalDetector]:
        """Return those of this process, in order."""
        return tuple(chain(self.floors, self.lists, self.rules, self.models))

    def at_submit(self) -> Sequence[LocalDetector]:
        """Return those that can tell what is never allowed."""
        return tuple(chain(self.floors, self.lists, self.models))


@dataclass(slots=True)
class _Look:
    """What is known of a subject so far."""

    reading: Reading
    findings: list[Finding]
    runs: list[DetectorRun]

    @property
    def coverage(self) -> Coverage:
        covered = {self.reading.coverage, *(finding.coverage for finding in self.findings)}
        if Coverage.NONE in covered:
            return Coverage.NONE
        failed = any(run.note not in {None, SKIPPED} for run in self.runs)
        partial = failed or Coverage.PARTIAL in covered
        return Coverage.PARTIAL if partial else Coverage.FULL


class Moderator:
    """Judges. One for a process, for any number of subjects at once.

    Args:
        detectors: Who looks.
        clock: Measures how long that takes.
    """

    def __init__(self, detectors: Detectors, clock: Clock) -> None:
        self.detectors = detectors
        self._clock = clock
        self._local = detectors.local()
        self._at_submit = detectors.at_submit()

    async def evaluate(self, subject: Subject, policy: Policy) -> Verdict:
        """Return what is to happen to a subject; it never raises for what it is.

        A long text is looked at in a thread, so that nobody else waits for it.
        """
        begun = self._clock.monotonic()
        if len(subject.text) > _LONG_TEXT or subject.picture is not None:
            look = await asyncio.to_thread(self._look, subject, policy, self._local)
        else:
            look = self._look(subject, policy, self._local)
        if self.detectors.remote:
            await self._ask(look, policy)
        return self._decided(look, policy, begun)

    def evaluate_floor(self, subject: Subject, policy: Policy) -> Verdict:
        """Return what a submit has to know: limits, and what no policy allows.

        What it finds besides is left to the worker, who looks again.
        """
        begun = self._clock.monotonic()
        look = self._look(subject, policy, self._at_submit)
        look.findings = [one for one in look.findings if one.category in FLOORS]
        return self._decided(look, policy, begun)

    def _look(
        self, subject: Subject, policy: Policy, detectors: Sequence[LocalDetector]
    ) -> _Look:
        look = _Look(read(subject, policy.limits), [], [])
        for detector in detectors:
            if applies(detector, look.reading):
                self._check(detector, look, policy)
        return look

    def _check(self, detector: LocalDetector, look: _Look, policy: Policy) -> None:
        if not policy.runs(detector.name, look.reading.subject.stage):
            look.runs.append(_run(detector, SKIPPED))
            return
        begun = self._clock.monotonic()
        note = None
        try:
            look.findings += detector.check(look.reading)
        except Exception as error:  # noqa: BLE001 - a detector's fault must not end a job
            # No traceback: it may quote the text.
            _log.error("detector_failed", detector=detector.name, error=type(error).__name__)
            note = FAILED
        look.runs.append(_run(detector, note, self._clock.monotonic() - begun))

    async def _ask(self, look: _Look, policy: Policy) -> None:
        """Let others look, if nothing that was found forbids it, and something may change."""
        stage = look.reading.subject.stage
        wanted = [
            one
            for one in self.detectors.remote
            if applies(one, look.reading) and policy.runs(one.name, stage)
        ]
        if not wanted:
            return
        known = self._decided(look, policy, 0.0)
        floor = any(reason.category in FLOORS for reason in known.reasons)
        if floor or known.action is Action.BLOCK:
            look.runs += [_run(one, SKIPPED) for one in wanted]
            return
        for detector in wanted:
            await self._ask_one(detector, look, policy)

    async def _ask_one(self, detector: RemoteDetector, look: _Look, policy: Policy) -> None:
        if not detector.available:
            look.runs.append(_run(detector, OPEN))
            return
        begun = self._clock.monotonic()
        seconds = policy.seconds_of(detector.name)
        note = None
        try:
            async with asyncio.timeout(seconds):
                look.findings += await detector.check(look.reading, seconds=seconds)
        except TimeoutError:
            note = TIMED_OUT
        except Exception as error:  # noqa: BLE001 - what follows from it, the policy says
            _log.warning(
                "remote_check_failed", detector=detector.name, error=type(error).__name__
            )
            note = FAILED
        look.runs.append(_run(detector, note, self._clock.monotonic() - begun))

    def _decided(self, look: _Look, policy: Policy, begun: float) -> Verdict:
        verdict = decide(
            digest_of(look.reading.subject),
            look.findings,
            look.runs,
            policy,
            coverage=look.coverage,
        )
        return replace(verdict, milliseconds=(self._clock.monotonic() - begun) * 1e3)


def digest_of(subject: Subject) -> str:
    """Return the SHA-256 of what is judged, in hex."""
    if subject.picture is not None:
        return hashlib.sha256(subject.picture.data).hexdigest()
    return hashlib.sha256(subject.text.encode("utf-8", "surrogatepass")).hexdigest()


def _run(detector: Detector, note: str | None, seconds: float = 0.0) -> DetectorRun:
    return DetectorRun(detector.name, detector.version, note, round(seconds * 1e3, 3))
