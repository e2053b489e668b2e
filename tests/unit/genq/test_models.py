"""The SDK's own models say what the service's do, and outlive newer servers."""

import inspect
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from genq import UnexpectedAnswerError
from genq.batch_models import Batch, BatchError, BatchResult, LineFailures, RequestCounts
from genq.bulk_models import ActionReport, Bulk, BulkItem
from genq.decoding import decode, read_job, read_slice
from genq.endpoint_exchanges import EndpointOptions
from genq.errors import JobBlockedError, JobFailedError
from genq.estimates import Estimate, EstimatedUnits, EstimateRefusal, Price
from genq.event_models import JobEvent
from genq.file_models import StoredFile
from genq.generating import ImageOptions, TextOptions
from genq.job_requests import JobFilter, JobOptions, JobRequest
from genq.jobs import Jobs
from genq.key_models import ApiKey, Tenant
from genq.models import (
    FINAL_STATUSES,
    KINDS,
    LANES,
    STATUSES,
    Artifact,
    CancelReport,
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
from genq.safety_models import Safety, SafetyPolicy, SafetyReason
from genq.schedule_models import Schedule, ScheduleRun
from genq.webhook_deliveries import DeliveryFilter
from genq.webhook_delivery_models import (
    Attempt,
    AttemptAnswer,
    AttemptTimings,
    Delivery,
    ErasedEvent,
    Pending,
    ReceiverLane,
    WebhookEvent,
)
from genq.webhook_endpoint_models import (
    Disabled,
    EndpointHealth,
    EndpointTest,
    PortalLink,
    SigningSecret,
    WebhookEndpoint,
    WebhookSecret,
)
from genq.webhook_recovery_models import Recovery
from schemas.generation import Kind
from schemas.job_states import JobState, JobStatus, status_of
from schemas.lanes import Lane
from tests.fixtures.sample_job import JOB

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "producer" / "api" / "openapi.json").read_text()
)
SHAPES: dict[str, Any] = DOCUMENT["components"]["schemas"]


@pytest.mark.parametrize(
    ("model", "shapes"),
    [
        (Job, {"JobView"}),
        (Artifact, {"ArtifactView"}),
        (Output, {"OutputView"}),
        (JobError, {"ErrorView"}),
        (Urls, {"UrlsView"}),
        (Safety, {"SafetyView"}),
        (SafetyReason, {"SafetyReasonView"}),
        (SafetyPolicy, {"SafetyPolicyView"}),
        (QueuePlace, {"QueueView"}),
        (Eta, {"EtaView"}),
        (DeadLetter, {"DeadLetterDetailView"}),
        (Death, {"DeathView"}),
        (DeadLetterGroup, {"DeadLetterGroupView"}),
        (Redrive, {"RedriveView"}),
        (Schedule, {"ScheduleView"}),
        (ScheduleRun, {"ScheduleRunView"}),
        (ApiKey, {"KeyView", "NewKeyView"}),
        (Tenant, {"OwnTenantView"}),
        (WebhookEndpoint, {"WebhookEndpointWithSecretView", "EndpointOptionsView"}),
        (EndpointHealth, {"EndpointHealthView"}),
        (Disabled, {"DisabledView"}),
        (SigningSecret, {"SigningSecretView"}),
        (EndpointTest, {"EndpointTestView", "EndpointTrialView"}),
        (PortalLink, {"PortalLinkView"}),
        (WebhookSecret, {"TenantSecretView", "TenantSecretRotatedView"}),
        (Delivery, {"DeliveryDetailView"}),
        (Attempt, {"AttemptView"}),
        (AttemptTimings, {"AttemptTimings"}),
        (AttemptAnswer, {"AttemptAnswer"}),
        (Pending, {"PendingView"}),
        (ReceiverLane, {"LaneView"}),
        (WebhookEvent, {"WebhookEventView"}),
        (ErasedEvent, {"ErasedEventView"}),
        (Recovery, {"RecoveryView"}),
        (Batch, {"BatchView", "BatchExtrasView"}),
        (BatchError, {"BatchErrorView"}),
        (RequestCounts, {"RequestCountsView"}),
        (LineFailures, {"LineFaultsView"}),
        (BatchResult, {"BatchResultLine", "BatchResponseView"}),
        (StoredFile, {"FileView"}),
        (Bulk, {"BulkView"}),
        (BulkItem, {"BulkItemView"}),
        (CancelReport, {"CancelReport"}),
        (ActionReport, {"JobActionReport"}),
        (Estimate, {"EstimateView"}),
        (EstimateRefusal, {"RefusalView"}),
        (EstimatedUnits, {"UnitsView"}),
        (Price, {"PriceRange"}),
        (
            JobEvent,
            {
                "QueuedEvent",
                "PositionEvent",
                "StartedEvent",
                "ProgressEvent",
                "RetryingEvent",
                "EndedEvent",
            },
        ),
    ],
)
def test_a_model_has_the_fields_that_the_document_tells(model: Any, shapes: set[str]) -> None:
    names = {one.name for one in fields(model)} - {"raw"}
    told = {name for shape in shapes for name in SHAPES[shape]["properties"]} - {"object"}

    assert names - OURS.get(model, set()) == told - THEIRS.get(model, set())


# What a model has that the document does not tell: an id that stands beside the event's data…
OURS: dict[Any, set[str]] = {
    JobEvent: {"id", "preview_url"},
    # Two things are called errors: of the file, and of its lines.
    Batch: {"line_errors"},
}
# … and what is told in another way: a preview by its URL, a page by going on.
THEIRS: dict[Any, set[str]] = {
    JobEvent: {"preview"},
    Bulk: {"mode"},
    CancelReport: {"more"},
    # What is genq's own stands in an object of its own; in the SDK it is one of the fields.
    WebhookEndpoint: {"genq"},
    EndpointTest: {"genq"},
    Batch: {"genq"},
    BatchResult: {"response", "request_id"},
    StoredFile: {"status_details"},
}


def test_the_sdk_asks_for_routes_that_the_document_tells() -> None:
    used = {
        ("post", "/v1/jobs"),
        ("post", "/v1/jobs/bulk"),
        ("post", "/v1/jobs/actions"),
        ("post", "/v1/jobs/{job_id}/retry"),
        ("post", "/v1/estimate"),
        ("get", "/v1/jobs/{job_id}/events"),
        ("get", "/v1/jobs/{job_id}/preview"),
        ("get", "/v1/events"),
        ("post", "/v1/keys/{key_id}/rotate"),
        ("get", "/v1/tenant"),
    }

    assert {(m, path) for path, methods in DOCUMENT["paths"].items() for m in methods} >= used


def test_a_list_is_narrowed_by_what_the_document_tells() -> None:
    listing = DOCUMENT["paths"]["/v1/jobs"]["get"]["parameters"]
    names = {told["name"] for told in listing if told["in"] == "query"}

    assert set(JobFilter.__annotations__) == names - {"limit", "after", "count"}
    deliveries = DOCUMENT["paths"]["/v1/webhook_deliveries"]["get"]["parameters"]
    names = {told["name"] for told in deliveries}
    assert set(DeliveryFilter.__annotations__) == names - {"limit", "after"}
    options = SHAPES["EndpointOptions"]["properties"]
    assert set(EndpointOptions.__annotations__) == set(options)


def test_a_job_is_asked_for_under_the_names_of_the_document() -> None:
    asked = set(JobRequest.__annotations__) | set(JobOptions.__annotations__)

    assert asked == set(SHAPES["JobRequest"]["properties"])
    arguments = set(inspect.signature(Jobs.create).parameters)
    assert asked <= arguments
    assert arguments - asked == {"self", "idempotency_key", "wait", "request", "images", "mask"}


def test_a_picture_and_a_text_are_asked_for_under_the_names_of_the_document() -> None:
    ours = set(JobOptions.__annotations__) | {"timeout", "on_progress", "images"}
    image = set(ImageOptions.__annotations__) - ours - {"mask"}
    text = set(TextOptions.__annotations__) - ours - {"system"}

    assert image == set(SHAPES["ImageInput"]["properties"]) - {"prompt", "n"}
    assert text <= set(SHAPES["ChatInput"]["properties"])


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
