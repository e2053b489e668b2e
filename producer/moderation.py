"""Safety at the door: what no policy allows is stopped before anybody works on it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.evidence import EvidenceKeeper
from infra.job_stops import JobStops
from infra.postgres.submit import NewJob
from infra.postgres.tenants import Tenant
from infra.safety.moderation import Judged, Moderation
from infra.safety.opening import open_moderation
from infra.safety.parts import Whose
from infra.safety.policies import Policies
from infra.safety.sanctions import Sanction, Sanctions
from infra.settings import Settings
from infra.subjects import subject_of
from schemas.job import JobRequest, iso_ms
from schemas.lanes import LOWEST_PRIORITY, Lane
from schemas.policy_errors import EndUserSuspendedError
from schemas.safety import Action, Reason, Verdict
from schemas.tenant_plan import SafetyLevel

_RULE: Final = "escalation"
_CATEGORY: Final = "escalation"


class SubmitChecks:
    """Looks at every job that comes in, whichever door it takes.

    Only the floors count here: limits, patterns and lists of what no level allows; and what
    somebody has to put up with who was blocked too often. All else is judged by the worker.

    Args:
        moderation: Judges.
        stops: Makes of a verdict what becomes of the job.
        sanctions: Know who was blocked too often.
        settings: The pepper of pseudonyms.
        clock: For how long somebody has to wait.
    """

    def __init__(
        self,
        moderation: Moderation,
        stops: JobStops,
        sanctions: Sanctions,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self.moderation = moderation
        self._stops = stops
        self._sanctions = sanctions
        self._settings = settings
        self._clock = clock

    async def checked(
        self, tenant: Tenant, request: JobRequest, new: NewJob, parameters: Mapping[str, Any]
    ) -> NewJob:
        """Return the job with what is to become of it, if it may not go its way.

        Raises:
            EndUserSuspendedError: Who asks was blocked too often.
            DatabaseUnavailableError: It is not known what counts, and PostgreSQL is away.
        """
        sanction = await self._sanction(tenant, request)
        if sanction is not None and sanction.suspended:
            raise self._suspended(sanction)
        whose = Whose(tenant.id, request.end_user, new.id)
        level = SafetyLevel(tenant.safety_level)
        judged = await self.moderation.judge_floor(parameters, whose, level, kind=request.kind)
        if sanction is not None:
            new = _slowed(new, tenant) if sanction.slow else new
            judged = _reviewed(judged, sanction) if sanction.review else judged
        stop = self._stops.stop_of(new, judged)
        if stop is None:
            return new
        # Nobody hears that it is queued: it never is.
        return replace(new, stop=stop, announce=None if stop.blocks else new.announce)

    async def checked_person(
        self, tenant: Tenant, request: JobRequest, new: NewJob, parameters: Mapping[str, Any]
    ) -> NewJob:
        """Do the same for a job that its worker judges in any case: only who asks counts.

        Raises:
            EndUserSuspendedError: Who asks was blocked too often.
            DatabaseUnavailableError: It is not known what counts, and PostgreSQL is away.
        """
        if await self._sanction(tenant, request) is None:
            return new
        return await self.checked(tenant, request, new, parameters)

    async def _sanction(self, tenant: Tenant, request: JobRequest) -> Sanction | None:
        if request.end_user is None:
            return None
        subject = subject_of(self._settings, tenant.id, request.end_user)
        return await self._sanctions.of(tenant.id, subject)

    def _suspended(self, sanction: Sanction) -> EndUserSuspendedError:
        wait = max(sanction.until - self._clock.now(), timedelta(seconds=1))
        return EndUserSuspendedError(
            f"this end user was blocked too often ({sanction.strikes} strikes) and may submit "
            f"again from {iso_ms(sanction.until)} on",
            retry_after=wait,
            members={"suspended_until": iso_ms(sanction.until)},
        )


def open_checks(settings: Settings, engine: AsyncEngine, clock: Clock) -> SubmitChecks:
    """Return what looks at the jobs that come in by a process.

    Raises:
        DamagedDataError: The classifier's files are not those that were shipped.
    """
    policies = Policies(engine, clock)
    moderation = open_moderation(settings, engine, clock, policies)
    stops = JobStops(settings, EvidenceKeeper(engine, settings))
    return SubmitChecks(moderation, stops, Sanctions(engine, clock, policies), settings, clock)


def _slowed(new: NewJob, tenant: Tenant) -> NewJob:
    """Return the job in the slow lane, or in the slowest that its tenant may use."""
    allowed = [lane for lane in tenant.allowed_lanes or Lane if lane is not Lane.BATCH]
    slowest = max((lane.number for lane in allowed), default=new.lane)
    return replace(new, lane=max(new.lane, slowest), priority=LOWEST_PRIORITY)


def _reviewed(judged: Judged, sanction: Sanction) -> Judged:
    """Return the verdict of somebody whose every job a person looks at."""
    verdict = judged.verdict
    if verdict.action >= Action.REVIEW:
        return judged
    text = "You were blocked too often: a person decides about this."
    score = float(sanction.strikes)
    reason = Reason(_RULE, _CATEGORY, Action.REVIEW, "", min(score, 1.0), None, text)
    held: Verdict = replace(
        verdict,
        action=Action.REVIEW,
        reasons=(reason, *verdict.reasons),
        confidence=1.0,
    )
    return replace(judged, verdict=held)
