"""What PostgreSQL says of the jobs of a run: the judge of "none lost, none doubled"."""

from collections.abc import Sequence

import psycopg

from schemas.ids import parse_id

_ENDED = """
SELECT count(*),
  count(*) FILTER (WHERE j.final_state = 10),
  (SELECT count(*) FROM result r WHERE r.job_id = ANY(%(ids)s)),
  (SELECT count(*) FROM attempt a WHERE a.job_id = ANY(%(ids)s) AND a.outcome = 1),
  (SELECT count(*) FROM outbox o WHERE o.job_id = ANY(%(ids)s) AND o.kind = 1),
  (SELECT count(*) FROM live l WHERE l.job_id = ANY(%(ids)s))
FROM job j WHERE j.id = ANY(%(ids)s)
"""
_NAMES = ("jobs", "succeeded", "results", "successful attempts", "terminal events")
_TIMES = """
SELECT id, extract(epoch FROM created_at)::float8, extract(epoch FROM started_at)::float8
FROM job WHERE id = ANY(%s)
"""


def faults_of(database_url: str, jobs: Sequence[str]) -> list[str]:
    """Return what the ledger has too few or too many of; of everything there is one a job."""
    ids = [parse_id("job", job) for job in jobs]
    with psycopg.connect(database_url) as connection:
        *counts, live = connection.execute(_ENDED, {"ids": ids}).fetchall()[0]
    found: dict[str, int] = dict(zip(_NAMES, counts, strict=True))
    faults = [f"{n} {name} for {len(ids)} jobs" for name, n in found.items() if n != len(ids)]
    return faults + ([f"{live} jobs are still live"] if live else [])


def created_and_started(
    database_url: str, jobs: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Return when jobs were written and started, in Unix seconds of PostgreSQL's clock."""
    names = {parse_id("job", job): job for job in jobs}
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(_TIMES, (list(names),)).fetchall()
    return {names[row[0]]: (row[1], row[2]) for row in rows}
