"""Invariants 5 to 8: limits as they stand now, nothing that sleeps on work, nobody idle."""

from typing import Final

from infra.postgres.audits.rule import Rule, rule
from infra.postgres.parks import LONGEST_PARK

_DISPATCH: Final = (
    "Is a dispatcher running (genq dispatch)? Its log tells what it cannot do. If one runs and "
    "logs nothing, report this with the examples."
)
_LOWERED: Final = (
    "If the limit was lowered a moment ago, this ends as these jobs end. If not, report it."
)
_FOREVER: Final = int(LONGEST_PARK.total_seconds()) + 60

# A loose index scan: one probe per flow that has ready jobs, however many these are.
_FLOWS_WITH_WORK: Final = """
WITH RECURSIVE k AS (
  (SELECT l.lane, l.tenant_id FROM live l WHERE l.state = 2
   ORDER BY l.lane, l.tenant_id LIMIT 1)
  UNION ALL
  SELECT n.lane, n.tenant_id FROM k, LATERAL (
    SELECT l.lane, l.tenant_id FROM live l
    WHERE l.state = 2 AND (l.lane, l.tenant_id) > (k.lane, k.tenant_id)
    ORDER BY l.lane, l.tenant_id LIMIT 1) n)
"""

QUEUE_RULES: Final[tuple[Rule, ...]] = (
    rule(
        5,
        "lane_limit_exceeded",
        "tenants with more jobs in flight in a lane than their max_inflight",
        """SELECT format('lane %s tenant %s: %s in flight, %s allowed', l.lane, l.tenant_id,
            l.jobs, t.max_inflight) AS example
        FROM (SELECT lane, tenant_id, count(*) AS jobs FROM live WHERE state IN (3, 4)
              GROUP BY lane, tenant_id) l
        JOIN tenant t ON t.id = l.tenant_id WHERE l.jobs > t.max_inflight""",
        _LOWERED,
    ),
    rule(
        5,
        "total_limit_exceeded",
        "tenants with more jobs in flight over all lanes than their max_inflight_total",
        """SELECT format('tenant %s: %s in flight, %s allowed', l.tenant_id, l.jobs,
            t.max_inflight_total) AS example
        FROM (SELECT tenant_id, count(*) AS jobs FROM live WHERE state IN (3, 4)
              GROUP BY tenant_id) l
        JOIN tenant t ON t.id = l.tenant_id WHERE l.jobs > t.max_inflight_total""",
        _LOWERED,
    ),
    rule(
        6,
        "limiter_overdrawn",
        "limits per minute of which more than the whole allowance was given away",
        """SELECT m.key AS example FROM limiter m WHERE split_part(m.key, ':', 3) = 'requests'
          AND m.tat > clock_timestamp() + m.burst * m.emission + interval '1 second'""",
        "If the clock of the PostgreSQL machine was set back, this ends by itself. If not, "
        "report it.",
    ),
    rule(
        7,
        "flow_sleeps_on_work",
        "tenants whose ready jobs in a lane nobody looks at",
        f"""{_FLOWS_WITH_WORK}
        SELECT format('lane %s tenant %s', k.lane, k.tenant_id) AS example FROM k
        WHERE NOT EXISTS (SELECT 1 FROM flow f
          WHERE f.lane = k.lane AND f.tenant_id = k.tenant_id AND f.active)""",
        "A running dispatcher wakes them within 30 s and counts genq_sleeping_flows_found; "
        "report it all the same, the locks are there to exclude it.",
    ),
    rule(
        7,
        "park_without_end",
        "tenants that are kept out of a lane for longer than any limit asks for",
        f"""SELECT format('lane %s tenant %s until %s', f.lane, f.tenant_id, f.parked_until)
            AS example
        FROM flow f WHERE f.parked_until IS NOT NULL
          AND f.parked_until > now() + interval '{_FOREVER} seconds'""",
        "Set parked_until of these rows of flow to now(). If nobody changed them by hand, and "
        "the clock of the PostgreSQL machine was not set back, report it.",
    ),
    rule(
        7,
        "released_without_lease",
        "released jobs without a lease: should their message be lost, nobody notices",
        "SELECT job_id AS example FROM live WHERE state = 3 AND lease_until IS NULL",
        "Set lease_until of these rows of live to now(); they are then released again.",
    ),
    rule(
        7,
        "running_without_session",
        "running jobs that belong to no worker",
        "SELECT job_id AS example FROM live WHERE state = 4 AND session_id IS NULL",
        "Set session_id of these rows of live to 0; the dispatcher then gives them to others.",
    ),
    rule(
        8,
        "dead_workers_job",
        "jobs of workers that are gone, which nobody has taken back",
        """SELECT format('%s fence %s', l.job_id, l.fence) AS example FROM live l
        WHERE l.state = 4 AND NOT EXISTS (
          SELECT 1 FROM session s
          WHERE s.id = l.session_id AND s.expires_at > clock_timestamp() - :bound)""",
        _DISPATCH,
        settles=True,
    ),
    rule(
        8,
        "due_and_not_ready",
        "jobs whose time has come, and that were not made ready",
        """SELECT l.job_id AS example FROM live l
        WHERE l.state = 1 AND l.run_at < now() - :bound ORDER BY l.run_at""",
        _DISPATCH,
        settles=True,
    ),
    rule(
        8,
        "park_not_lifted",
        "tenants whose wait is over, and that were not let in again",
        """SELECT format('lane %s tenant %s since %s', f.lane, f.tenant_id, f.parked_until)
            AS example
        FROM flow f WHERE f.parked_until < now() - :bound""",
        _DISPATCH,
        settles=True,
    ),
    rule(
        8,
        "expired_and_not_ended",
        "jobs that waited past their deadline or start_timeout, and were not ended",
        """SELECT l.job_id AS example FROM live l
        WHERE l.state < 4 AND LEAST(l.deadline, l.start_by) < now() - :bound
        ORDER BY LEAST(l.deadline, l.start_by)""",
        _DISPATCH,
        settles=True,
    ),
    # The lane's pass moves with every release: an example that is the same at both looks says
    # that nothing was released in between.
    rule(
        8,
        "nobody_releases",
        "lanes with ready jobs and free workers, in which nothing is released",
        """WITH s AS MATERIALIZED (
          SELECT slots, lanes FROM session
          WHERE expires_at > clock_timestamp() AND NOT draining)
        SELECT format('lane %s at pass %s', q.name, c.pass) AS example
        FROM lane_clock c
        JOIN unnest(CAST(:lanes AS smallint[]), CAST(:names AS text[]),
                    CAST(:shares AS float8[])) AS q(lane, name, share) ON q.lane = c.lane
        WHERE c.paused_at IS NULL
          AND (SELECT count(*) FROM live l WHERE l.lane = c.lane AND l.state IN (3, 4))
            < (SELECT COALESCE(sum(s.slots), 0) FROM s WHERE c.lane = ANY (s.lanes)) * q.share
          AND (SELECT count(*) FROM live l WHERE l.state IN (3, 4))
            < (SELECT COALESCE(sum(s.slots), 0) FROM s) * q.share
          AND EXISTS (
            SELECT 1 FROM (
              SELECT f.tenant_id FROM flow f
              WHERE f.lane = c.lane AND f.active AND f.parked_until IS NULL
              ORDER BY f.vtime LIMIT 100) f
            JOIN tenant t ON t.id = f.tenant_id AND t.paused_at IS NULL
            WHERE t.max_inflight > (SELECT count(*) FROM live l
              WHERE l.lane = c.lane AND l.tenant_id = f.tenant_id AND l.state IN (3, 4))
            AND (t.max_inflight_total IS NULL OR t.max_inflight_total > (
              SELECT count(*) FROM live l
              WHERE l.tenant_id = f.tenant_id AND l.state IN (3, 4)))
            AND EXISTS (
              SELECT 1 FROM (
                SELECT l.pool FROM live l
                WHERE l.state = 2 AND l.lane = c.lane AND l.tenant_id = f.tenant_id
                ORDER BY l.priority, l.job_id LIMIT 100) l
              LEFT JOIN pool p ON p.id = l.pool
              WHERE p.paused_at IS NULL AND l.pool <> ALL (CAST(:closed AS smallint[]))))""",
        _DISPATCH,
        settles=True,
    ),
)
