"""Does work move: who is there, what waits longest and why, what is owed, what is paused."""

from typing import Final

from infra.postgres.audits.rule import scope_of
from infra.postgres.diagnosis import Waiting, owed, server_facts, waiting_jobs
from infra.postgres.engine import transaction
from infra.postgres.pauses import list_pauses
from infra.postgres.read_jobs import get_job
from infra.postgres.workers import Worker, list_workers
from producer.doctor.audit import audit
from producer.doctor.finding import Finding, fine, warning, wrong
from producer.doctor.subject import Subject
from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.lanes import Lane
from schemas.position import WaitingOn

# By the name that a process gives its connections: what stops without it.
_PROCESSES: Final = {
    "dispatch": "nothing is released, nothing that was lost is taken back",
    "work": "no job runs",
    "deliver": "no webhook is sent",
    "api": "nobody can submit a job",
}
_LATE_SECONDS: Final = 300.0


async def look_at_processes(subject: Subject) -> list[Finding]:
    """Look who is connected to the database."""
    async with transaction(subject.engine) as connection:
        processes = (await server_facts(connection)).processes
    missing = [
        warning(
            "processes",
            f"no {name} process has a connection to PostgreSQL open just now",
            f"if none runs, {why}",
            f"genq {name}; one that runs connects again at its next request or look, and its"
            " log tells why if it cannot",
        )
        for name, why in _PROCESSES.items()
        if not processes.get(name)
    ]
    return missing or [fine("processes", "api, dispatch, work and deliver are connected")]


async def look_at_workers(subject: Subject) -> list[Finding]:
    """Look whether every lane has somebody to run its jobs."""
    async with transaction(subject.engine) as connection:
        workers = await list_workers(connection)
        waiting = {one.lane: one for one in await waiting_jobs(connection)}
    alive = [worker for worker in workers if worker.seconds_left > 0 and not worker.draining]
    idle = [lane for lane in Lane if not any(lane in worker.lanes for worker in alive)]
    found = [_unserved(lane, waiting.get(lane)) for lane in idle]
    return found or [fine("workers", _shown(alive))]


async def look_at_waiting(subject: Subject) -> list[Finding]:
    """Tell what has waited longest in each lane, and what it waits for."""
    found: list[Finding] = []
    async with transaction(subject.engine) as connection:
        for lane in await waiting_jobs(connection):
            job = await get_job(connection, lane.tenant_id, lane.oldest)
            reason = job.waiting_on if job else None
            shown = f"lane {lane.lane}: {_ready(lane.ready)} {lane.seconds:.0f} s old"
            found.append(
                fine("waiting", f"{shown}, waiting on {reason or WaitingOn.LANE.value}")
            )
    return found or [fine("waiting", "no job waits for its turn")]


async def look_at_owed(subject: Subject) -> list[Finding]:
    """Look for deliveries that are late, and for jobs that were given up."""
    async with transaction(subject.engine) as connection:
        told = await owed(connection)
    found: list[Finding] = []
    if told.latest_seconds > _LATE_SECONDS:
        found.append(
            warning(
                "deliveries",
                f"{_are(told.late, 'delivery', 'deliveries')} late, the oldest by"
                f" {told.latest_seconds:.0f} s",
                "their receivers do not know that their jobs have ended",
                "is genq deliver running? Its log tells which receivers refuse",
            )
        )
    if told.dead:
        found.append(
            warning(
                "dead_letters",
                f"{told.dead} {'job was' if told.dead == 1 else 'jobs were'} given up; somebody"
                " should look",
                "each is a caller without a result",
                "genq dead groups shows why; genq dead redrive tries them again",
            )
        )
    return found or [fine("owed", "no delivery is late, no dead letter waits")]


async def look_at_pauses(subject: Subject) -> list[Finding]:
    """Tell what operators hold back."""
    async with transaction(subject.engine) as connection:
        pauses = await list_pauses(connection)
    found = [
        warning(
            "paused",
            f"{pause.target.scope.value} {pause.target.name} is paused since"
            f" {iso_ms(pause.since)}; {_wait(pause.waiting)}",
            "somebody wanted it; was it forgotten?",
            f"genq resume {pause.target.scope.value} {pause.target.name}",
        )
        for pause in pauses
    ]
    return found or [fine("paused", "nothing is paused")]


async def look_at_promises(subject: Subject) -> list[Finding]:
    """Run the auditor: every promise that the tables can tell."""
    scope = scope_of(subject.settings, subject.clock.now(), subject.span)
    hours = subject.span.total_seconds() / 3600
    violations = await audit(
        subject.engine,
        scope,
        patience=subject.patience,
        servers=subject.settings.model_servers,
    )
    found = [
        wrong(
            "audit",
            f"invariant {violation.invariant}, {violation.id}: {violation.what}",
            "a promise of the queue is broken",
            violation.action,
            violation.examples,
        )
        for violation in violations
    ]
    span = "the last hour" if hours == 1 else f"the last {hours:g} hours"
    return found or [fine("audit", f"every promise holds for the jobs of {span}")]


def _unserved(lane: Lane, waiting: Waiting | None) -> Finding:
    what = f"no live worker takes lane {lane}"
    action = f"genq work --lanes {lane}"
    if waiting is None:
        return warning("workers", what, "its next job will wait", action)
    example = format_id("job", waiting.oldest)
    return wrong(
        "workers",
        f"{what}, and {_wait(waiting.ready)} in it",
        f"the oldest has waited {waiting.seconds:.0f} s",
        action,
        (example,),
    )


def _shown(workers: list[Worker]) -> str:
    slots = sum(worker.slots for worker in workers)
    busy = sum(worker.busy for worker in workers)
    who = "1 live worker takes" if len(workers) == 1 else f"{len(workers)} live workers take"
    return f"{who} every lane; {busy} of {slots} slots are busy"


def _wait(jobs: int) -> str:
    return "1 job waits" if jobs == 1 else f"{jobs} jobs wait"


def _are(number: int, one: str, several: str) -> str:
    return f"1 {one} is" if number == 1 else f"{number} {several} are"


def _ready(jobs: int) -> str:
    return "1 ready job," if jobs == 1 else f"{jobs} ready jobs, the oldest"
