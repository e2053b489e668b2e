"""What a stranger sends with another tenant's ids, operation by operation."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.api.served import IMAGE

CANARY: Final = "canary-7f3a"
"""Stands wherever the other tenant could write something."""

RESPONSE: Final = {"input": CANARY, "background": True}

# By operation: bodies with {ids}, and those that mean everything that there is.
BODIES: Final[Mapping[str, Sequence[Any]]] = {
    "submit_job": (IMAGE,),
    "submit_jobs": ({"jobs": [IMAGE]},),
    "estimate_job": (IMAGE,),
    "cancel_jobs": ({"all": True}, {"end_user": CANARY}, {"metadata": {"secret": CANARY}}),
    "redrive_dead_letters": ({"job_id": "{job_id}"}, {"filter": {}}),
    "retry_job": ({}, {"as": "new_attempt"}),
    "act_on_pictures": (
        {"action": "reroll"},
        {"action": "vary", "index": 0, "prompt": CANARY},
    ),
    "act_on_jobs": (
        {"action": "cancel", "all": True},
        {"action": "retry", "all": True, "cursor": "{job_id}"},
        {"action": "cancel", "filter": {"tag": [CANARY]}, "dry_run": True},
        {"action": "retry", "filter": {"schedule_id": "{schedule_id}"}, "dry_run": True},
    ),
    "create_schedule": ({"name": "mine", "cron": "@daily", "request": IMAGE},),
    "update_schedule": ({"name": "mine"}, {"paused": True}),
    "create_key": ({"name": "mine"},),
    "update_own_cache": ({"enabled": False},),
    "create_webhook_endpoint": ({"name": "mine", "url": "https://example.com/mine"},),
    "update_webhook_endpoint": ({"name": "mine"}, {"genq": {"headers": {"X-A": "1"}}}),
    "rotate_webhook_endpoint_secret": ({}, {"genq": {"grace_seconds": 60}}),
    "test_webhook_endpoint": ({"event_type": "job.succeeded"},),
    "disable_webhook_endpoint": ({},),
    "create_webhook_portal_link": ({},),
    "rotate_own_webhook_secret": ({},),
    "recover_webhook_endpoint": ({"since": "2026-01-01T00:00:00Z", "only": "all"},),
    "rotate_key": ({}, {"overlap": 0}),
    "set_retention": ({"prompt_hours": 100, "result_hours": 100},),
    "claim_next_review": ({}, {"category": CANARY}),
    "decide_review": ({"decision": "approve", "reason": "harmless"},),
    "appeal_job": ({"text": "mine"},),
    "report_job": ({"category": "other"},),
    "erase_person": ({"end_user": CANARY},),
    "create_moderation": ({"input": CANARY},),
    "create_chat_completion": ({"messages": [{"role": "user", "content": CANARY}]},),
    "create_completion": ({"prompt": CANARY},),
    "create_image": ({"prompt": CANARY},),
    "edit_image": (
        {"prompt": CANARY, "images": [{"file_id": "{file_id}"}]},
        {"prompt": CANARY, "image": "data:image/png;base64,AAAA", "mask": "{file_id}"},
    ),
    "create_response": (RESPONSE,),
    "create_embedding": ({"input": CANARY},),
    "create_speech": ({"input": CANARY, "voice": "alloy"},),
    "verify": ({"text": CANARY}, {"sha256": "00" * 32}),
    "create_own_policy": ({"policy": "mine", "categories": {"violence": {"block": 0.5}}},),
    "simulate_own_policy": (
        {"document": {"policy": "mine", "categories": {"violence": {"block": 0.5}}}},
        {"version": 4},
    ),
    "create_own_hash_list": ({"name": "mine"},),
    # A form, which leads to nobody.
    "create_file": ({},),
    "create_batch": (
        {
            "input_file_id": "{file_id}",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
        },
    ),
    "retry_batch": ({},),
    "put_chat_binding": (
        {"platform": "discord", "place": "41771983423143937", "tenant": "stranger"},
    ),
    "put_route": ({"servers": {}},),
    "patch_route": ({"servers": {"painter": {"enabled": False}}},),
    "roll_route_back": ({}, {"version": 0}),
    "change_own_hash_entries": ({"lines": ["00" * 32]},),
}
