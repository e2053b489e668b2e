"""The SDK's own models say what the service's do, and outlive newer servers."""

from dataclasses import fields
from typing import Any

import pytest

from genq import UnexpectedAnswerError
from genq.decoding import decode, read_job, read_slice
from genq.errors import JobBlockedError, JobFailedError
from genq.models import (
    FINAL_STATUSES,
    KINDS,
    LANES,
    STATUSES,
    Artifact,
    DeadLetter,
    DeadLetterGroup,
    Death,
    Eta,
    Job,
    JobError,
    Output,
    QueuePlace,
    Redrive,
    Urls,
)
from schemas.dead_letter_views import (
    DeadLetterDetailView,
    DeadLetterGroupView,
    DeathView,
    RedriveView,
)
from schemas.generation import Kind
from schemas.job import ArtifactView, ErrorView, JobView, OutputView, UrlsView
from schemas.job_states import JobState, JobStatus, status_of
from schemas.lanes import Lane
from schemas.position import EtaView, QueueView
from tests.fixtures.sample_job import JOB


@pytest.mark.parametrize(
    ("model", "view", "besides"),
    [
        (Job, JobView, {"raw"}),
        (Artifact, ArtifactView, set[str]()),
        (Output, OutputView, set[str]()),
        (JobError, ErrorView, set[str]()),
        (Urls, UrlsView, set[str]()),
        (DeadLetter, DeadLetterDetailView, {"raw"}),
        (Death, DeathView, set[str]()),
        (DeadLetterGroup, DeadLetterGroupView, {"raw"}),
        (Redrive, RedriveView, {"raw"}),
        (QueuePlace, QueueView, set[str]()),
        (Eta, EtaView, set[str]()),
    ],
)
def test_a_model_has_the_fields_that_the_service_sends(
    model: Any, view: Any, besides: set[str]
) -> None:
    names = {one.name for one in fields(model)}

    assert names - besides == set(view.model_fields) - {"object"}


def test_the_sdk_knows_every_kind_lane_and_status_of_the_service() -> None:
    assert set(KINDS) == set(Kind)
    assert set(LANES) == set(Lane)
    assert set(STATUSES) == set(JobStatus)
    assert set(FINAL_STATUSES) == {status_of(state) for state in JobState if state.final}


def test_a_job_is_read_with_times_and_parts() -> None:
    job = read_job(JOB)

    assert (job.finished_at or job.created_at) - job.created_at == (
        job.created_at.resolution * 1_000_000
    )
    assert job.output is not None
    assert job.output.artifacts[0].width == 8
    assert job.raw == JOB
    assert job.done
    assert job.succeeded


def test_a_queued_job_has_its_place() -> None:
    queue = {"position": 8, "ahead_in_flow": 3, "ahead_in_lane": 7, "estimated": True}
    eta = {"eta_seconds": {"low": 1.5, "high": None}, "waiting_until": JOB["created_at"]}
    job = read_job({**JOB, "status": "queued", "queue": {**queue, **eta}})

    assert job.queue == QueuePlace(8, 3, 7, True, Eta(1.5), job.created_at)


def test_fields_and_values_of_a_newer_server_are_taken_as_they_come() -> None:
    job = read_job({**JOB, "status": "paused", "finished_at": None, "lane": "hyper", "new": 1})

    assert (job.status, job.lane, job.done) == ("paused", "hyper", False)


def test_a_thin_job_of_an_event_needs_no_input() -> None:
    job = read_job({name: value for name, value in JOB.items() if name != "input"})

    assert job.input == {}


@pytest.mark.parametrize("name", ["id", "kind", "status", "created_at", "priority"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(UnexpectedAnswerError, match=f"lacks {name}"):
        read_job({key: value for key, value in JOB.items() if key != name})


@pytest.mark.parametrize("found", [None, [], "x", 3, {"data": [3]}])
def test_what_is_no_job_is_refused(found: object) -> None:
    with pytest.raises(UnexpectedAnswerError):
        read_job(found)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(UnexpectedAnswerError, match="not JSON"):
        decode(b"<html>")


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(UnexpectedAnswerError, match="created_at is not a time"):
        read_job({**JOB, "created_at": "yesterday"})


def test_a_page_is_read() -> None:
    page = read_slice({"data": [JOB], "has_more": True})

    assert [job.id for job in page.jobs] == ["job_01"]
    assert page.has_more


def test_success_is_required_by_an_error_that_tells_why() -> None:
    error = {"code": "model_unavailable", "message": "it is down"}
    failed = read_job({**JOB, "status": "failed", "output": None, "error": error})
    blocked = read_job({**JOB, "status": "blocked", "output": None})
    running = read_job({**JOB, "status": "running", "finished_at": None})

    with pytest.raises(
        JobFailedError, match=r"job_01 failed: it is down \(model_unavailable\)"
    ):
        failed.require_success()
    with pytest.raises(JobBlockedError, match="job_01 blocked"):
        blocked.require_success()
    with pytest.raises(JobFailedError, match="job_01 is running"):
        running.require_success()
