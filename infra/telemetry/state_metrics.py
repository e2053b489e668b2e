"""Gauges of what PostgreSQL and Valkey hold: the same on every API process, whoever restarts.

The API alone shows them, set anew at scrapes by ``producer/api/metrics_page.py``; what could
not be read is not shown, rather than shown as zero. A tenant is named only where the operator
named it first (``GENQ_METRICS_TENANTS``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StateGauge:
    """A gauge's name, meaning and labels."""

    name: str
    meaning: str
    labels: Labels = ()


JOBS: Final = StateGauge(
    "genq_jobs", "Jobs that have not ended, as counted in PostgreSQL.", ("lane", "state")
)
QUEUE_OLDEST_JOB_AGE_SECONDS: Final = StateGauge(
    "genq_queue_oldest_job_age_seconds",
    "Age of the oldest job that is ready to run.",
    ("lane",),
)
OLDEST_ATTEMPT_AGE_SECONDS: Final = StateGauge(
    "genq_oldest_attempt_age_seconds",
    "How long the attempt runs that has been running longest.",
    ("lane",),
)
JOBS_OVERDUE: Final = StateGauge(
    "genq_jobs_overdue", "Jobs that still run a minute after their deadline.", ("lane",)
)
BATCHES: Final = StateGauge(
    "genq_batches", "Batches that have not ended, as counted in PostgreSQL.", ("status",)
)
OUTBOX_BACKLOG: Final = StateGauge(
    "genq_outbox_backlog", "Deliveries that are owed, as counted in PostgreSQL."
)
OUTBOX_OLDEST_AGE_SECONDS: Final = StateGauge(
    "genq_outbox_oldest_age_seconds",
    "How long the delivery has been due that nobody has taken up for longest, although its "
    "receiver is not down.",
)
WEBHOOK_BACKLOG: Final = StateGauge(
    "genq_webhook_backlog", "Deliveries that failed before and are to be tried again."
)
WEBHOOKS_HELD_BACK: Final = StateGauge(
    "genq_webhooks_held_back",
    "Deliveries whose receiver is down, disabled, or asked to wait.",
)
WEBHOOK_OLDEST_AGE_SECONDS: Final = StateGauge(
    "genq_webhook_oldest_age_seconds", "Age of the oldest delivery that is still owed."
)
WEBHOOK_RECEIVERS: Final = StateGauge(
    "genq_webhook_receivers",
    "Receivers of webhooks by what is done about them: tried as ever (well, failing), tried "
    "again with care (slow_start), left alone as they asked (paused), probed (open), not tried "
    "(disabled).",
    ("state",),
)
WORKERS: Final = StateGauge(
    "genq_workers",
    "Worker processes: alive, draining, or silent for longer than a session lasts.",
    ("state",),
)
LANE_WORKERS: Final = StateGauge(
    "genq_lane_workers", "Worker processes that take jobs of the lane.", ("lane",)
)
WORKER_HEARTBEAT_AGE_SECONDS: Final = StateGauge(
    "genq_worker_heartbeat_age_seconds",
    "Time since the last sign of life of the worker that has been silent longest.",
)
BUDGETS_NEAR_LIMIT: Final = StateGauge(
    "genq_budgets_near_limit",
    "Budgets of which this percentage or more is spent or reserved in the current period.",
    ("percent",),
)
REVIEWS_OPEN: Final = StateGauge(
    "genq_reviews_open", "What waits for a person to decide, by why it does.", ("cause",)
)
REVIEWS_OLDEST_AGE_SECONDS: Final = StateGauge(
    "genq_reviews_oldest_age_seconds",
    "Age of the oldest item that a person is to decide.",
    ("cause",),
)
DEPENDENCY_UP: Final = StateGauge(
    "genq_dependency_up",
    "1 if the server answered the API at the last look, else 0.",
    ("dependency",),
)
ACTIVE_USERS: Final = StateGauge(
    "genai_active_users",
    "Distinct end users, over all tenants, whose jobs came in the last five minutes.",
)
TENANT_JOBS: Final = StateGauge(
    "genq_tenant_jobs",
    "Jobs that have not ended, of the tenants that GENQ_METRICS_TENANTS names.",
    ("tenant", "state"),
)
TENANT_BUDGET_USED_RATIO: Final = StateGauge(
    "genq_tenant_budget_used_ratio",
    "Part of the tenant's own budget that is spent or reserved in the current period.",
    ("tenant", "unit", "period"),
)

STATE_GAUGES: Final = (
    JOBS,
    QUEUE_OLDEST_JOB_AGE_SECONDS,
    OLDEST_ATTEMPT_AGE_SECONDS,
    JOBS_OVERDUE,
    BATCHES,
    OUTBOX_BACKLOG,
    OUTBOX_OLDEST_AGE_SECONDS,
    WEBHOOK_BACKLOG,
    WEBHOOKS_HELD_BACK,
    WEBHOOK_OLDEST_AGE_SECONDS,
    WEBHOOK_RECEIVERS,
    WORKERS,
    LANE_WORKERS,
    WORKER_HEARTBEAT_AGE_SECONDS,
    BUDGETS_NEAR_LIMIT,
    REVIEWS_OPEN,
    REVIEWS_OLDEST_AGE_SECONDS,
    DEPENDENCY_UP,
    ACTIVE_USERS,
    TENANT_JOBS,
    TENANT_BUDGET_USED_RATIO,
)

Values = Mapping[Labels, float]


class States(Collector):
    """What the gauges stand at, for ``prometheus_client`` to print."""

    def __init__(self) -> None:
        self._values: dict[StateGauge, Values] = {}

    def show(self, values: Mapping[StateGauge, Values]) -> None:
        """Set gauges, each as a whole; the others stay as they are."""
        self._values.update(values)

    def hide(self, *but: StateGauge) -> None:
        """Show nothing any more, except these."""
        self._values = {gauge: self._values[gauge] for gauge in but if gauge in self._values}

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return every gauge; one without values is a name and a meaning."""
        for gauge in STATE_GAUGES:
            family = GaugeMetricFamily(gauge.name, gauge.meaning, labels=gauge.labels)
            for labels, value in self._values.get(gauge, {}).items():
                family.add_metric(labels, value)
            yield family
