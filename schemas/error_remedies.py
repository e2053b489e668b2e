"""What to do about each error, by its code: the page of errors shows it beside the cause.

The cause is the first line of the error class's docstring.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas.chat_remedies import CHAT_REMEDIES
from schemas.model_remedies import MODEL_REMEDIES
from schemas.picture_remedies import PICTURE_REMEDIES
from schemas.route_remedies import ROUTE_REMEDIES

# Codes that stand in a job's ``error`` after it has ended; no call is answered with them.
JOB_CODES: Final = frozenset(
    {
        "broker_unavailable",
        "content_blocked",
        "context_too_long",
        "identical_job_runs",
        "invalid_settings",
        "job_cancelled",
        "job_expired",
        "job_replaced",
        "model_bad_answer",
        "model_busy",
        "model_key_rejected",
        "model_misconfigured",
        "model_rate_limited",
        "model_refused_content",
        "model_rejected_request",
        "model_timeout",
        "model_unavailable",
        "no_capable_server",
        "outbound_refused",
        "output_withheld",
        "picture_busy",
        "picture_unavailable",
        "worker_lost",
    }
)

REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **CHAT_REMEDIES,
        **MODEL_REMEDIES,
        **PICTURE_REMEDIES,
        **ROUTE_REMEDIES,
        "approval_needed": (
            "Ask a second person, with a key of their own, to approve the version: "
            "genq policy approve. An installation with one operator sets "
            "GENQ_SAFETY_SINGLE_OPERATOR=true."
        ),
        "artifact_not_available": (
            "Wait for the job's end (Prefer: wait=60, its events, or a webhook) and read its "
            "status: only a job that succeeded has artifacts."
        ),
        "batch_already_ended": (
            "Nothing: look at the batch (GET /v1/batches/{id}); what has ended stands in its "
            "files."
        ),
        "batch_not_retryable": (
            "Wait until the batch has ended, or cancel it; a batch whose file was refused, or "
            "whose file is gone, is made anew of a file that is uploaded again."
        ),
        "broker_unavailable": (
            "Nothing to do for the caller: jobs wait. The operator brings the broker back; "
            "genq doctor tells which one."
        ),
        "budget_exhausted": (
            "Wait for the reset that the answer names, lower the job's cost (fewer or smaller "
            "images, fewer tokens), or ask the operator for a larger budget. "
            "POST /v1/estimate tells the price beforehand."
        ),
        "budget_too_small": (
            "Waiting does not help. Lower the job's cost, or ask the operator for a larger one."
        ),
        "content_blocked": (
            "Change the prompt: safety.reasons of the job tells what led to it. The same one "
            "is blocked again; at safety.appeal_url a person looks at it."
        ),
        "context_too_long": (
            "Shorten the input or lower max_tokens, or name a model with a longer context."
        ),
        "cursor_expired": (
            "List the jobs to learn what you missed, then follow the feed from now, without a "
            "cursor."
        ),
        "database_unavailable": (
            "Send the same request again after Retry-After; a submit, of which nobody knows "
            "whether it was accepted, with the same Idempotency-Key, so that it is one job. "
            "The operator looks at PostgreSQL: genq doctor, GET /readyz."
        ),
        "draining": (
            "Send the same call again: another process answers, or this one once it is back. "
            "OpenAI's clients do so by themselves, and attach to their job."
        ),
        "duplicate_job": (
            "Follow the job that errors[] names instead, cancel it first, or choose another "
            "unique key or on_conflict."
        ),
        "end_user_suspended": (
            "Wait until the instant in suspended_until, or let an operator lift it: "
            "genq policy lift. Other end users are not affected."
        ),
        "endpoint_not_active": (
            "Enable the endpoint (POST /v1/webhook_endpoints/{id}/enable), or send the event "
            "to another one: recover it there."
        ),
        "event_content_gone": (
            "Nothing can be sent any more. The job itself, while it is kept, tells its result: "
            "GET /v1/jobs/{job_id}."
        ),
        "grid_busy": (
            "Try again after Retry-After, or fetch the pictures one by one: "
            "GET /v1/jobs/{id}/artifacts/{index}."
        ),
        "headers_too_large": (
            "Send fewer or shorter headers, and a shorter query; 32 KiB in all are taken."
        ),
        "idempotency_key_reused": (
            "Use a new key for a new request, such as a UUID; to repeat a request, send the "
            "same body."
        ),
        "internal_error": (
            "Try again once; if it stays, tell the operator the error_id, under which the log "
            "has the rest."
        ),
        "invalid_api_key": (
            "Send Authorization: Bearer gq_… with a key that works. The operator makes one: "
            "genq keys create."
        ),
        "invalid_policy": (
            "Mend what errors[] names, by JSON pointer. genq policy validate FILE tells the "
            "lines; floors can be made stricter, never looser."
        ),
        "invalid_request": (
            "Mend what errors[] names, by JSON pointer, and send the request again. "
            "GET /openapi.json has the shapes."
        ),
        "invalid_settings": "The operator mends the setting that the log names.",
        "job_already_ended": "Nothing is left to do: read the job.",
        "sealed_value_unreadable": (
            "Tell the operator: the key that sealed it is missing in GENQ_SECRETS_KEY. Or set "
            "the secret anew."
        ),
        "content_erased": (
            "Nothing brings it back: retention or an erasure deleted it. Submit the job again "
            "with its input."
        ),
        "under_legal_hold": (
            "The operator releases the hold (genq hold release) once the law allows it; then "
            "ask again."
        ),
        "content_unreadable": (
            "Tell the operator: a key is missing. GENQ_SECRETS_KEY must have what sealed it, "
            "and the tables tenant_key and subject_key must be of the same backup."
        ),
        "job_cancelled": "Submit the job again if it is wanted after all.",
        "job_expired": (
            "Submit it again with a later deadline or start_timeout, or in a faster lane."
        ),
        "job_not_dead": (
            "Read the job: one that still runs needs patience, one that succeeded nothing."
        ),
        "job_not_retryable": (
            "Read the job: one that waits or runs needs patience, one that succeeded nothing."
        ),
        "job_replaced": "Follow the job that took its place.",
        "key_not_active": "Make a new key: genq keys create.",
        "method_not_allowed": "Use a method of the Allow header.",
        "filter_too_wide": (
            "Say more: created_after, a status, a tag. Few jobs fit, and all of the tenant's "
            "would have to be looked through."
        ),
        "name_taken": "Choose another name, or change the thing that has it.",
        "not_appealable": (
            "Appeal jobs that were blocked, within fourteen days of their end: POST "
            "/v1/jobs/{job_id}/appeal. Submit the job anew otherwise."
        ),
        "not_found": (
            "Check the id and whose key you use: what belongs to another tenant does not "
            "exist for you. Old jobs are dropped after the retention time."
        ),
        "object_missing": (
            "The bytes were deleted, or retention dropped them. Submit the job again if they "
            "are needed."
        ),
        "object_store_unavailable": (
            "Send the request again after Retry-After. The operator looks at the object store: "
            "genq doctor."
        ),
        "outbound_refused": (
            "Use a public https address. The operator may allow private networks: "
            "GENQ_OUTBOUND_ALLOW."
        ),
        "output_withheld": (
            "Submit the job again with another prompt or seed, or appeal: safety.appeal_url of "
            "the job. What was made is not kept."
        ),
        "payload_too_large": (
            "Send less, or in several requests. The operator may raise GENQ_MAX_BODY_BYTES, "
            "and GENQ_MAX_FILE_BYTES of files."
        ),
        "permission_denied": (
            "Use a key with the scope that the message names, or ask the operator for it."
        ),
        "range_not_satisfiable": (
            "Ask for a range inside the size that Content-Range tells, or for the whole."
        ),
        "rate_limited": (
            "Wait as long as Retry-After says. RateLimit tells what is left; bulk submit takes "
            "1,000 jobs in one call."
        ),
        "recovery_under_way": (
            "Wait for its end, or cancel it: "
            "POST /v1/webhook_endpoints/{id}/recoveries/{rid}/cancel."
        ),
        "report_busy": (
            "Try again after Retry-After; ask for one report after the other, and for shorter "
            "times: from and to."
        ),
        "request_timeout": (
            "Send the whole request without long pauses; a large body needs 4 KiB in every ten "
            "seconds."
        ),
        "review_barred": (
            "Leave the item to somebody else: genq review next shows what is yours to decide. "
            "Escalated items need a key with the scope review:lead, those about what is never "
            "made one with the scope admin."
        ),
        "review_not_yours": (
            "Claim the item, decide within ten minutes, or claim it again: POST "
            "/v1/reviews/{review_id}/claim. Another reviewer may have it meanwhile."
        ),
        "review_over": "Go on with the next item: it was decided, or its job has ended.",
        "still_running": (
            "Nothing is wrong: OpenAI's clients send the call again and attach to the job. Who "
            "writes a client does the same, with an Idempotency-Key, or asks for the job that "
            "x-genq-job-id names. The client's timeout and max_retries say how long it goes on."
        ),
        "stream_broken": (
            "Fetch the whole answer of the job that the message names: GET /v1/jobs/{id}. Who "
            "asks again pays for another one."
        ),
        "tenant_suspended": "Ask the operator: genq tenants resume.",
        "too_many_batches": (
            "Wait until one of the tenant's batches has ended, or cancel one; the operator "
            "raises GENQ_MAX_OPEN_BATCHES."
        ),
        "too_many_connections": (
            "Try again after Retry-After, and keep fewer connections open. The operator may "
            "start more API processes or raise GENQ_API_MAX_CONNECTIONS."
        ),
        "too_many_endpoints": (
            "Delete an endpoint that is not needed, or let one hear of more event types. The "
            "operator may raise GENQ_WEBHOOK_ENDPOINTS."
        ),
        "too_many_searches": (
            "Try again after Retry-After: list one page after the other, and narrow the "
            "filter, first of all by created_after. The operator may raise "
            "GENQ_DATABASE_POOL_SIZE, or start more API processes."
        ),
        "unsupported_media_type": (
            "Send JSON as it is, uncompressed, with Content-Type: application/json; files as "
            "multipart/form-data."
        ),
        "unsupported_parameter": (
            "Leave out the parameter that param names, or set it to what the message says."
        ),
        "valkey_unavailable": (
            "Send the request again after Retry-After. No job is lost. The operator looks at "
            "Valkey: genq doctor."
        ),
        "webhook_test_failed": (
            "Read the message: it says how far the request came. Mend the endpoint's URL, its "
            "certificate or its name, and test again."
        ),
        "webhook_test_not_sent": (
            "Test again. If it stays, the operator sees whether a delivery process runs: "
            "genq deliver, genq doctor."
        ),
        "worker_lost": (
            "The job may be what kills workers: try it once more, smaller. The operator reads "
            "the log of the last attempt: memory is the usual cause."
        ),
    }
)
