"""What the dashboard asks: a table of panels, by rows. ``dashboard`` makes JSON of it.

State gauges are the same on every API process: hence max, not sum, over targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_LANE: Final = 'lane=~"$lane"'
_SERVER: Final = 'server=~"$server"'


@dataclass(frozen=True, slots=True)
class Panel:
    """One question to Prometheus, or several on the same scale.

    Attributes:
        title: What it shows.
        unit: Grafana's id of the unit.
        series: Pairs of an expression and how its lines are called.
        width: Of 24 columns.
        kind: Grafana's panel: ``timeseries``, ``stat``.
    """

    title: str
    unit: str
    series: Sequence[tuple[str, str]]
    width: int = 8
    kind: str = "timeseries"


def _rate(metric: str, by: str, where: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{where}}}[$__rate_interval]))"


def _quantile(part: float, metric: str, by: str, where: str = "") -> str:
    buckets = f"sum by (le, {by}) (rate({metric}_bucket{{{where}}}[$__rate_interval]))"
    return f"histogram_quantile({part}, {buckets})"


def _slow(metric: str, by: str, where: str = "") -> list[tuple[str, str]]:
    return [
        (_quantile(0.5, metric, by, where), f"{{{{{by}}}}} half"),
        (_quantile(0.95, metric, by, where), f"{{{{{by}}}}} 95 %"),
    ]


ROWS: Final[dict[str, tuple[Panel, ...]]] = {
    "At a glance": (
        Panel(
            "Jobs waiting",
            "short",
            [(f'sum(max by (lane) (genq_jobs{{state="ready",{_LANE}}}))', "waiting")],
            4,
            "stat",
        ),
        Panel(
            "Jobs running",
            "short",
            [(f'sum(max by (lane) (genq_jobs{{state="running",{_LANE}}}))', "running")],
            4,
            "stat",
        ),
        Panel(
            "Oldest waiting job",
            "s",
            [(f"max(genq_queue_oldest_job_age_seconds{{{_LANE}}})", "age")],
            4,
            "stat",
        ),
        Panel("Active end users", "short", [("max(genai_active_users)", "users")], 4, "stat"),
        Panel("Workers", "short", [('max(genq_workers{state="alive"})', "alive")], 4, "stat"),
        Panel("Servers up", "short", [("min(genq_dependency_up)", "all")], 4, "stat"),
    ),
    "Queue": (
        Panel(
            "Jobs by state",
            "short",
            [(f"sum by (state) (max by (lane, state) (genq_jobs{{{_LANE}}}))", "{{state}}")],
        ),
        Panel(
            "Oldest waiting job",
            "s",
            [(f"max by (lane) (genq_queue_oldest_job_age_seconds{{{_LANE}}})", "{{lane}}")],
        ),
        Panel(
            "Submitted, released, finished per second",
            "ops",
            [
                (_rate("genq_jobs_submitted_total", "lane", _LANE), "{{lane}} submitted"),
                (_rate("genq_jobs_released_total", "lane", _LANE), "{{lane}} released"),
                (_rate("genq_jobs_finished_total", "lane", _LANE), "{{lane}} finished"),
            ],
        ),
        Panel("Wait until the start", "s", _slow("genq_job_wait_seconds", "lane", _LANE)),
        Panel("From submit to end", "s", _slow("genq_job_total_seconds", "lane", _LANE)),
        Panel(
            "Taken back from where jobs got stuck",
            "ops",
            [(_rate("genq_jobs_reaped_total", "reason"), "{{reason}}")],
        ),
    ),
    "Batches and held calls": (
        Panel("Batches by status", "short", [("max by (status) (genq_batches)", "{{status}}")]),
        Panel(
            "Lines ended by outcome",
            "ops",
            [(_rate("genq_batch_lines_ended_total", "outcome"), "{{outcome}}")],
        ),
        Panel("From making to end", "s", _slow("genq_batch_total_seconds", "status")),
        Panel(
            "Lines looked at",
            "ops",
            [(_rate("genq_batch_lines_validated_total", "result"), "{{result}}")],
        ),
        Panel("Calls that are held", "short", [("sum(genq_held_calls)", "held")]),
        Panel(
            "Held calls attached, sent round",
            "ops",
            [
                ("sum(rate(genq_held_calls_attached_total[$__rate_interval]))", "attached"),
                ("sum(rate(genq_held_calls_sent_round_total[$__rate_interval]))", "sent round"),
            ],
        ),
    ),
    "Generation": (
        Panel(
            "Ended by status",
            "ops",
            [(_rate("genai_generation_requests_total", "status", _LANE), "{{status}}")],
        ),
        Panel("Duration by model", "s", _slow("genai_generation_duration_seconds", "model")),
        Panel(
            "Errors",
            "ops",
            [(_rate("genai_errors_total", "error_type"), "{{error_type}}")],
        ),
        Panel(
            "Attempts by outcome",
            "ops",
            [(_rate("genq_attempts_total", "outcome"), "{{outcome}}")],
        ),
        Panel(
            "Blocked content",
            "ops",
            [(_rate("genai_safety_violations_total", "violation_type"), "{{violation_type}}")],
        ),
        Panel(
            "Quality scores",
            "short",
            [(_quantile(0.5, "genai_content_quality_score", "dimension"), "{{dimension}}")],
        ),
    ),
    "Model servers": (
        Panel(
            "Calls by outcome",
            "ops",
            [(_rate("genq_provider_requests_total", "outcome", _SERVER), "{{outcome}}")],
        ),
        Panel(
            "Duration of calls", "s", _slow("genq_provider_request_seconds", "server", _SERVER)
        ),
        Panel(
            "Calls in flight",
            "short",
            [(f"sum by (server) (genq_provider_inflight{{{_SERVER}}})", "{{server}}")],
        ),
        Panel(
            "Circuit: 0 takes calls, 1 fails, 2 closed",
            "short",
            [(f"max by (server) (genq_provider_circuit_state{{{_SERVER}}})", "{{server}}")],
        ),
        Panel(
            "Tokens per second",
            "short",
            [(_rate("genq_tokens_total", "direction", _SERVER), "{{direction}}")],
        ),
        Panel(
            "Dollars per hour",
            "currencyUSD",
            [(f"3600 * {_rate('genq_spend_dollars_total', 'model', _SERVER)}", "{{model}}")],
        ),
        Panel(
            "Fallbacks",
            "ops",
            [(_rate("genq_fallbacks_total", "error_code", _SERVER), "{{error_code}}")],
        ),
    ),
    "Workers and servers": (
        Panel(
            "Slots",
            "short",
            [("sum(genq_worker_slots)", "there"), ("sum(genq_worker_slots_busy)", "busy")],
        ),
        Panel("Workers", "short", [("max by (state) (genq_workers)", "{{state}}")]),
        Panel(
            "Last sign of life", "s", [("max(genq_worker_heartbeat_age_seconds)", "oldest")]
        ),
        Panel("Dispatcher's look", "s", _slow("genq_dispatch_tick_seconds", "job")),
        Panel("Object store", "s", _slow("genq_storage_operation_seconds", "operation")),
        Panel(
            "Rows per statement",
            "short",
            [(_quantile(0.5, "genq_group_commit_rows", "statement"), "{{statement}}")],
        ),
    ),
    "Delivery": (
        Panel(
            "Owed",
            "short",
            [
                ("max(genq_outbox_backlog)", "owed"),
                ("max(genq_webhook_backlog)", "failed before"),
                ("max(genq_webhooks_held_back)", "receiver is down"),
            ],
        ),
        Panel("Due in vain", "s", [("max(genq_outbox_oldest_age_seconds)", "oldest")]),
        Panel(
            "Attempts by outcome",
            "ops",
            [(_rate("genq_webhook_attempts_total", "outcome"), "{{outcome}}")],
        ),
        Panel(
            "Receivers in trouble",
            "short",
            [('max by (state) (genq_webhook_receivers{state!="well"})', "{{state}}")],
        ),
        Panel("Oldest owed", "s", [("max(genq_webhook_oldest_age_seconds)", "age")]),
        Panel("From commit to taken", "s", _slow("genq_webhook_delivery_seconds", "job")),
    ),
    "API": (
        Panel(
            "Requests by status",
            "ops",
            [(_rate("genq_http_requests_total", "status"), "{{status}}")],
        ),
        Panel("Time to the answer's head", "s", _slow("genq_http_request_seconds", "route")),
        Panel(
            "Refused, slowed down, parked",
            "ops",
            [(_rate("genq_admissions_total", "decision, limit"), "{{decision}}: {{limit}}")],
        ),
        Panel("Delay of the worker's loop", "s", _slow("genq_loop_lag_seconds", "job")),
        Panel(
            "Budgets near their end",
            "short",
            [("max by (percent) (genq_budgets_near_limit)", "{{percent}} % and over")],
        ),
    ),
}  # fmt: skip
