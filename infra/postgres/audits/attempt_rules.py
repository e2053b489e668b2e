"""Invariants 10, 12 and 13: how often a job was tried, and that a cancelled one rests."""

from typing import Final

from infra.postgres.audits.rule import Rule, rule

_REPORT: Final = "Report it with the examples: it cost money that nobody had asked to spend."

ATTEMPT_RULES: Final[tuple[Rule, ...]] = (
    rule(
        10,
        "tried_too_often",
        "jobs that were tried again after max_attempts failures",
        """SELECT a.job_id AS example FROM attempt a
        WHERE a.job_id >= :since AND a.outcome IN (2, 5)
        GROUP BY a.job_id HAVING count(*) > :max_attempts""",
        "If GENQ_MAX_ATTEMPTS was lowered since, all is well. If not: " + _REPORT,
    ),
    rule(
        10,
        "lost_too_often",
        "jobs that were tried again after max_lost workers had died of them",
        """SELECT a.job_id AS example FROM attempt a
        WHERE a.job_id >= :since AND a.outcome = 3
        GROUP BY a.job_id HAVING count(*) > :max_lost""",
        "If GENQ_MAX_LOST was lowered since, all is well. If not: " + _REPORT,
    ),
    rule(
        12,
        "cancel_without_end",
        "jobs that were cancelled, and have not ended although the grace is over",
        """SELECT l.job_id AS example FROM live l
        WHERE l.cancel_at < now() - CAST(:grace AS interval) - :bound ORDER BY l.cancel_at""",
        "Is a dispatcher running (genq dispatch)? It ends what a worker does not.",
        settles=True,
    ),
    rule(
        12,
        "cancelled_and_something_else",
        "jobs whose caller was told that they are cancelled, and that ended in another way",
        """SELECT o.job_id AS example FROM outbox o JOIN job j ON j.id = o.job_id
        WHERE o.job_id >= :since AND o.kind = 1 AND o.type = 'job.cancelled' AND (
          j.final_state <> 13
          OR EXISTS (SELECT 1 FROM attempt a WHERE a.job_id = o.job_id AND a.outcome = 1))""",
        "Report it with the examples: the fence of FINISH is there to exclude it.",
    ),
    rule(
        13,
        "started_after_its_end",
        "jobs that were cancelled or had expired, and were started afterwards",
        """SELECT a.job_id AS example FROM attempt a JOIN job j ON j.id = a.job_id
        WHERE a.job_id >= :since AND j.final_state IN (13, 14)
          AND a.started_at > j.finished_at""",
        _REPORT,
    ),
    rule(
        13,
        "runs_after_its_cancel",
        "jobs that were started after their cancel was acknowledged, and go on",
        """SELECT format('%s fence %s', l.job_id, l.fence) AS example FROM live l
        WHERE l.cancel_at IS NOT NULL AND l.state = 4 AND l.started_at > l.cancel_at""",
        _REPORT,
        settles=True,
    ),
)
