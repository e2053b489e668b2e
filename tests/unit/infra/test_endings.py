"""A job's end as rows: one record, one event in its exact bytes, and the delivery owed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import orjson
import pytest

from infra.endings import ending_of
from infra.postgres.finish import Ending
from schemas.errors import ModelTimeoutError
from schemas.events import MAX_BODY_BYTES, TERMINAL_TYPES, without_input
from schemas.ids import format_id
from schemas.job import Artifact, JobRecord, JobView, job_view
from schemas.job_states import AttemptOutcome, JobState
from tests.fixtures.claims import STARTED_AT, chat_claim, image_claim

PUBLIC_URL: Final = "https://genq.example"
ENDED_AT: Final = STARTED_AT + timedelta(seconds=2, microseconds=345_678)
PICTURE: Final = Artifact(0, "t7/place.png", "image/png", 70, "ab", 8, 9)
ALL_TYPES: Final = [event.value for event in TERMINAL_TYPES]


def end(claim: Any = None, **facts: Any) -> Ending:
    usual: dict[str, Any] = {
        "state": JobState.SUCCEEDED,
        "outcome": AttemptOutcome.OK,
        "finished_at": ENDED_AT,
        "public_url": PUBLIC_URL,
    }
    return ending_of(claim or image_claim(), **(usual | facts))


def hook(url: str, events: list[str] = ALL_TYPES) -> Any:
    return image_claim(webhook={"url": url, "events": events})


def test_success_writes_result_artifacts_and_event() -> None:
    ending = end(artifacts=[PICTURE], result={"usage": {"images": 1}})

    assert (ending.state, ending.outcome) == (JobState.SUCCEEDED, AttemptOutcome.OK)
    assert orjson.loads(ending.body or "") == {"usage": {"images": 1}}
    assert [Artifact(**one) for one in orjson.loads(ending.artifacts or "")] == [PICTURE]
    assert ending.error is None
    assert ending.event.type == "job.succeeded"


def test_failure_writes_why_and_no_result() -> None:
    error = ModelTimeoutError("no answer").record("err_1")

    ending = end(state=JobState.DEAD, outcome=AttemptOutcome.TIMEOUT, error=error)

    assert orjson.loads(ending.error or "") == error
    assert (ending.body, ending.artifacts) == (None, None)
    event = orjson.loads(ending.event.body)
    assert (event["type"], event["data"]["status"]) == ("job.failed", "failed")
    assert (event["data"]["error"], event["data"]["output"]) == (error, None)


def test_the_event_is_the_job_as_callers_see_it() -> None:
    claim = chat_claim(attempt=3, end_user="ann", metadata={"a": "b"})

    event = orjson.loads(end(claim, result={"text": "Rhonda"}).event.body)

    seen = JobRecord(
        id=claim.job_id,
        tenant_id=claim.tenant_id,
        kind=claim.kind,
        model=claim.model,
        lane=claim.lane,
        priority=claim.priority,
        state=JobState.SUCCEEDED,
        created_at=claim.created_at,
        input=claim.input,
        started_at=claim.started_at,
        finished_at=ENDED_AT,
        attempts=3,
        metadata={"a": "b"},
        end_user="ann",
        text="Rhonda",
    )
    assert event["data"] == without_input(job_view(seen, PUBLIC_URL))
    assert {*event["data"], "input"} == set(JobView.model_fields)


def test_an_event_is_thin_for_who_did_not_ask_for_outputs() -> None:
    event = end(chat_claim(), result={"text": "Rhonda"}).event

    full, thin = orjson.loads(event.body), orjson.loads(event.thin or b"")
    assert full["data"]["output"] == {
        "artifacts": [],
        "text": "Rhonda",
        "texts": None,
        "embeddings": None,
        "seed": None,
        "upscaled_by": None,
        "ai_generated": True,
    }
    assert thin["data"]["output"] == full["data"]["output"] | {"text": None}
    assert "truncated" not in full["data"].keys() | thin["data"].keys()
    assert {**thin["data"], "output": None} == {**full["data"], "output": None}
    assert {**thin, "data": None} == {**full, "data": None}


def test_links_are_no_outputs() -> None:
    event = end(artifacts=[PICTURE]).event

    assert event.thin is None
    (artifact,) = orjson.loads(event.body)["data"]["output"]["artifacts"]
    job = orjson.loads(event.body)["data"]["id"]
    assert artifact["url"] == f"{PUBLIC_URL}/v1/jobs/{job}/artifacts/0"


@pytest.mark.parametrize(("letter", "times"), [("x", MAX_BODY_BYTES), ("語", 7_000)])
def test_outputs_that_make_an_event_too_large_are_left_out_and_the_event_says_so(
    letter: str, times: int
) -> None:
    event = end(chat_claim(), result={"text": letter * times}).event

    data = orjson.loads(event.body)["data"]
    nothing: dict[str, Any] = {
        "artifacts": [],
        "text": None,
        "texts": None,
        "embeddings": None,
        "seed": None,
        "upscaled_by": None,
        "ai_generated": True,
    }
    assert (data["output"], data["truncated"]) == (nothing, True)
    assert len(event.body) < MAX_BODY_BYTES
    assert "truncated" not in orjson.loads(event.thin or b"")["data"]


def test_outputs_that_just_fit_are_carried() -> None:
    empty = len(end(chat_claim(), result={"text": ""}).event.body)

    for times, fits in ((MAX_BODY_BYTES - empty, True), (MAX_BODY_BYTES - empty + 1, False)):
        event = end(chat_claim(), result={"text": "x" * times}).event
        carried = orjson.loads(event.body)["data"]["output"]["text"] is not None
        assert carried is fits


def test_the_end_is_the_last_event_of_its_release() -> None:
    events = [orjson.loads(end(replace(image_claim(), fence=n)).event.body) for n in (3, 4)]

    assert [event["sequence"] for event in events] == [3_999, 4_999]


def test_the_event_has_one_id_and_one_instant() -> None:
    ending = end()

    event = orjson.loads(ending.event.body)
    assert event["id"] == format_id("evt", ending.event.id)
    assert event["timestamp"] == event["data"]["finished_at"] == "2026-11-20T10:00:03.345Z"
    assert event["created_at"] == int(ENDED_AT.timestamp())


def test_two_ends_are_two_events() -> None:
    one, two = end().event, end().event

    assert one.id != two.id
    assert one.id < two.id


def test_nothing_is_owed_without_a_webhook() -> None:
    event = end().event

    assert (event.delivery_id, event.url, event.origin) == (None, None, None)


def test_nothing_is_owed_for_an_event_that_was_not_asked_for() -> None:
    event = end(hook("https://x.example/", ["job.failed"])).event

    assert (event.delivery_id, event.url, event.origin) == (None, None, None)
    assert event.type == "job.succeeded"


@pytest.mark.parametrize(
    ("state", "event_type"),
    [
        (JobState.SUCCEEDED, "job.succeeded"),
        (JobState.FAILED, "job.failed"),
        (JobState.DEAD, "job.failed"),
        (JobState.CANCELLED, "job.cancelled"),
        (JobState.EXPIRED, "job.expired"),
        (JobState.BLOCKED, "job.blocked"),
    ],
)
def test_every_end_is_owed_to_whoever_asked_for_its_event(
    state: JobState, event_type: str
) -> None:
    event = end(hook("https://x.example/hook", [event_type]), state=state).event

    assert (event.type, event.url) == (event_type, "https://x.example/hook")
    assert event.delivery_id not in {None, event.id}


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://x.example", "https://x.example"),
        ("https://x.example/hook?x=1#y", "https://x.example"),
        ("http://x.example:8080/hook", "http://x.example:8080"),
        ("https://user:secret@x.example/hook", "https://x.example"),
        ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
        ("https://x.example?at=@home", "https://x.example"),
    ],
)
def test_deliveries_queue_by_scheme_host_and_port(url: str, origin: str) -> None:
    event = end(hook(url)).event

    assert (event.url, event.origin) == (url, origin)


def test_a_result_without_content_is_not_written() -> None:
    assert end(result={}).body is None
    assert end(artifacts=[]).artifacts is None


def test_what_cannot_be_ascii_is_written_as_utf_8() -> None:
    ending = end(chat_claim(), result={"text": "日本 ☕"})

    assert "日本 ☕".encode() in ending.event.body
    assert "日本 ☕" in (ending.body or "")


def test_a_job_that_goes_on_has_no_ending() -> None:
    with pytest.raises(KeyError):
        end(state=JobState.READY)


def test_the_claim_is_what_fences_the_write() -> None:
    claim = replace(image_claim(), fence=7)

    assert end(claim).claim is claim
