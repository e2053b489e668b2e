"""Invariant 14: what is held back of a budget is held back by a job that is live."""

from typing import Final

from infra.postgres.audits.rule import Rule, rule

_REPORT: Final = (
    "Was the database restored, or changed by hand? If not, report it with the examples: no "
    "sequence of crashes may lead here."
)

BUDGET_RULES: Final[tuple[Rule, ...]] = (
    rule(
        14,
        "reservation_of_no_job",
        "jobs that have ended, or never were, and still hold back a part of a budget",
        """SELECT r.job_id AS example FROM reservation r
        WHERE r.spent_money IS NULL AND NOT EXISTS (
          SELECT 1 FROM live l WHERE l.job_id = r.job_id AND l.budgeted)""",
        "While workers of a release without budgets run beside this one, the jobs that they "
        "end are such; the house-keeping settles them within ten minutes. Else: " + _REPORT,
    ),
    rule(
        14,
        "budgeted_without_reservation",
        "live jobs that should hold back a part of a budget, and hold nothing",
        """SELECT l.job_id AS example FROM live l WHERE l.budgeted AND NOT EXISTS (
          SELECT 1 FROM reservation r WHERE r.job_id = l.job_id AND r.spent_money IS NULL)""",
        _REPORT,
    ),
    rule(
        14,
        "books_out_of_balance",
        "budgets of which another amount is reserved than their jobs hold back",
        """SELECT format('tenant %s, end user %L, unit %s, period %s of %s: %s, jobs hold %s',
          tenant_id, end_user, unit, period, starts_on, sum(entered), sum(held)) AS example
        FROM (
          SELECT tenant_id, end_user, unit, period, starts_on, reserved AS entered, 0 AS held
          FROM budget_use WHERE starts_on >= CAST(now() - interval '32 days' AS date)
          UNION ALL
          SELECT r.tenant_id, u.end_user, n.unit, p.period, p.starts_on, 0, n.held
          FROM reservation r
          CROSS JOIN LATERAL (SELECT '' AS end_user UNION SELECT r.end_user) u
          CROSS JOIN LATERAL (VALUES (1, r.money), (2, r.images), (3, r.tokens))
            AS n(unit, held)
          CROSS JOIN LATERAL (VALUES (1, r.day),
            (2, CAST(date_trunc('month', CAST(r.day AS timestamp)) AS date)))
            AS p(period, starts_on)
          WHERE p.starts_on >= CAST(now() - interval '32 days' AS date)) sides
        GROUP BY tenant_id, end_user, unit, period, starts_on
        HAVING sum(entered) <> sum(held)""",
        _REPORT,
    ),
)
