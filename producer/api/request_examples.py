"""What clients may send, as the OpenAPI document shows it; a test sends each to the API."""

from typing import Any, Final

CANCEL_REQUEST: Final[dict[str, Any]] = {
    "lane": "batch",
    "end_user": "user-42",
    "dry_run": True,
}
REDRIVE_REQUEST: Final[dict[str, Any]] = {
    "filter": {"code": "model_timeout", "since": "2026-11-20T10:00:00Z"},
    "edits": {"lane": "relax"},
    "dry_run": True,
}
PICTURE_ACTION_REQUEST: Final[dict[str, Any]] = {
    "action": "vary",
    "index": 1,
    "strength": "strong",
}
SCHEDULE_REQUEST: Final[dict[str, Any]] = {
    "name": "morning-kite",
    "cron": "0 9 * * 1-5",
    "timezone": "Europe/Berlin",
    "request": {"kind": "image", "input": {"prompt": "a red kite at dawn"}, "lane": "relax"},
}
SCHEDULE_CHANGE: Final[dict[str, Any]] = {"cron": "30 8 * * 1-5", "paused": False}
KEY_REQUEST: Final[dict[str, Any]] = {
    "name": "website",
    "scopes": ["jobs:read", "jobs:write"],
    "expires_at": "2030-01-01T00:00:00Z",
}
KEY_ROTATION: Final[dict[str, Any]] = {"overlap": "P1D"}
CACHE_CHANGE: Final[dict[str, Any]] = {"enabled": False}
BUDGET_BODY: Final[dict[str, Any]] = {
    "unit": "images",
    "period": "day",
    "amount": 100,
    "end_user": "*",
    "on_exhausted": "park",
}
ROUTE_REQUEST: Final[dict[str, Any]] = {
    "strategy": "least_loaded",
    "servers": {"simulator": {"canary": 10, "tags": ["private"]}},
    "note": "try the new one",
}
ROUTE_PATCH: Final[dict[str, Any]] = {"servers": {"simulator": {"draining": True}}}
ROLLBACK_REQUEST: Final[dict[str, Any]] = {"version": 0}
POLICY_DOCUMENT: Final[dict[str, Any]] = {
    "policy": "acme",
    "categories": {
        "violence": {"flag": 0.4, "block": 0.6},
        "rivals": {"flag": 0.5, "review": None, "block": None, "words": ["Initech"]},
        "pii.email": {"action": "block"},
    },
}
SIMULATION_REQUEST: Final[dict[str, Any]] = {"document": POLICY_DOCUMENT, "since": "7d"}
LIFT_REQUEST: Final[dict[str, Any]] = {"end_user": "user-42"}
HASH_LIST_REQUEST: Final[dict[str, Any]] = {
    "name": "logos",
    "category": "brand",
    "action": "review",
}
HASH_ENTRIES_REQUEST: Final[dict[str, Any]] = {
    "lines": [
        "phash256:541f2df0863f6c87a5da1e7fb4e281f436587c622fee902bed5e4abd927fe007 a kite",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
    "remove": False,
}
VERIFY_REQUEST: Final[dict[str, Any]] = {
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
}
RETENTION_REQUEST: Final[dict[str, Any]] = {
    "lane": "turbo",
    "prompt_hours": 0,
    "result_hours": 24,
}
ERASURE_REQUEST: Final[dict[str, Any]] = {"end_user": "user-42"}
HOLD_REQUEST: Final[dict[str, Any]] = {
    "tenant": "acme",
    "end_user": "user-42",
    "reason": "case 12/2026",
}
REVIEW_CHOICE: Final[dict[str, Any]] = {"origin": "appeal"}
REVIEW_DECISION: Final[dict[str, Any]] = {
    "decision": "reject",
    "reason": "violates_policy",
    "note": "a real address",
}
APPEAL_REQUEST: Final[dict[str, Any]] = {"text": "It is a toy: the kite has no blade."}
REPORT_REQUEST: Final[dict[str, Any]] = {
    "category": "privacy",
    "note": "that is me",
    "reporter": "user-42",
}
TENANT_REQUEST: Final[dict[str, Any]] = {"name": "globex", "weight": 2, "max_inflight": 50}
PLAN_CHANGE: Final[dict[str, Any]] = {"weight": 4, "calls_per_minute": 600}
JOB_ACTION_REQUEST: Final[dict[str, Any]] = {
    "action": "cancel",
    "filter": {"lane": ["batch"], "tag": ["spring"], "created_after": "2026-11-20T10:00:00Z"},
    "dry_run": True,
}
ENDPOINT_REQUEST: Final[dict[str, Any]] = {
    "name": "shop",
    "url": "https://example.com/hook",
    "event_types": ["job.succeeded", "job.failed"],
    "genq": {
        "filter": {"shop": "berlin"},
        "throttle_rate": 20,
        "timeout_s": 10,
        "signatures": ["v1", "v1a"],
        "headers": {"X-Shop": "berlin"},
        "auth": {"kind": "basic", "username": "genq", "password": "correct horse battery"},
    },
}
ENDPOINT_CHANGE: Final[dict[str, Any]] = {
    "event_types": ["job.*"],
    "genq": {"payload": "full", "filter": None},
}
ENDPOINT_OPTIONS: Final[dict[str, Any]] = ENDPOINT_REQUEST["genq"]
ENDPOINT_AUTH: Final[dict[str, Any]] = ENDPOINT_OPTIONS["auth"]
SECRET_ROTATION: Final[dict[str, Any]] = {"keep_old_secret_active_for_24_hours": True}
ENDPOINT_TEST: Final[dict[str, Any]] = {"event_type": "job.succeeded"}
RECOVERY_REQUEST: Final[dict[str, Any]] = {
    "since": "2026-11-19T00:00:00Z",
    "until": "2026-11-20T10:00:00Z",
    "only": "failed",
}
