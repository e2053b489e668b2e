"""Tries a policy on the past: every stored score is decided on anew."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.postgres.engine import transaction
from infra.postgres.judged_jobs import JudgedJob, judged_jobs
from infra.postgres.partitions import first_key
from infra.postgres.policies import active_versions, get_policy
from infra.postgres.short_looks import narrow_enough
from infra.safety.decide import decide
from infra.safety.policy_file import whole_policy
from producer.safety.owner import PolicyOwner
from producer.safety.policies import document_of, installation_policy
from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.policy import Policy, resolve
from schemas.policy_document import PolicyDocument
from schemas.safety import Action, Stage
from schemas.tenant_plan import SafetyLevel
from schemas.verdict_json import action_of, coverage_of, findings_of, runs_of

_PAGE: Final = 500
_SAMPLES: Final = 5
_PATIENCE_SECONDS: Final = 20.0
_ESCALATION: Final = "escalation"
_NEWEST: Final = UUID(int=(1 << 128) - 1)

_Facts = Mapping[str, Any]
_Change = tuple[Action, Action]


@dataclass(slots=True)
class Simulation:
    """What a policy would have changed, as far as it was looked at.

    Attributes:
        complete: All jobs since then were looked at.
        jobs: By what they were and would be: how many, and ids of some.
    """

    since: datetime
    examined: int = 0
    judged: int = 0
    complete: bool = False
    counts: defaultdict[_Change, int] = field(default_factory=lambda: defaultdict(int))
    jobs: defaultdict[_Change, list[UUID]] = field(default_factory=lambda: defaultdict(list))

    def view(self) -> dict[str, Any]:
        """Return the JSON form: exactly the fields of ``SimulationView``."""
        return {
            "object": "policy_simulation",
            "since": iso_ms(self.since),
            "examined": self.examined,
            "judged": self.judged,
            "changed": sum(self.counts.values()),
            "complete": self.complete,
            "changes": [
                {
                    "was": was.word,
                    "would_be": becomes.word,
                    "count": self.counts[was, becomes],
                    "jobs": [format_id("job", one) for one in self.jobs[was, becomes]],
                }
                for was, becomes in sorted(self.counts)
            ],
        }


class Simulator:
    """Tries documents of one owner.

    Args:
        engine: PostgreSQL.
        clock: Tells how far back, and when it has taken long enough.
        owner: Whose jobs; of the installation everybody's, each by its tenant's own policy.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, owner: PolicyOwner) -> None:
        self._engine = engine
        self._clock = clock
        self._owner = owner

    async def run(
        self, document: PolicyDocument, *, since: timedelta, limit: int
    ) -> Simulation:
        """Decide anew on what was found in the jobs of late, and tell what would change.

        Raises:
            FilterTooWideError: Not even one page of jobs could be read in time.
        """
        found = Simulation(self._clock.now() - since)
        policies = await self._policies(document)
        lowest, before = first_key(found.since), _NEWEST
        ends = self._clock.monotonic() + _PATIENCE_SECONDS
        while found.examined < limit and self._clock.monotonic() < ends:
            wanted = min(_PAGE, limit - found.examined)
            with narrow_enough("jobs", "a shorter time: since"):
                async with transaction(self._engine) as connection:
                    page = await judged_jobs(
                        connection,
                        None if self._owner.is_installation else self._owner.tenant_id,
                        lowest=lowest,
                        before=before,
                        limit=wanted,
                    )
            # Decisions are arithmetic: other requests go on meanwhile.
            await asyncio.to_thread(_try_all, found, page, policies)
            if len(page) < wanted:
                found.complete = True
                break
            before = page[-1].id
        return found

    async def _policies(self, document: PolicyDocument) -> "_Candidates":
        async with transaction(self._engine) as connection:
            installation = await installation_policy(connection)
            if not self._owner.is_installation:
                return _Candidates(installation, {self._owner.tenant_id: document})
            own: dict[int, PolicyDocument] = {}
            for tenant_id, version in (await active_versions(connection)).items():
                stored = await get_policy(connection, tenant_id, version)
                if stored is not None:
                    own[tenant_id] = document_of(stored)
            return _Candidates(whole_policy(document), own)


class _Candidates:
    """What would count, by tenant and level."""

    def __init__(self, installation: PolicyDocument, own: Mapping[int, PolicyDocument]) -> None:
        self._installation = installation
        self._own = own
        self._known: dict[tuple[int, SafetyLevel], Policy] = {}

    def of(self, job: JudgedJob) -> Policy:
        level = SafetyLevel(job.level)
        whose = job.tenant_id if job.tenant_id in self._own else 0
        known = self._known.get((whose, level))
        if known is None:
            own = self._own.get(whose) if whose else None
            known = self._known[whose, level] = resolve(self._installation, own, level)
        return known


def _try_all(found: Simulation, jobs: Sequence[JudgedJob], policies: _Candidates) -> None:
    for job in jobs:
        found.examined += 1
        facts = stages_of(job)
        if not facts:
            continue
        found.judged += 1
        was = max(action_of(one) for one in facts.values())
        becomes = max(_again(stage, one, policies.of(job)) for stage, one in facts.items())
        if was is not becomes:
            found.counts[was, becomes] += 1
            if len(found.jobs[was, becomes]) < _SAMPLES:
                found.jobs[was, becomes].append(job.id)


def stages_of(job: JudgedJob) -> dict[str, _Facts]:
    """Return what was found at each stage, the last attempt's."""
    found: dict[str, _Facts] = {}
    if job.verdict is not None and "categories" in job.verdict:
        found[str(job.verdict.get("stage", Stage.PROMPT))] = job.verdict
    for checks in job.checks:
        found |= {stage: facts for stage, facts in checks.items() if "categories" in facts}
    return found


def _again(stage: str, facts: _Facts, policy: Policy) -> Action:
    known = Stage(stage) if stage in set(Stage) else None
    verdict = decide(
        "",
        findings_of(facts),
        runs_of(facts),
        policy,
        coverage=coverage_of(facts),
        stage=known,
    )
    # What follows of strikes is no matter of scores: it would be the same.
    kept = [
        Action[str(reason["action"]).upper()]
        for reason in facts.get("reasons", ())
        if reason["rule"] == _ESCALATION
    ]
    return max([verdict.action, *kept])
