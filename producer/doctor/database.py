"""Is PostgreSQL there, new enough, at our revision, at our time, and ready for next week?"""

from datetime import timedelta
from typing import Final

from infra.clock import Clock
from infra.postgres.diagnosis import ServerFacts, missing_partitions, server_facts
from infra.postgres.engine import transaction
from infra.postgres.health import schema_revision
from producer.api.health import newest_revision
from producer.doctor.finding import Finding, fine, warning, wrong
from producer.doctor.subject import Subject

_OLDEST_VERSION: Final = 180_000
_AHEAD: Final = timedelta(days=7)
_BUSY: Final = 0.8
_SLOW_CLOCK: Final = 1.0
_WRONG_CLOCK: Final = 30.0


async def look_at_database(subject: Subject) -> list[Finding]:
    """Look at the server itself."""
    before = subject.clock.now()
    async with transaction(subject.engine) as connection:
        facts = await server_facts(connection)
        revision = await schema_revision(connection)
    found = [_version(facts), _revision(revision), _connections(facts)]
    found.append(_clocks(facts, subject.clock, before.timestamp()))
    if facts.pooled:
        found.append(_POOLED)
    return found


async def look_at_partitions(subject: Subject) -> list[Finding]:
    """Look whether there is room for the jobs of the coming days."""
    async with transaction(subject.engine) as connection:
        missing = await missing_partitions(connection, subject.clock.now(), _AHEAD)
    if not missing:
        return [fine("partitions", "there is room for the jobs of the coming week")]
    return [
        wrong(
            "partitions",
            f"{len(missing)} partitions of this week or the next are missing",
            "jobs of a week without partitions are refused",
            "genq db upgrade makes them now; a running dispatcher makes them three weeks ahead",
            tuple(missing[:10]),
        )
    ]


def _version(facts: ServerFacts) -> Finding:
    shown = f"PostgreSQL {facts.version // 10_000}.{facts.version % 10_000}"
    if facts.version < _OLDEST_VERSION:
        return wrong(
            "database",
            f"{shown} is too old",
            "ids are made by uuidv7(), which came with 18",
            "move to PostgreSQL 18 or newer",
        )
    if facts.in_recovery:
        return wrong(
            "database",
            f"{shown} is a standby",
            "nothing can be written to it",
            "let GENQ_DATABASE_URL name the primary; target_session_attrs=read-write finds it",
        )
    return fine("database", f"{shown} answers")


def _revision(found: str | None) -> Finding:
    wanted = newest_revision()
    if found is None:
        return wrong(
            "migrations", "the database is empty", "genq has no tables", "genq db upgrade"
        )
    if found < wanted:
        return wrong(
            "migrations",
            f"the database is at revision {found}, this genq needs {wanted}",
            "statements name columns that are not there",
            "genq db upgrade",
        )
    if found > wanted:
        return warning(
            "migrations",
            f"the database is at revision {found}, this genq brings {wanted}",
            "the processes of this release run on until they are replaced",
            "start the processes of the newer release",
        )
    return fine("migrations", f"the database is at revision {found}; genq db check tells more")


def _connections(facts: ServerFacts) -> Finding:
    shown = f"{facts.connections} of {facts.max_connections} connections are in use"
    if facts.connections < _BUSY * facts.max_connections:
        return fine("connections", shown)
    return warning(
        "connections",
        shown,
        "a process that gets no connection answers 503 or stands still",
        "raise max_connections, lower GENQ_DATABASE_POOL_SIZE, or put PgBouncer in between",
    )


def _clocks(facts: ServerFacts, clock: Clock, before: float) -> Finding:
    """Compare the clocks; what the question itself took is not counted."""
    after, theirs = clock.now().timestamp(), facts.now.timestamp()
    apart = max(before - theirs, theirs - after, 0.0)
    shown = f"the clocks of this machine and of PostgreSQL are {apart:.1f} s apart"
    if apart < _SLOW_CLOCK:
        return fine("clocks", "this machine and PostgreSQL agree on the time")
    why = "ids tell the age of jobs by this machine's clock, leases run by PostgreSQL's"
    action = "let NTP set the clocks of both machines"
    if apart < _WRONG_CLOCK:
        return warning("clocks", shown, why, action)
    return wrong("clocks", shown, why, action)


_POOLED: Final = fine(
    "pooler",
    "a pooler such as PgBouncer stands before PostgreSQL: transaction mode is fine, genq uses"
    " no session locks, no LISTEN and no temporary tables; PgBouncer must be 1.21 or newer (the"
    " driver prepares statements) and let the startup parameter options pass",
)
