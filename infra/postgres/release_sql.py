"""The release statement, in four forms: what nobody uses costs nothing.

``PLAIN`` takes each flow's jobs by priority and age. ``GENERAL`` also leaves closed pools out
and gives end users of a shared flow their turns. ``COUNTED`` and ``LIMITED`` are the same two,
held to limits per time.
"""

from typing import Final

from infra.postgres.hot import HotStatement

_FLOWS: Final = """
WITH RECURSIVE r AS MATERIALIZED (
  SELECT x.*, GREATEST(x.s, :v) AS start, x.m - (
    SELECT count(*) FROM (
      SELECT 1 FROM live l WHERE l.lane = :lane AND l.tenant_id = x.t AND l.state IN (3, 4)
      LIMIT x.m) busy) AS room
  FROM unnest(CAST(:tenants AS bigint[]), CAST(:weights AS int[]), CAST(:limits AS int[]),
              CAST(:quotas AS int[]), CAST(:vtimes AS bigint[]){more})
    AS x(t, w, m, q, s{names})),
"""

_IN_ORDER: Final = """
c AS MATERIALIZED (
  SELECT r.t, x.*, row_number() OVER (PARTITION BY r.t ORDER BY x.priority, x.job_id) AS n
  FROM r CROSS JOIN LATERAL (
    SELECT l.job_id, l.priority, l.pool, l.cost, l.images, l.tokens, CAST(0 AS bigint) AS k
    FROM live l
    WHERE l.state = 2 AND l.lane = :lane AND l.tenant_id = r.t
    ORDER BY l.priority, l.job_id LIMIT GREATEST(LEAST(r.room, r.q), 0)
    FOR UPDATE SKIP LOCKED) x),
"""

# The end users of a shared flow stand in a ring, in the order of their keys; the turn after the
# last one served is found by walking the index from key to key, whatever their backlogs.
_IN_TURN: Final = """
u AS MATERIALIZED (
  SELECT r.t, CAST(0 AS bigint) AS k, 0 AS place, GREATEST(LEAST(r.room, r.q), 0) AS most
  FROM r WHERE NOT r.shared
  UNION ALL
  SELECT r.t, ring.k, ring.place,
    CAST(ceil(GREATEST(LEAST(r.room, r.q), 0) / CAST(ring.users AS float8)) AS int)
  FROM r CROSS JOIN LATERAL (
    WITH RECURSIVE walk(k, place, head) AS (
      SELECT h.k, 1, h.k FROM (SELECT COALESCE(
        (SELECT l.end_user_key FROM live l WHERE l.state = 2 AND l.lane = :lane
           AND l.tenant_id = r.t AND l.end_user_key > r.last
           AND l.pool = ANY (CAST(:open AS smallint[]))
         ORDER BY l.end_user_key LIMIT 1),
        (SELECT l.end_user_key FROM live l WHERE l.state = 2 AND l.lane = :lane
           AND l.tenant_id = r.t AND l.pool = ANY (CAST(:open AS smallint[]))
         ORDER BY l.end_user_key LIMIT 1)) AS k) h
      WHERE h.k IS NOT NULL
      UNION ALL
      SELECT h.k, walk.place + 1, walk.head FROM walk CROSS JOIN LATERAL (SELECT COALESCE(
        (SELECT l.end_user_key FROM live l WHERE l.state = 2 AND l.lane = :lane
           AND l.tenant_id = r.t AND l.end_user_key > walk.k
           AND l.pool = ANY (CAST(:open AS smallint[]))
         ORDER BY l.end_user_key LIMIT 1),
        (SELECT l.end_user_key FROM live l WHERE l.state = 2 AND l.lane = :lane
           AND l.tenant_id = r.t AND l.pool = ANY (CAST(:open AS smallint[]))
         ORDER BY l.end_user_key LIMIT 1)) AS k) h
      WHERE walk.place < LEAST(r.room, r.q) AND h.k <> walk.head)
    SELECT walk.k, walk.place, count(*) OVER () AS users FROM walk) ring
  WHERE r.shared),
every AS MATERIALIZED (
  SELECT u.t, x.*, u.k, u.place,
    row_number() OVER (PARTITION BY u.t, u.k ORDER BY x.priority, x.job_id) AS nth
  FROM u CROSS JOIN unnest(CAST(:open AS smallint[])) AS o(pool) CROSS JOIN LATERAL (
    SELECT l.job_id, l.priority, l.pool, l.cost, l.images, l.tokens FROM live l
    WHERE l.state = 2 AND l.lane = :lane AND l.tenant_id = u.t AND l.end_user_key = u.k
      AND l.pool = o.pool
    ORDER BY l.priority, l.job_id LIMIT u.most FOR UPDATE SKIP LOCKED) x),
c AS MATERIALIZED (
  SELECT y.t, y.job_id, y.priority, y.pool, y.cost, y.images, y.tokens, y.k, y.n
  FROM (SELECT every.*, row_number() OVER (
          PARTITION BY every.t ORDER BY every.nth, every.place, every.priority, every.job_id)
          AS n FROM every) y
  JOIN r ON r.t = y.t WHERE y.n <= LEAST(r.room, r.q)),
"""

# A job's start tag: where its flow's virtual time stands when the jobs before it are charged.
_TAGGED: Final = """
d AS MATERIALIZED (
  SELECT c.*, r.start + (sum(c.cost) OVER (PARTITION BY c.t ORDER BY c.n) - c.cost)
    * (:scale / CAST(r.w AS float8)) AS tag
  FROM c JOIN r ON r.t = c.t),
"""

_ALL: Final = """
j AS MATERIALIZED (
  SELECT d.*, false AS blocked FROM d ORDER BY d.tag, d.t, d.n LIMIT :budget),
"""

# Running sums in the order of release. A job that is held back holds back those behind it.
_WITHIN_LIMITS: Final = """
a AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:a_owner AS int[]), CAST(:a_requests AS bigint[]),
    CAST(:a_images AS bigint[]), CAST(:a_tokens AS bigint[]),
    CAST(:a_images_whole AS boolean[]), CAST(:a_tokens_whole AS boolean[]))
    AS a(owner, requests, images, tokens, images_whole, tokens_whole)),
b AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:t_owner AS bigint[]), CAST(:t_requests AS bigint[]),
    CAST(:t_images AS bigint[]), CAST(:t_tokens AS bigint[]),
    CAST(:t_images_whole AS boolean[]), CAST(:t_tokens_whole AS boolean[]))
    AS b(owner, requests, images, tokens, images_whole, tokens_whole)),
m AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:pools AS smallint[]), CAST(:pool_accounts AS int[]))
    AS m(pool, owner)),
of_tenant AS MATERIALIZED (
  SELECT d.*, count(*) OVER w AS nth, sum(d.images) OVER w AS sum_images,
    sum(d.tokens) OVER w AS sum_tokens
  FROM d WINDOW w AS (PARTITION BY d.t ORDER BY d.n)),
planned AS MATERIALIZED (
  SELECT o.*, m.owner, NOT (b.owner IS NULL OR (
    COALESCE(o.nth <= b.requests, true)
    AND COALESCE(o.sum_images <= b.images OR (b.images_whole AND o.nth = 1), true)
    AND COALESCE(o.sum_tokens <= b.tokens OR (b.tokens_whole AND o.nth = 1), true))) AS over
  FROM of_tenant o LEFT JOIN b ON b.owner = o.t LEFT JOIN m ON m.pool = o.pool),
of_account AS MATERIALIZED (
  SELECT p.*, count(*) FILTER (WHERE NOT p.over) OVER w AS a_nth,
    sum(p.images) FILTER (WHERE NOT p.over) OVER w AS a_images,
    sum(p.tokens) FILTER (WHERE NOT p.over) OVER w AS a_tokens
  FROM planned p WINDOW w AS (PARTITION BY p.owner ORDER BY p.tag, p.t, p.n)),
held AS MATERIALIZED (
  SELECT o.t, o.job_id, o.priority, o.pool, o.cost, o.images, o.tokens, o.k, o.n, o.tag,
    o.over OR NOT (a.owner IS NULL OR (
      COALESCE(o.a_nth <= a.requests, true)
      AND COALESCE(o.a_images <= a.images OR (a.images_whole AND o.a_nth = 1), true)
      AND COALESCE(o.a_tokens <= a.tokens OR (a.tokens_whole AND o.a_nth = 1), true)))
      AS blocked
  FROM of_account o LEFT JOIN a ON a.owner = o.owner),
j AS MATERIALIZED (
  (SELECT * FROM held WHERE NOT blocked ORDER BY tag, t, n LIMIT :budget)
  UNION ALL
  (SELECT DISTINCT ON (t) * FROM held WHERE blocked ORDER BY t, n)),
"""

# A flow's jobs start at its virtual time, or at the lane's if it rested; the lane's own time is
# the start of the last job served. So a flow that returns stands beside the busy ones.
_WRITE: Final = """
g AS (
  UPDATE live SET state = 3, fence = fence + 1, lease_until = now() + :ttl,
    releases = releases + 1
  FROM j WHERE live.job_id = j.job_id AND NOT j.blocked
  RETURNING live.job_id, live.tenant_id, live.fence, live.priority, live.pool, live.cost,
    live.images, live.tokens),
n AS (
  SELECT r.t, r.room, r.start, :scale / CAST(r.w AS float8) AS rate, count(g.job_id) AS got,
    COALESCE(sum(g.cost), 0) AS cost, COALESCE(max(g.cost), 0) AS dearest
  FROM r LEFT JOIN g ON g.tenant_id = r.t GROUP BY r.t, r.w, r.room, r.start),
f AS (
  UPDATE flow SET
    vtime = n.start + CAST(n.cost * n.rate AS bigint),
    cost = CASE WHEN n.got > 0 THEN CAST(n.cost / n.got AS int) ELSE flow.cost END,
    parked_until = CASE WHEN n.room <= n.got THEN now() + :park END,
    park_reason = CASE WHEN n.room <= n.got THEN :full END{cursor}
  FROM n WHERE flow.lane = :lane AND flow.tenant_id = n.t AND (n.got > 0 OR n.room <= 0)),
o AS (
  UPDATE lane_clock SET
    v = GREATEST(v, (SELECT max(n.start + CAST((n.cost - n.dearest) * n.rate AS bigint))
                     FROM n WHERE n.got > 0)),
    pass = GREATEST(pass, :floor) + :stride * (SELECT count(*) FROM g)
  WHERE lane = :lane AND EXISTS (SELECT 1 FROM g))
SELECT * FROM (
  SELECT job_id, fence, tenant_id, pool, images, tokens, false AS blocked, priority FROM g
  {blocked}
  UNION ALL
  SELECT NULL, 0, r.t, 0, 0, 0, false, 0 FROM r
  WHERE r.room > 0
    AND (SELECT count(*) FROM c WHERE c.t = r.t) < LEAST(r.room, r.q){some}) released
ORDER BY priority, job_id
"""

_CURSOR: Final = """,
    last_end_user_key = COALESCE((SELECT j.k FROM j WHERE j.t = n.t AND NOT j.blocked
      ORDER BY j.n DESC LIMIT 1), flow.last_end_user_key)"""

_BLOCKED: Final = """UNION ALL
  SELECT j.job_id, 0, j.t, j.pool, j.images, j.tokens, true, j.priority
  FROM j WHERE j.blocked"""

# End users' shares of a quota do not add up to it: a shared flow that gave some has more.
_NONE_AT_ALL: Final = """
    AND (NOT r.shared OR NOT EXISTS (SELECT 1 FROM c WHERE c.t = r.t))"""

_SHARED: Final = ", CAST(:shared AS boolean[]), CAST(:lasts AS bigint[])"

_PLAIN_FLOWS: Final = _FLOWS.format(more="", names="") + _IN_ORDER + _TAGGED
_SHARED_FLOWS: Final = _FLOWS.format(more=_SHARED, names=", shared, last") + _IN_TURN + _TAGGED

PLAIN: Final = HotStatement(_PLAIN_FLOWS + _ALL + _WRITE.format(cursor="", blocked="", some=""))
COUNTED: Final = HotStatement(
    _PLAIN_FLOWS + _WITHIN_LIMITS + _WRITE.format(cursor="", blocked=_BLOCKED, some="")
)
GENERAL: Final = HotStatement(
    _SHARED_FLOWS + _ALL + _WRITE.format(cursor=_CURSOR, blocked="", some=_NONE_AT_ALL)
)
LIMITED: Final = HotStatement(
    _SHARED_FLOWS
    + _WITHIN_LIMITS
    + _WRITE.format(cursor=_CURSOR, blocked=_BLOCKED, some=_NONE_AT_ALL)
)
