"""Events: one envelope that Standard Webhooks and OpenAI's clients both understand."""

import copy
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import pytest
from openai import OpenAI
from standardwebhooks import Webhook

from infra.clock import SystemClock
from infra.new_ids import new_key
from schemas.events import (
    MAX_BODY_BYTES,
    TERMINAL_TYPES,
    EventType,
    OutboxKind,
    envelope,
    thin,
)
from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.signature import format_secret, sign
from tests.fixtures.sample_job import JOB

SECRET: Final = format_secret(bytes(range(32)))
AT: Final = datetime(2026, 11, 20, 10, 0, 1, 123_000, tzinfo=UTC)


def event_of(data: dict[str, Any], event_id: str = "evt_1") -> dict[str, Any]:
    return envelope(
        event_id,
        EventType.JOB_SUCCEEDED,
        at=iso_ms(AT),
        at_seconds=int(AT.timestamp()),
        data=data,
    )


def with_text(text: str) -> dict[str, Any]:
    return {**JOB, "output": {"artifacts": [], "text": text}}


def test_an_event_has_the_fields_of_standard_webhooks() -> None:
    event = event_of(JOB)

    assert event["type"] == "job.succeeded"
    assert datetime.fromisoformat(event["timestamp"]) == AT
    assert event["data"]["id"] == JOB["id"]


def test_an_event_has_the_fields_of_openai_and_names_the_same_instant() -> None:
    event = event_of(JOB)

    assert (event["id"], event["object"]) == ("evt_1", "event")
    assert event["created_at"] == int(AT.timestamp())
    assert type(event["created_at"]) is int


def test_standardwebhooks_and_openai_unwrap_a_delivered_event() -> None:
    event_id = format_id("evt", new_key())
    body = orjson.dumps(event_of(JOB, event_id))
    headers = sign(
        SECRET,
        message_id=event_id,
        at_seconds=int(SystemClock().now().timestamp()),
        body=body,
    )

    verified = Webhook(SECRET).verify(body, headers)
    with OpenAI(api_key="unused", webhook_secret=SECRET) as client:
        unwrapped: Any = client.webhooks.unwrap(body, headers)

    assert verified["data"]["id"] == JOB["id"]
    assert (unwrapped.id, unwrapped.object, unwrapped.type) == (
        event_id,
        "event",
        "job.succeeded",
    )
    assert unwrapped.created_at == int(AT.timestamp())


def test_an_event_carries_the_job_without_its_input() -> None:
    before = copy.deepcopy(JOB)

    data = event_of(JOB)["data"]

    assert data == {name: value for name, value in JOB.items() if name != "input"}
    assert before == JOB


def test_a_short_text_is_carried() -> None:
    text = "x" * (MAX_BODY_BYTES // 2)

    data = thin(with_text(text))

    assert data["output"]["text"] == text
    assert "truncated" not in data


@pytest.mark.parametrize("text", ["x" * (MAX_BODY_BYTES // 2 + 1), "語" * 3_334])
def test_a_long_text_is_left_out_and_the_event_says_so(text: str) -> None:
    job = with_text(text)

    data = thin(job)

    assert (data["output"], data["truncated"]) == ({"artifacts": [], "text": None}, True)
    assert job["output"]["text"] == text


def test_a_job_without_an_output_is_carried_as_it_is() -> None:
    failed = {**JOB, "status": "failed", "output": None}

    assert thin(failed)["output"] is None
    assert "truncated" not in thin(failed)


def test_event_types_are_named_after_what_happened() -> None:
    assert [event.value for event in TERMINAL_TYPES] == [
        "job.succeeded",
        "job.failed",
        "job.cancelled",
        "job.expired",
        "job.blocked",
    ]
    assert OutboxKind.TERMINAL == 1
