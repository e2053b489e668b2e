"""Invariants 1 to 4 and 11: what the ledger says of each job, without contradiction."""

from typing import Final

from infra.postgres.audits.rule import Rule, rule
from schemas.events import terminal_type
from schemas.job_states import JobState

_REPORT: Final = (
    "Stop nothing, change nothing, and report it with the examples: no sequence of crashes "
    "may lead here. What the job made is still in its rows."
)
_BY_HAND: Final = (
    "Was the database restored, or changed by hand? If so, end or delete the jobs named here "
    "by hand as well. If not, report it: no sequence of crashes may lead here."
)
_TYPES: Final = ", ".join(
    f"({state.value}, '{terminal_type(state).value}')" for state in JobState if state.final
)

LEDGER_RULES: Final[tuple[Rule, ...]] = (
    rule(
        1,
        "job_lost",
        "jobs that have neither ended nor wait anywhere: nobody will ever run them",
        """SELECT j.id AS example FROM job j
        WHERE j.id >= :since AND j.final_state IS NULL
          AND NOT EXISTS (SELECT 1 FROM live l WHERE l.job_id = j.id)""",
        _BY_HAND,
    ),
    rule(
        1,
        "job_ended_and_live",
        "jobs that have ended, and are still waiting or running as well",
        """SELECT j.id AS example FROM job j JOIN live l ON l.job_id = j.id
        WHERE j.id >= :since AND j.final_state IS NOT NULL""",
        _BY_HAND,
    ),
    rule(
        1,
        "live_without_job",
        "jobs that wait or run, and of which the ledger knows nothing",
        """SELECT l.job_id AS example FROM live l WHERE l.job_id >= :since AND (
          NOT EXISTS (SELECT 1 FROM job j WHERE j.id = l.job_id)
          OR NOT EXISTS (SELECT 1 FROM payload p WHERE p.job_id = l.job_id))""",
        _BY_HAND,
    ),
    rule(
        2,
        "end_untold",
        "jobs that have ended, and no event says so: their callers were never told",
        """SELECT j.id AS example FROM job j
        WHERE j.id >= :since AND j.final_state IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM outbox o WHERE o.job_id = j.id AND o.kind = 1)""",
        _BY_HAND,
    ),
    rule(
        2,
        "end_told_twice",
        "jobs with two terminal events: their callers were told twice",
        """SELECT o.job_id AS example FROM outbox o WHERE o.job_id >= :since AND o.kind = 1
        GROUP BY o.job_id HAVING count(*) > 1""",
        "Is the index uq_outbox_terminal there? genq db check tells. " + _REPORT,
    ),
    rule(
        2,
        "end_told_before",
        "jobs whose end was told, and that have not ended",
        """SELECT o.job_id AS example FROM outbox o JOIN job j ON j.id = o.job_id
        WHERE o.job_id >= :since AND o.kind = 1 AND j.final_state IS NULL""",
        _REPORT,
    ),
    rule(
        2,
        "end_told_wrongly",
        "jobs whose event tells another end than the ledger",
        f"""SELECT o.job_id AS example FROM outbox o JOIN job j ON j.id = o.job_id
        JOIN (VALUES {_TYPES}) AS t(state, type) ON t.state = j.final_state
        WHERE o.job_id >= :since AND o.kind = 1 AND o.type <> t.type""",
        _REPORT,
    ),
    rule(
        2,
        "result_without_success",
        "jobs that have a result and did not succeed",
        """SELECT r.job_id AS example FROM result r LEFT JOIN job j ON j.id = r.job_id
        WHERE r.job_id >= :since AND j.final_state IS DISTINCT FROM 10""",
        _REPORT,
    ),
    rule(
        2,
        "success_without_result",
        "jobs that succeeded and have no result",
        """SELECT j.id AS example FROM job j WHERE j.id >= :since AND j.final_state = 10
          AND NOT EXISTS (SELECT 1 FROM result r WHERE r.job_id = j.id)""",
        _BY_HAND,
    ),
    rule(
        3,
        "result_of_another_attempt",
        "results that were written by another attempt than the one that succeeded",
        """SELECT r.job_id AS example FROM result r WHERE r.job_id >= :since AND NOT EXISTS (
          SELECT 1 FROM attempt a
          WHERE a.job_id = r.job_id AND a.fence = r.fence AND a.outcome IN (1, 10))""",
        _REPORT,
    ),
    rule(
        3,
        "two_successes",
        "jobs of which two attempts succeeded",
        """SELECT a.job_id AS example FROM attempt a
        WHERE a.job_id >= :since AND a.outcome = 1 GROUP BY a.job_id HAVING count(*) > 1""",
        _REPORT,
    ),
    rule(
        4,
        "attempt_ahead_of_fence",
        "unfinished jobs with an attempt whose fence is not below the job's own: a stalled "
        "worker could write over its successor",
        """SELECT l.job_id AS example FROM live l JOIN attempt a ON a.job_id = l.job_id
        WHERE l.job_id >= :since AND a.job_id >= :since AND a.fence >= l.fence""",
        "Was the database restored to an earlier instant while workers ran? Restart every "
        "worker: an attempt from before the restore must not end a job of today.",
    ),
    rule(
        4,
        "attempts_out_of_order",
        "jobs whose attempts were not numbered in the order of their fences",
        """SELECT DISTINCT a.job_id AS example FROM (
          SELECT job_id, n, lag(n) OVER (PARTITION BY job_id ORDER BY fence) AS before
          FROM attempt WHERE job_id >= :since) a WHERE a.n < a.before""",
        _REPORT,
    ),
    rule(
        11,
        "key_of_no_job",
        "idempotency keys that stand for no job: a job that was accepted is not there",
        """SELECT i.job_id AS example FROM idempotency i
        WHERE i.expires_at > now() + GREATEST(:ttl - :span, interval '0')
          -- A call that is not about one job keeps its answer, and names no job.
          AND i.answer IS NULL
          AND i.job_id >= :since AND NOT EXISTS (SELECT 1 FROM job j WHERE j.id = i.job_id)""",
        "Was the database restored to an earlier instant, or a partition dropped by hand? "
        "Delete the keys, so that their callers' next try submits the job again.",
    ),
    rule(
        11,
        "unique_key_of_no_job",
        "unique keys that are held by no job: submits under them are refused for nothing",
        """SELECT u.job_id AS example FROM unique_job u
        WHERE u.job_id >= :since AND NOT EXISTS (SELECT 1 FROM job j WHERE j.id = u.job_id)""",
        "Delete the rows of unique_job that name these jobs.",
    ),
)
