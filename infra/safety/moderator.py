"""Judges subjects: every detector in its order, then one decision by the policy.

The order is part of the promise. What comes early keeps what comes late from seeing a text at
all: what may be illegal to pass on is never passed on.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import structlog

from infra.clock import Clock
from infra.safety.decide import decide
from infra.safety.detector import LocalDetector, RemoteDetector, applies
from infra.safety.detectors_in_order import Detectors
from infra.safety.evasion import evasion_of
from infra.safety.look import FAILED, OPEN, SKIPPED, TIMED_OUT, Look, digest_of, run_of
from infra.safety.own_categories import OwnCategories
from infra.safety.own_words import OwnWords
from infra.safety.reading import Reader, Reading
from infra.safety.turns import Turns
from infra.telemetry.safety_metrics import DETECTOR_FAILURES, seconds_of
from schemas.policy import Policy
from schemas.safety import FLOORS, Action, Coverage, Finding, Subject, Verdict

_LONG_TEXT: Final = 400
"""Characters. Below, all local detectors together take less than 2 ms, on a slow machine."""
_LARGE_PICTURE: Final = 128_000
"""Bytes, of which a digest is made in a tenth of a millisecond."""
_SILENCE_SECONDS: Final = 60.0
NEGATIVE_CHARS: Final = "limits.negative_chars"
UNREADABLE: Final = "limits.readable"

_log: Final = structlog.get_logger()


class Moderator:
    """Judges. One for a process, for any number of subjects at once.

    Args:
        detectors: Who looks.
        clock: Measures how long that takes.
        reader: Reads texts as detectors want them.
        foreign: The same, and tells languages: for policies that want to know.
        own: Learns the categories of tenants; without it they are not known.
    """

    def __init__(
        self,
        detectors: Detectors,
        clock: Clock,
        *,
        reader: Reader | None = None,
        foreign: Reader | None = None,
        own: OwnCategories | None = None,
    ) -> None:
        self.detectors = detectors
        self._clock = clock
        self._reader = reader or Reader()
        self._foreign = foreign or self._reader
        self._own = own
        self._words = OwnWords()
        self._turns = Turns()
        self._told: dict[str, float] = {}

    async def close(self) -> None:
        """Close the connections to others' detectors."""
        for detector in self.detectors.remote:
            await detector.close()

    async def evaluate(self, subject: Subject, policy: Policy) -> Verdict:
        """Return what is to happen to a subject; it never raises for what it is.

        A long text is looked at in a thread, so that nobody else waits for it.
        """
        (verdict,) = await self.evaluate_all([subject], policy)
        return verdict

    async def evaluate_all(self, subjects: Sequence[Subject], policy: Policy) -> list[Verdict]:
        """Return what is to happen to each of several subjects of one tenant."""
        begun = self._clock.monotonic()
        detectors = self.detectors
        if self._own is not None and policy.learnt:
            detectors = replace(detectors, models=(await self._own.filter_of(policy),))
        if policy.words:
            detectors = replace(detectors, rules=(*detectors.rules, *self._words.of(policy)))
        looks = await self._look_at(subjects, policy, detectors.local())
        if detectors.remote:
            for look in looks:
                await self._ask(look, policy)
        return [self._decided(look, policy, begun) for look in looks]

    async def evaluate_floors(
        self, subjects: Sequence[Subject], policy: Policy
    ) -> list[Verdict]:
        """Return what a submit has to know of each; see ``evaluate_floor``."""
        # At once, and not by turns: whoever submits a thousand jobs asks for one after another.
        if sum(len(subject.text) for subject in subjects) <= _LONG_TEXT:
            return [self.evaluate_floor(subject, policy) for subject in subjects]
        return await asyncio.to_thread(
            lambda: [self.evaluate_floor(subject, policy) for subject in subjects]
        )

    def evaluate_floor(self, subject: Subject, policy: Policy) -> Verdict:
        """Return what a submit has to know: limits, and what no policy allows.

        What it finds besides is left to the worker, who looks again.
        """
        begun = self._clock.monotonic()
        look = self._look(subject, policy, self.detectors.at_submit())
        return decide(
            look.digest,
            [one for one in look.findings if _counts_at_submit(one, policy)],
            # What follows from half an answer is the worker's to say, who has all of them.
            [run for run in look.runs if run.note is None],
            policy,
            stage=subject.stage,
            milliseconds=(self._clock.monotonic() - begun) * 1e3,
        )

    async def _look_at(
        self, subjects: Sequence[Subject], policy: Policy, detectors: Sequence[LocalDetector]
    ) -> list[Look]:
        def look() -> list[Look]:
            return [self._look(subject, policy, detectors) for subject in subjects]

        long = sum(len(subject.text) for subject in subjects) > _LONG_TEXT
        if long or any(self._is_large(subject) for subject in subjects):
            return await asyncio.to_thread(look)
        return await self._turns.do(look)

    def _is_large(self, subject: Subject) -> bool:
        """Tell whether to look at a picture takes longer than to hand it to a thread."""
        if subject.picture is None:
            return False
        return len(subject.picture.data) > _LARGE_PICTURE or self.detectors.unpack(subject)

    def _look(
        self, subject: Subject, policy: Policy, detectors: Sequence[LocalDetector]
    ) -> Look:
        look = Look(self._read(subject, policy), digest_of(subject))
        models = {one.name for one in self.detectors.models}
        for detector in detectors:
            # What a model is to stay away from names what may not be asked for: of it nobody
            # can tell by its sound. One that has learnt a tenant's categories has the name of
            # the one that it began with.
            wanted = not subject.negative or detector.name not in models
            if wanted and applies(detector, look.reading):
                self._check(detector, look, policy)
        look.findings += evasion_of(look.findings, policy)
        return look

    def _read(self, subject: Subject, policy: Policy) -> Reading:
        if subject.negative and len(subject.text) > policy.limits.negative_chars:
            return _refused(subject, NEGATIVE_CHARS)
        # To tell a language takes as long as all the rest.
        wanted = policy.partial_coverage > Action.ALLOW or not subject.text.isascii()
        reader = self._foreign if wanted else self._reader
        try:
            return reader.read(subject, policy.limits)
        except Exception as error:  # noqa: BLE001 - what nobody can read must not pass unread
            _log.error("subject_unreadable", error_type=type(error).__name__)
            return _refused(subject, UNREADABLE)

    def _check(self, detector: LocalDetector, look: Look, policy: Policy) -> None:
        if not policy.runs(detector.name, look.reading.subject.stage):
            look.runs.append(run_of(detector, SKIPPED))
            return
        begun = self._clock.monotonic()
        note = None
        try:
            look.findings += detector.check(look.reading)
        except Exception as error:  # noqa: BLE001 - a detector's fault must not end a job
            self._tell("detector_failed", detector.name, error)
            DETECTOR_FAILURES.labels(detector.name, FAILED).inc()
            note = FAILED
        seconds = self._clock.monotonic() - begun
        seconds_of(detector.name).observe(seconds)
        look.runs.append(run_of(detector, note, seconds))

    async def _ask(self, look: Look, policy: Policy) -> None:
        """Let others look, if nothing that was found forbids it, and something may change."""
        subject = look.reading.subject
        wanted = [
            one
            for one in self.detectors.remote
            if applies(one, look.reading) and policy.runs(one.name, subject.stage)
        ]
        if not wanted:
            return
        known = self._decided(look, policy, 0.0)
        floor = any(reason.category in FLOORS for reason in known.reasons)
        if subject.negative or floor or known.action is Action.BLOCK:
            look.runs += [run_of(one, SKIPPED) for one in wanted]
            return
        for detector in wanted:
            await self._ask_one(detector, look, policy)

    async def _ask_one(self, detector: RemoteDetector, look: Look, policy: Policy) -> None:
        if not detector.available:
            DETECTOR_FAILURES.labels(detector.name, OPEN).inc()
            look.runs.append(run_of(detector, OPEN))
            return
        begun = self._clock.monotonic()
        wait = policy.seconds_of(detector.name)
        note = None
        try:
            async with asyncio.timeout(wait):
                found = await detector.check(look.reading, seconds=wait)
            look.findings += [_named(one, policy) for one in found]
            look.seen = True
        except TimeoutError:
            note = TIMED_OUT
        except Exception as error:  # noqa: BLE001 - what follows from it, the policy says
            self._tell("remote_check_failed", detector.name, error)
            note = FAILED
        if note is not None:
            DETECTOR_FAILURES.labels(detector.name, note).inc()
        seconds = self._clock.monotonic() - begun
        seconds_of(detector.name).observe(seconds)
        look.runs.append(run_of(detector, note, seconds))

    def _tell(self, event: str, detector: str, error: Exception) -> None:
        """Log a failure, of each detector one a minute; no traceback: it may quote the text."""
        now = self._clock.monotonic()
        told = self._told.get(detector)
        if told is None or now - told >= _SILENCE_SECONDS:
            self._told[detector] = now
            _log.error(event, detector=detector, error_type=type(error).__name__)

    def _decided(self, look: Look, policy: Policy, begun: float) -> Verdict:
        subject = look.reading.subject
        return decide(
            look.digest,
            look.findings,
            look.runs,
            policy,
            coverage=look.coverage,
            stage=subject.stage,
            milliseconds=(self._clock.monotonic() - begun) * 1e3,
        )


def _counts_at_submit(finding: Finding, policy: Policy) -> bool:
    limit = finding.category.startswith("limits.")
    return limit or finding.category in FLOORS or policy.rule(finding.category).floor


def _named(finding: Finding, policy: Policy) -> Finding:
    """Return what a remote detector found under the policy's own name for it."""
    name = policy.category_of(finding.detector, finding.category)
    return replace(
        finding, category=name, evidence={**finding.evidence, "named": finding.category}
    )


def _refused(subject: Subject, rule: str) -> Reading:
    return Reading(subject, "", "", coverage=Coverage.NONE, faults=(rule,))
