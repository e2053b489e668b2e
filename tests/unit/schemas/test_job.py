"""A job as callers ask for it, what is refused of that, and as they see it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.errors import ModelTimeoutError
from schemas.events import JOB_TYPES, TERMINAL_TYPES, EventType
from schemas.generation import Kind
from schemas.ids import parse_id
from schemas.job import (
    Artifact,
    JobRecord,
    JobRequest,
    JobView,
    iso_ms,
    job_view,
)
from schemas.job_states import JobState, status_of
from schemas.lanes import Lane
from schemas.webhook_target import WebhookTarget

PUBLIC_URL: Final = "https://genq.example"
CREATED: Final = datetime(2026, 11, 20, 10, 0, 0, 123_987, tzinfo=UTC)
JOB: Final = JobRecord(
    id=UUID("019aa0c5-4b10-7cc3-9f2e-5d0f6b8a1c2d"),
    tenant_id=7,
    kind=Kind.IMAGE,
    model="m",
    lane=Lane.FAST,
    priority=5,
    state=JobState.READY,
    created_at=CREATED,
    input={"prompt": "a kite"},
    waiting_on="lane",
)
ENDED: Final = replace(
    JOB,
    state=JobState.SUCCEEDED,
    started_at=CREATED + timedelta(seconds=1),
    finished_at=CREATED + timedelta(seconds=2),
    attempts=1,
    artifacts=(Artifact(0, "t7/secret/place.png", "image/png", 70, "ab", 8, 9),),
    text="a kite",
    waiting_on=None,
)


def request(**changes: Any) -> JobRequest:
    return JobRequest.model_validate({"kind": "image", "input": {}} | changes)


def places_of(refused: pytest.ExceptionInfo[ValidationError]) -> set[str]:
    return {".".join(str(part) for part in fault["loc"]) for fault in refused.value.errors()}


def test_a_request_says_kind_and_input_and_has_the_rest_by_default() -> None:
    asked = request()

    assert (asked.lane, asked.priority, asked.model) == (Lane.FAST, 5, None)
    assert (asked.webhook, asked.metadata, asked.end_user) == (None, {}, None)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"lane": "slow"}, "lane"),
        ({"lane": "FAST"}, "lane"),
        ({"lane": None}, "lane"),
        ({"priority": -1}, "priority"),
        ({"priority": 10}, "priority"),
        ({"priority": "5"}, "priority"),
        ({"priority": 5.0}, "priority"),
        ({"priority": True}, "priority"),
        ({"kind": "video"}, "kind"),
        ({"kind": None}, "kind"),
        ({"input": []}, "input"),
        ({"model": ""}, "model"),
        ({"model": "x" * 129}, "model"),
        ({"end_user": ""}, "end_user"),
        ({"end_user": "x" * 129}, "end_user"),
        ({"end_user": "ann\x00"}, "end_user"),
        ({"metadata": {"a": "b\x00"}}, "metadata"),
        ({"metadata": {"a\x00": "b"}}, "metadata"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a"),
        ({"metadata": {"x" * 65: "b"}}, f"metadata.{'x' * 65}.[key]"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"promt": "a kite"}, "promt"),
        ({"tenant_id": 1}, "tenant_id"),
        ({"webhook": {"url": "https://x.example", "secret": "s"}}, "webhook.secret"),
        ({"webhook": {"url": "https://x.example", "events": []}}, "webhook.events"),
        ({"webhook": {"url": "https://x.example", "events": ["job.done"]}}, "webhook.events.0"),
        (
            {"webhook": {"url": "https://x.example", "events": ["batch.failed"]}},
            "webhook.events.0",
        ),
        ({"channels": "red"}, "channels"),
        ({"channels": ["a", "b", "c", "d", "e", "f"]}, "channels"),
        ({"channels": [""]}, "channels.0"),
        ({"channels": ["red", "a,b"]}, "channels.1"),
        ({"channels": ["x" * 129]}, "channels.0"),
        ({"webhook": {}}, "webhook.url"),
        ({"webhook": "https://x.example"}, "webhook"),
    ],
)
def test_a_wrong_request_is_refused_where_it_is_wrong(
    wrong: dict[str, Any], place: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        request(**wrong)

    assert place in places_of(refused)


@pytest.mark.parametrize("text", ["\\x00", "\\u0000", "\\", "'\"", "日本", "\n"])
def test_text_that_only_looks_like_the_refused_character_is_fine(text: str) -> None:
    asked = request(metadata={text: text}, end_user=text)

    assert (asked.metadata, asked.end_user) == ({text: text}, text)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x.example/hook",
        "//x.example/hook",
        "ftp://x.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "https:///hook",
        "https://?x=1",
        f"https://{'x' * 300}/",
        "https://bot.example/" + "\u4e00" * 700,
        "https://#x",
        "https://:8443/hook",
        "https://user@/hook",
        "https://x.example:0/hook",
        "https://x.example:99999/hook",
        "https://x.example:port/hook",
        "https://[::1/hook",
        "https://[nonsense]/hook",
        "https://℀.example/hook",
        "https://x.example/a hook",
        "https://x.ex ample/",
        "https://x.example/\n",
        "https://x.example/\x00",
        "https://x.example\x00/",
        "https://x.example/\x7f",
        " https://x.example/",
        "https://x.example/" + "x" * 2_048,
    ],
)
def test_a_url_that_cannot_be_called_is_refused(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        request(webhook={"url": url})

    assert places_of(refused) == {"webhook.url"}


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "https://x.example",
        "https://x.example:8443/hook?job=1&x=%20#here",
        "http://192.0.2.7/hook",
        "https://[2001:db8::1]:8443/hook",
        "https://bücher.example/über",
    ],
)
def test_a_url_is_kept_as_it_was_written(url: str) -> None:
    target = WebhookTarget(url=url)

    assert target.url == url
    assert target.events == TERMINAL_TYPES


@given(st.text(max_size=30), st.sampled_from(["http://", "https://", "http://[", "https://a:"]))
def test_an_accepted_url_can_always_be_taken_apart(text: str, start: str) -> None:
    try:
        target = WebhookTarget(url=start + text)
    except ValidationError:
        return
    parts = urlsplit(target.url)
    assert parts.hostname
    assert parts.port != 0


def test_a_webhook_may_ask_for_some_events_only() -> None:
    target = WebhookTarget.model_validate(
        {"url": "https://x.example", "events": ["job.failed"]}
    )

    assert target.events == (EventType.JOB_FAILED,)


def test_a_webhook_may_ask_for_the_whole_way_of_the_job_and_each_word_counts_once() -> None:
    request = JobRequest.model_validate(
        {
            "kind": "image",
            "input": {},
            "webhook": {"url": "https://x.example", "events": [*JOB_TYPES]},
            "channels": ["red", "red", "-._"],
        }
    )

    assert request.webhook
    assert request.webhook.events == JOB_TYPES
    assert request.channels == ("red", "-._")


def test_a_view_has_the_declared_fields_in_the_declared_order() -> None:
    assert list(job_view(JOB, PUBLIC_URL)) == list(JobView.model_fields)


@pytest.mark.parametrize("job", [JOB, ENDED])
def test_a_view_is_the_same_after_a_look_through_its_declaration(job: JobRecord) -> None:
    view = job_view(job, PUBLIC_URL)

    assert JobView.model_validate(view).model_dump(mode="json") == view


def test_a_waiting_job_says_on_what_and_has_no_output() -> None:
    view = job_view(JOB, PUBLIC_URL)

    assert (view["status"], view["waiting_on"]) == ("queued", "lane")
    assert (view["started_at"], view["finished_at"], view["output"]) == (None, None, None)
    assert parse_id("job", view["id"]) == JOB.id
    assert view["urls"]["get"] == f"{PUBLIC_URL}/v1/jobs/{view['id']}"


def test_an_ended_job_shows_where_its_artifacts_are_and_not_their_place_in_the_store() -> None:
    view = job_view(ENDED, PUBLIC_URL)

    assert view["output"] == {
        "artifacts": [
            {
                "index": 0,
                "url": f"{view['urls']['get']}/artifacts/0",
                "content_type": "image/png",
                "bytes": 70,
                "sha256": "ab",
                "width": 8,
                "height": 9,
            }
        ],
        "text": "a kite",
        "texts": None,
        "embeddings": None,
        "seed": None,
        "upscaled_by": None,
        "ai_generated": True,
    }
    assert "secret/place" not in str(view)
    assert view["finished_at"] == "2026-11-20T10:00:02.123Z"


@pytest.mark.parametrize("state", [state for state in JobState if state != JobState.SUCCEEDED])
def test_only_success_has_an_output(state: JobState) -> None:
    view = job_view(replace(ENDED, state=state), PUBLIC_URL)

    assert (view["status"], view["output"]) == (status_of(state), None)


def test_a_failed_job_shows_why() -> None:
    error = ModelTimeoutError("no answer for 15 minutes").record("err_1")

    view = job_view(replace(JOB, state=JobState.DEAD, error=error), PUBLIC_URL)

    assert (view["status"], view["error"]) == ("failed", error)
    JobView.model_validate(view)


def test_times_are_shown_in_utc_with_milliseconds_cut_not_rounded() -> None:
    midnight_in_india = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))

    assert iso_ms(CREATED) == "2026-11-20T10:00:00.123Z"
    assert iso_ms(midnight_in_india) == "2025-12-31T18:30:00.000Z"


@given(st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_a_shown_time_reads_back_to_the_millisecond(at: datetime) -> None:
    passed = at - datetime.fromisoformat(iso_ms(at))

    assert timedelta(0) <= passed < timedelta(milliseconds=1)
