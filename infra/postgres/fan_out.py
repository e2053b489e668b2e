"""Who is told of an event: the words that make its deliveries and wake their lanes.

Part of every statement that writes events, so that what is owed commits with what it is owed
for. The words follow a relation ``due``, one row for each event::

    due (event_id, job_id, tenant_id, kind, type, seq, channels, labels, delivery_id, url,
         origin, endpoint_id, trigger)

``channels`` are joined by commas; ``labels`` is the job's metadata as JSON. ``delivery_id``,
``url`` and ``origin`` are those of the URL that came with the job, or null. An ``endpoint_id``
names the one endpoint that hears of it, be it enabled or not; null: every enabled endpoint of
the tenant that asks for the type, for one of the channels, and for what the metadata says. A
tenant without endpoints costs one look into an index.
"""

from typing import Final

from schemas.events import LAST_STEP, STEPS_OF_A_FENCE, OutboxKind

# PostgreSQL runs the writing parts of a statement from the last to the first, unless one reads
# another's rows: a statement that locks flows as well names them behind these words, so that
# everybody locks flows before lanes, and lanes in the order of their ids.
#
# A lane that is due already is not written: a busy receiver makes no busy row. Nobody else's
# lock is waited for then. One that may not be tried yet is due when it may.
WOKEN: Final = """woken AS (
  INSERT INTO webhook_lane AS l (id, tenant_id, endpoint_id, origin, next_due_at)
  SELECT DISTINCT ON (lane_id) lane_id, tenant_id, endpoint_id, origin, now()
  FROM owed WHERE NOT EXISTS (
    SELECT 1 FROM webhook_lane k WHERE k.id = owed.lane_id
      AND k.next_due_at <= GREATEST(now(), k.blocked_until))
  ORDER BY lane_id
  ON CONFLICT (id) DO UPDATE SET next_due_at = GREATEST(now(), l.blocked_until)
  WHERE l.next_due_at IS NULL OR l.next_due_at > GREATEST(now(), l.blocked_until))"""
"""Follows a relation ``owed`` with the new deliveries."""

# The endpoints of these tenants. The comparison of rows and the LIMIT keep the planner on one
# index, whatever it believes that a tenant has; GENQ_WEBHOOK_ENDPOINTS allows no more.
LISTENING: Final = """
listening AS MATERIALIZED (
  SELECT e.* FROM (SELECT DISTINCT tenant_id FROM due) t CROSS JOIN LATERAL (
    SELECT id, tenant_id, url, origin, event_types, channels, filter, disabled_at
    FROM webhook_endpoint WHERE tenant_id = t.tenant_id
      AND (tenant_id, id) > (t.tenant_id, CAST('00000000-0000-0000-0000-000000000000' AS uuid))
    ORDER BY tenant_id, id LIMIT 1000) e)"""

FAN_OUT: Final = (
    """
owed AS (
  INSERT INTO delivery
    (id, event_id, job_id, tenant_id, url, origin, kind, seq, trigger, endpoint_id)
  SELECT delivery_id, event_id, job_id, tenant_id, url, origin, kind, seq, trigger,
    CAST(NULL AS uuid)
  FROM due WHERE delivery_id IS NOT NULL
  UNION ALL
  SELECT uuidv7(), d.event_id, d.job_id, d.tenant_id, e.url, e.origin, d.kind, d.seq,
    d.trigger, e.id
  FROM due d JOIN listening e ON e.tenant_id = d.tenant_id
  WHERE CASE WHEN d.endpoint_id IS NOT NULL THEN e.id = d.endpoint_id
    ELSE e.disabled_at IS NULL
      AND e.event_types && ARRAY[d.type, split_part(d.type, '.', 1) || '.*']
      AND (e.channels IS NULL OR e.channels && string_to_array(d.channels, ','))
      AND (e.filter IS NULL
        OR e.filter <@ CAST(COALESCE(d.labels, '{}') AS jsonb))
    END
  RETURNING event_id, lane_id, tenant_id, endpoint_id, origin),
"""
    + WOKEN
)


# Of the rows ``d`` of a statement that ends jobs: each with one event, its last.
DUE_OF_ENDS: Final = f"""
due AS (
  SELECT event_id, job_id, tenant_id, CAST({OutboxKind.TERMINAL:d} AS smallint) AS kind, type,
    CAST(fence AS bigint) * {STEPS_OF_A_FENCE} + {LAST_STEP} AS seq, channels, labels,
    delivery_id, url, origin, CAST(NULL AS uuid) AS endpoint_id,
    CAST(0 AS smallint) AS trigger
  FROM d)"""

# Only endpoints are sent it: without any it is not stored.
THIN_IF_WANTED: Final = """
CASE WHEN thin IS NOT NULL AND EXISTS (
  SELECT 1 FROM listening e WHERE e.tenant_id = d.tenant_id) THEN thin END"""
