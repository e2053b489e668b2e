"""Sample events look like the real ones."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from openai._models import construct_type
from openai.types.webhooks import UnwrapWebhookEvent

from infra.new_ids import new_key
from producer.webhooks.samples import sample_event
from schemas.events import MAX_BODY_BYTES, EventType
from schemas.job import JobView
from schemas.webhook_endpoint import Endpoint, EndpointConfig

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
OURS = {"job", "endpoint", "delivery"}
ENDPOINT = Endpoint(
    id=UUID(int=7),
    tenant_id=1,
    config=EndpointConfig("shop", "https://example.com/very-secret", ("job.*",)),
    revision=1,
    portal_epoch=0,
    created_at=NOW,
    updated_at=NOW,
)


@pytest.mark.parametrize("event_type", EventType)
def test_every_type_has_a_sample(event_type: EventType) -> None:
    key = new_key()
    bodies = sample_event(key, event_type, ENDPOINT, at=NOW, public_url="https://genq.example")

    event: dict[str, Any] = orjson.loads(bodies.full)
    assert event["type"] == event_type.value
    assert event["created_at"] == int(NOW.timestamp())
    assert len(bodies.full) < MAX_BODY_BYTES
    assert b"very-secret" not in bodies.full
    assert ("sample" in event["data"]) == (event_type.family in OURS)
    if event_type.family == "job":
        told = {name: value for name, value in event["data"].items() if name != "sample"}
        assert set(told) == set(JobView.model_fields) - {"input"}
    if event_type.family not in OURS:
        assert list(event["data"]) == ["id"]


@pytest.mark.parametrize("event_type", [one for one in EventType if one.family not in OURS])
def test_openais_client_takes_a_sample_of_its_types_for_what_it_is(
    event_type: EventType,
) -> None:
    bodies = sample_event(new_key(), event_type, ENDPOINT, at=NOW, public_url="https://x")

    event = construct_type(type_=UnwrapWebhookEvent, value=orjson.loads(bodies.full))
    words = "".join(word.capitalize() for word in re.split(r"[._]", event_type.value))
    assert type(event).__name__ == f"{words}WebhookEvent"
