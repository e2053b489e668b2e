"""What each process counts and measures of its own work: name, unit, labels, meaning.

What the database holds is in ``state_metrics``, the generation's own in ``generation_metrics``;
no metric is declared anywhere else. No label names a tenant or a job, because each value would
be a new time series for ever; models and servers are those that are configured.
Durations are seconds, sizes bytes; a counter's exposed name ends in ``_total``.
"""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, Info, start_http_server

from schemas.errors import SettingsError

# From one millisecond (what genq adds to a job) to half an hour (what a job may take).
_JOB_BUCKETS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800,
)  # fmt: skip
_CALL_BUCKETS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60,
)  # fmt: skip
# From seconds to the longest completion window.
_BATCH_BUCKETS: Final = (
    1, 5, 15, 60, 300, 900, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400, 172_800, 604_800,
)  # fmt: skip
_ROW_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)

# --- jobs ----------------------------------------------------------------------------------

JOBS_SUBMITTED: Final = Counter(
    "genq_jobs_submitted", "Jobs accepted and stored.", ["lane", "kind"]
)
JOBS_FINISHED: Final = Counter(
    "genq_jobs_finished",
    "Jobs that reached a final state; outcome is that state.",
    ["lane", "kind", "outcome"],
)
JOB_WAIT_SECONDS: Final = Histogram(
    "genq_job_wait_seconds",
    "From submit to the start of the first attempt.",
    ["lane", "kind"],
    buckets=_JOB_BUCKETS,
)
JOB_RUN_SECONDS: Final = Histogram(
    "genq_job_run_seconds",
    "From the start of an attempt to its end.",
    ["lane", "kind"],
    buckets=_JOB_BUCKETS,
)
JOB_TOTAL_SECONDS: Final = Histogram(
    "genq_job_total_seconds",
    "From submit to the final state.",
    ["lane", "kind"],
    buckets=_JOB_BUCKETS,
)
ATTEMPTS: Final = Counter(
    "genq_attempts",
    "Attempts that ended; error_code is empty for success.",
    ["outcome", "error_code"],
)

# --- batches and calls that are held -------------------------------------------------------

BATCH_LINES_VALIDATED: Final = Counter(
    "genq_batch_lines_validated",
    "Lines of input files that were looked at; result is accepted, or refused: the whole file.",
    ["result"],
)
BATCH_LINES_ENDED: Final = Counter(
    "genq_batch_lines_ended",
    "Lines of batches that ended, by outcome; unread counts again those that succeeded, and "
    "whose answers could not be read when the files were written.",
    ["outcome"],
)
BATCH_TOTAL_SECONDS: Final = Histogram(
    "genq_batch_total_seconds",
    "From the making of a batch to its end; status is how it ended.",
    ["status"],
    buckets=_BATCH_BUCKETS,
)
HELD_CALLS: Final = Gauge(
    "genq_held_calls",
    "Calls of OpenAI's routes that wait for their job's end; streams are in genq_streams_open.",
)
CALLS_ATTACHED: Final = Counter(
    "genq_held_calls_attached", "Calls that repeated an earlier one, and found its job."
)
CALLS_SENT_ROUND: Final = Counter(
    "genq_held_calls_sent_round",
    "Calls whose job went on when their time was up: answered 408, to come back.",
)

# --- chats ---------------------------------------------------------------------------------

CHAT_REQUESTS: Final = Counter(
    "genq_chat_requests",
    "Requests of chat platforms; outcome is how they were answered.",
    ["platform", "outcome"],
)
CHAT_ANSWER_SECONDS: Final = Histogram(
    "genq_chat_answer_seconds",
    "From a chat platform's request to the answer to it.",
    ["platform"],
    buckets=_CALL_BUCKETS,
)
CHAT_SENDS: Final = Counter(
    "genq_chat_sends",
    "Steps of sending chat messages; fate is what came of them.",
    ["platform", "fate"],
)

# --- the queue -----------------------------------------------------------------------------

RELEASED: Final = Counter(
    "genq_jobs_released", "Jobs handed to the broker by the dispatcher.", ["lane"]
)
DISPATCH_TICK_SECONDS: Final = Histogram(
    "genq_dispatch_tick_seconds", "One look of the dispatcher.", buckets=_CALL_BUCKETS
)
STALE_POINTERS: Final = Counter(
    "genq_stale_pointers",
    "Broker messages whose job was no longer theirs to start. Harmless; many: a slow broker.",
)
SUPERSEDED_WRITES: Final = Counter(
    "genq_superseded_writes",
    "Results of attempts that another attempt had replaced meanwhile. Discarded.",
)
REAPED: Final = Counter(
    "genq_jobs_reaped", "Jobs taken back from where they got stuck.", ["reason"]
)
SLEEPING_FLOWS_FOUND: Final = Counter(
    "genq_sleeping_flows_found",
    "Flows with ready jobs that nothing had woken; the dispatcher's sweep found them.",
)
GROUP_COMMIT_ROWS: Final = Histogram(
    "genq_group_commit_rows",
    "Rows written by one statement.",
    ["statement"],
    buckets=_ROW_BUCKETS,
)

# --- the worker ----------------------------------------------------------------------------

STREAMS_OPEN: Final = Gauge("genq_streams_open", "Streams of events that clients hold open.")
SLOTS: Final = Gauge("genq_worker_slots", "Jobs that this worker can run at once.")
SLOTS_BUSY: Final = Gauge("genq_worker_slots_busy", "Jobs that this worker runs now.")
PROVIDER_REQUEST_SECONDS: Final = Histogram(
    "genq_provider_request_seconds",
    "One call of a model server, failures included.",
    ["server", "operation"],
    buckets=_JOB_BUCKETS,
)
PROVIDER_REQUESTS: Final = Counter(
    "genq_provider_requests",
    "Calls of a model server that ended; outcome is ok, cancelled, or the error's code.",
    ["server", "outcome"],
)
PROVIDER_INFLIGHT: Final = Gauge(
    "genq_provider_inflight",
    "Calls of a model server that run or wait for a place.",
    ["server"],
)
PROVIDER_CIRCUIT_STATE: Final = Gauge(
    "genq_provider_circuit_state",
    "0: the server takes calls; 1: it failed often of late, others go first; 2: closed.",
    ["server"],
)
TOKENS: Final = Counter(
    "genq_tokens",
    "Tokens that model servers told to have used; direction is input or output.",
    ["server", "model", "direction"],
)
SPEND: Final = Counter(
    "genq_spend_dollars",
    "What answered calls cost by the prices in model_servers; models without one are free.",
    ["server", "model"],
)
SAFETY_DECISIONS: Final = Counter(
    "genq_safety_decisions",
    "What was decided about a prompt or an output, at which stage and by which filter.",
    ["stage", "filter", "decision"],
)
SERVER_CLOSINGS: Final = Counter(
    "genq_server_closings",
    "Answers of a model server that asked for a pause, by Retry-After or rate headers.",
    ["server"],
)
FALLBACKS: Final = Counter(
    "genq_fallbacks",
    "Failed calls after which another server or model was tried; server is the failed one.",
    ["server", "error_code"],
)
OBJECT_STORE_SECONDS: Final = Histogram(
    "genq_storage_operation_seconds",
    "One operation of the object store: put, get or presign. A get ends at its first byte.",
    ["operation"],
    buckets=_CALL_BUCKETS,
)

# --- delivery ------------------------------------------------------------------------------

WEBHOOK_ATTEMPTS: Final = Counter(
    "genq_webhook_attempts", "Webhook requests sent or refused.", ["outcome"]
)
WEBHOOK_DELIVERY_SECONDS: Final = Histogram(
    "genq_webhook_delivery_seconds",
    "From the event's commit to its acceptance by the receiver.",
    buckets=_JOB_BUCKETS,
)

WEBHOOK_BREAKERS: Final = Counter(
    "genq_webhook_breakers",
    "Receivers that are tried only by probes any more (opened), or as ever again (closed).",
    ["change"],
)
WEBHOOK_ENDPOINTS_DISABLED: Final = Counter(
    "genq_webhook_endpoints_disabled",
    "Endpoints that were disabled because of what they answered, and why.",
    ["reason"],
)

# --- every process -------------------------------------------------------------------------

HTTP_REQUESTS: Final = Counter(
    "genq_http_requests",
    "Requests answered by the API; route is its template, never the path.",
    ["route", "method", "status"],
)
HTTP_REQUEST_SECONDS: Final = Histogram(
    "genq_http_request_seconds",
    "From the request's head to the answer's head.",
    ["route"],
    buckets=_CALL_BUCKETS,
)
ADMISSIONS: Final = Counter(
    "genq_admissions",
    "Requests and jobs that a limit refused, slowed down or parked; limit is the error's code.",
    ["decision", "limit"],
)
CACHE_REQUESTS: Final = Counter(
    "genq_cache_requests",
    "Questions that a memory of this process was asked; result is hit or miss.",
    ["cache", "result"],
)
LOOP_LAG_SECONDS: Final = Histogram(
    "genq_loop_lag_seconds",
    "How late the worker's event loop runs what is due, four times a second.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
BUILD: Final = Info("genq_build", "The genq that runs.")


def serve_metrics(port: int) -> None:
    """Answer ``GET /metrics`` on 127.0.0.1 from a thread of its own; port 0 serves nothing.

    Raises:
        SettingsError: The port is taken or may not be opened.
    """
    if port == 0:
        return
    try:
        start_http_server(port, addr="127.0.0.1")
    except OSError as error:
        raise SettingsError(
            f"GENQ_METRICS_PORT={port} cannot be opened on 127.0.0.1 ({error.strerror}); give "
            "each process of this machine a free port of its own, or 0 for none"
        ) from None


def installed_version() -> str:
    """Return the version of the installed genq, or ``unknown`` in a bare checkout."""
    try:
        return version("genq")
    except PackageNotFoundError:
        return "unknown"


BUILD.info({"version": installed_version()})
