"""The examples of the OpenAPI document; a test holds them against the models and the routes."""

from typing import Any, Final

from producer.api.request_examples import (
    BUDGET_BODY,
    CANCEL_REQUEST,
    ENDPOINT_AUTH,
    ENDPOINT_CHANGE,
    ENDPOINT_OPTIONS,
    ENDPOINT_REQUEST,
    ENDPOINT_TEST,
    ERASURE_REQUEST,
    HOLD_REQUEST,
    JOB_ACTION_REQUEST,
    KEY_REQUEST,
    KEY_ROTATION,
    LIFT_REQUEST,
    PLAN_CHANGE,
    POLICY_DOCUMENT,
    RECOVERY_REQUEST,
    REDRIVE_REQUEST,
    RETENTION_REQUEST,
    SCHEDULE_CHANGE,
    SCHEDULE_REQUEST,
    SECRET_ROTATION,
    SIMULATION_REQUEST,
    TENANT_REQUEST,
)

JOB_ID_SHOWN: Final = "job_01kb0q5v3mf0t8w2c7d4e9g6hj"
_ID: Final = JOB_ID_SHOWN
_URL: Final = f"http://127.0.0.1:8080/v1/jobs/{_ID}"

IMAGE_REQUEST: Final[dict[str, Any]] = {
    "kind": "image",
    "input": {"prompt": "a red fox in the snow, watercolour", "n": 1, "size": "1024x1024"},
    "lane": "fast",
    "metadata": {"order": "1234"},
    "webhook": {"url": "https://example.com/hook", "events": ["job.succeeded", "job.failed"]},
}
CHAT_REQUEST: Final[dict[str, Any]] = {
    "kind": "chat",
    "input": {"messages": [{"role": "user", "content": "A haiku about queues, please."}]},
}
JOB: Final[dict[str, Any]] = {
    "id": _ID,
    "object": "job",
    "kind": "image",
    "model": "sim-image-1",
    "status": "succeeded",
    "waiting_on": None,
    "queue": None,
    "lane": "fast",
    "priority": 5,
    "created_at": "2026-11-20T10:00:00.123Z",
    "run_at": None,
    "deadline": "2026-11-27T10:00:00.123Z",
    "started_at": "2026-11-20T10:00:00.131Z",
    "finished_at": "2026-11-20T10:00:02.207Z",
    "input": {"prompt": "a red fox in the snow, watercolour", "n": 1, "size": "1024x1024"},
    "output": {
        "artifacts": [
            {
                "index": 0,
                "url": f"{_URL}/artifacts/0",
                "content_type": "image/png",
                "bytes": 51200,
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "width": 1024,
                "height": 1024,
            }
        ],
        "text": None,
        "ai_generated": True,
    },
    "error": None,
    "attempts": 1,
    "metadata": {"order": "1234"},
    "tags": ["spring"],
    "end_user": None,
    "retry_of": None,
    "safety": None,
    "content": "kept",
    "urls": {"get": _URL, "cancel": f"{_URL}/cancel", "events": f"{_URL}/events"},
}
PROBLEM: Final[dict[str, Any]] = {
    "type": "http://127.0.0.1:8080/errors#invalid_request",
    "title": "Invalid request",
    "status": 400,
    "detail": "the body is not acceptable",
    "instance": "req_01kb0q5v3mf0t8w2c7d4e9g6hk",
    "code": "invalid_request",
    "category": "input",
    "severity": "low",
    "retryable": False,
    "errors": [{"pointer": "/lain", "message": "unknown field; did you mean 'lane'?"}],
    "error_id": "err_01kb0q5v3mf0t8w2c7d4e9g6hm",
    "error": {
        "message": "the body is not acceptable; /lain: unknown field; did you mean 'lane'?",
        "type": "invalid_request_error",
        "param": "lain",
        "code": "invalid_request",
    },
}
# By the schema's name; the others are made from their schemas.
HAND_MADE: Final[dict[str, Any]] = {
    "JobRequest": IMAGE_REQUEST,
    "PolicyDocument": POLICY_DOCUMENT,
    "SimulationRequest": SIMULATION_REQUEST,
    "LiftRequest": LIFT_REQUEST,
    "RetentionRequest": RETENTION_REQUEST,
    "ErasureRequest": ERASURE_REQUEST,
    "HoldRequest": HOLD_REQUEST,
    "JobView": JOB,
    "Problem": PROBLEM,
    "CancelRequest": CANCEL_REQUEST,
    "JobActionRequest": JOB_ACTION_REQUEST,
    "RedriveRequest": REDRIVE_REQUEST,
    "ScheduleRequest": SCHEDULE_REQUEST,
    "ScheduleChange": SCHEDULE_CHANGE,
    "KeyRequest": KEY_REQUEST,
    "KeyRotation": KEY_ROTATION,
    "TenantRequest": TENANT_REQUEST,
    "BudgetBody": BUDGET_BODY,
    "PlanChange": PLAN_CHANGE,
    "RecoveryRequest": RECOVERY_REQUEST,
    "EndpointRequest": ENDPOINT_REQUEST,
    "EndpointChange": ENDPOINT_CHANGE,
    "EndpointOptions": ENDPOINT_OPTIONS,
    "EndpointAuth": ENDPOINT_AUTH,
    "SecretRotation": SECRET_ROTATION,
    "EndpointTest": ENDPOINT_TEST,
}
