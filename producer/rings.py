"""What is rung when new jobs are committed."""

from collections.abc import Iterable

from infra.doorbells import DELIVER, READY, WAKE, Ring
from infra.postgres.submit import NewJob


def rings_of(jobs: Iterable[NewJob]) -> list[Ring]:
    """Return what tells dispatchers of new jobs, and deliverers if somebody is told of them."""
    told = any(job.whole for job in jobs)
    return [Ring(WAKE, READY), Ring(DELIVER, "")] if told else [Ring(WAKE, READY)]
