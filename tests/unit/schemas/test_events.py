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
from schemas.event_samples import sample_data
from schemas.events import (
    FIRST_STEP,
    LAST_STEP,
    SUBSCRIBABLE_TYPES,
    TERMINAL_TYPES,
    EventType,
    OutboxKind,
    envelope,
    hears,
    is_subscribable,
    sequence,
    without_input,
    without_outputs,
)
from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.signature import format_secret, sign
from schemas.webhooks import Hears
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

    data = without_input(JOB)

    assert data == {name: value for name, value in JOB.items() if name != "input"}
    assert before == JOB


def test_outputs_are_taken_out_of_a_copy() -> None:
    job = {**JOB, "output": {"artifacts": [1], "text": "Rhonda"}}

    assert without_outputs(job, truncated=False) == {
        **JOB,
        "output": {"artifacts": [1], "text": None},
    }
    assert (without_outputs(job, truncated=True) or {})["truncated"] is True
    assert job["output"]["text"] == "Rhonda"


@pytest.mark.parametrize("output", [None, {"artifacts": [1], "text": None}])
def test_a_job_without_outputs_is_thin_as_it_is(output: Any) -> None:
    assert without_outputs({**JOB, "output": output}, truncated=False) is None


def test_numbers_rise_with_the_events_of_a_job() -> None:
    told = [sequence(0, 0), sequence(0, LAST_STEP), sequence(1, FIRST_STEP), sequence(1, 2)]
    told += [sequence(1, LAST_STEP), sequence(2, FIRST_STEP)]

    assert told == sorted(set(told))


@pytest.mark.parametrize(
    ("wanted", "flags"),
    [
        (list(TERMINAL_TYPES), Hears(0)),
        (["job.queued"], Hears.QUEUED),
        (["job.succeeded", "job.started"], Hears.STARTED),
        (["job.*"], Hears.QUEUED | Hears.STARTED | Hears.PROGRESS),
        (["batch.*", "endpoint.*", "delivery.failing"], Hears(0)),
    ],
)
def test_a_job_whose_way_nobody_follows_costs_nothing(wanted: list[str], flags: Hears) -> None:
    assert hears(wanted) == flags


def test_endpoints_ask_for_types_and_for_families_of_them() -> None:
    assert all(is_subscribable(kind) for kind in SUBSCRIBABLE_TYPES)
    assert all(is_subscribable(f"{kind.family}.*") for kind in SUBSCRIBABLE_TYPES)
    for refused in ("*", "job", "job.", "job.succeeded.*", "jobs.*", "endpoint.test", ""):
        assert not is_subscribable(refused)


@pytest.mark.parametrize("kind", [*SUBSCRIBABLE_TYPES, EventType.ENDPOINT_TEST])
def test_every_type_has_a_sample_that_openai_unwraps(kind: EventType) -> None:
    event_id = format_id("evt", new_key())
    sample = sample_data(kind, new_key(), at=AT, public_url="https://genq.example")
    body = orjson.dumps(
        envelope(event_id, kind, at=iso_ms(AT), at_seconds=int(AT.timestamp()), data=sample)
    )
    now = int(SystemClock().now().timestamp())
    headers = sign(SECRET, message_id=event_id, at_seconds=now, body=body)

    with OpenAI(api_key="unused", webhook_secret=SECRET) as client:
        unwrapped: Any = client.webhooks.unwrap(body, headers)

    assert (unwrapped.id, unwrapped.type) == (event_id, kind.value)
    if kind.family in {"batch", "response"}:
        words = kind.value.replace(".", " ").title().replace(" ", "")
        assert type(unwrapped).__name__ == f"{words}WebhookEvent"
        prefix = {"batch": "batch_", "response": "resp_"}[kind.family]
        assert unwrapped.data.id.startswith(prefix)


def test_event_types_are_named_after_what_happened() -> None:
    assert [event.value for event in TERMINAL_TYPES] == [
        "job.succeeded",
        "job.failed",
        "job.cancelled",
        "job.expired",
        "job.blocked",
    ]
    assert OutboxKind.TERMINAL == 1
