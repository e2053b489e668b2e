"""What is sent, without any network."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from genq.calls import Answer, Call
from genq.errors import AuthenticationError, ConfigurationError, InvalidRequestError
from genq.exchanges import (
    create_job,
    create_jobs,
    get_artifact,
    get_job,
    get_preview,
    list_jobs,
)
from genq.generating import generate_image, generate_text
from genq.job_requests import JobRequest
from genq.keys import show_tenant
from tests.fixtures.exchange_player import play, refuses, says, scripted
from tests.fixtures.sample_job import JOB

IMAGE: JobRequest = {"kind": "image", "input": {"prompt": "x"}}
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def sent(call: Call) -> Any:
    return json.loads(call.body or b"")


def test_a_submit_leaves_out_what_was_not_given() -> None:
    body = {**IMAGE, "model": None}

    _, calls = play(create_job(body, idempotency_key=None, wait=None), scripted(says("queued")))

    assert sent(calls[0]) == IMAGE
    assert "prefer" not in calls[0].headers


def test_two_submits_have_two_keys() -> None:
    keys = [
        play(create_job({}, idempotency_key=None, wait=None), scripted(says("queued")))[1][
            0
        ].headers["idempotency-key"]
        for _ in range(2)
    ]

    assert keys[0] != keys[1]


SOME_ACCEPTED = {
    "accepted": 1,
    "refused": 1,
    "data": [
        {"index": 0, "status": 202, "job": JOB, "error": None, "unique_replayed": True},
        {
            "index": 1,
            "status": 400,
            "job": None,
            "error": {
                "code": "invalid_request",
                "detail": "wrong",
                "errors": [{"pointer": "/jobs/1/input/prompt", "message": "too long"}],
            },
        },
    ],
}


def test_many_jobs_go_in_one_request_with_their_short_forms_written_out() -> None:
    jobs: list[JobRequest] = [
        {**IMAGE, "webhook": "http://x", "unique": "u", "tags": ["a"], "run_at": NOON},
        IMAGE,
    ]
    bulk, (call,) = play(
        create_jobs(jobs, all_or_nothing=False, idempotency_key=None),
        scripted(Answer(207, {}, json.dumps(SOME_ACCEPTED).encode())),
    )

    assert (call.method, call.path) == ("POST", "/v1/jobs/bulk")
    assert sent(call)["mode"] == "per_item"
    assert sent(call)["jobs"][0] == {
        **IMAGE,
        "webhook": {"url": "http://x"},
        "unique": {"key": "u"},
        "tags": ["a"],
        "run_at": "2026-11-20T12:00:00+00:00",
    }
    assert call.headers["idempotency-key"]
    assert [job.id for job in bulk.jobs] == [JOB["id"]]
    assert bulk.data[0].unique_replayed
    (refused,) = bulk.refusals
    assert refused.index == 1
    assert refused.status == 400
    assert refused.error is not None
    assert refused.error.errors[0].pointer == "/jobs/1/input/prompt"


def test_a_refused_submit_is_not_sent_again() -> None:
    refused = refuses(401, code="invalid_api_key", detail="unknown")

    with pytest.raises(AuthenticationError):
        play(create_job({}, idempotency_key="k", wait=None), scripted(refused))


def test_a_body_that_json_cannot_say_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ConfigurationError, match="JSON"):
        play(create_job({"input": {1, 2}}, idempotency_key=None, wait=None), scripted())
    with pytest.raises(ConfigurationError, match="JSON"):
        play(create_job({"input": "\ud800"}, idempotency_key=None, wait=None), scripted())


def test_a_wait_asks_the_server_to_hold_the_request() -> None:
    _, calls = play(get_job("job_01", wait=2.2), scripted(says("running")))

    assert calls[0].headers["prefer"] == "wait=3"
    assert calls[0].hold == 3


def test_filters_of_a_list_become_words() -> None:
    query = {"status": "failed", "attempts": 3, "created_after": NOON, "lane": None}
    page = Answer(200, {}, json.dumps({"data": [JOB], "has_more": True, "next": "c"}).encode())

    (jobs, after), (call,) = play(list_jobs(query), scripted(page))

    assert call.query == {
        "status": "failed",
        "attempts": "3",
        "created_after": "2026-11-20T12:00:00+00:00",
    }
    assert (len(jobs), after) == (1, "c")
    with pytest.raises(ConfigurationError, match="offset"):
        play(list_jobs({"created_after": NOON.replace(tzinfo=None)}), scripted())


@pytest.mark.parametrize(
    "job_id", ["", "job_", "../keys", "job_01/artifacts/0", "job_01?x", "a b", "job_é", "01"]
)
def test_what_is_no_id_never_reaches_the_server(job_id: str) -> None:
    with pytest.raises(ConfigurationError, match="not an id; expected job_"):
        play(get_artifact(job_id, 0), scripted())


def test_there_may_be_no_preview() -> None:
    assert play(get_preview("job_01"), scripted(Answer(200, {}, b"jpg")))[0] == b"jpg"
    assert play(get_preview("job_01"), scripted(refuses(404, code="not_found")))[0] is None


def test_a_picture_is_made_by_submit_wait_and_fetch() -> None:
    server = scripted(
        says("queued", 30.0), says("running", 30.0), says("succeeded"), Answer(200, {}, b"png")
    )
    options = {"size": "64x64", "lane": "turbo", "seed": None, "webhook": "http://x"}

    picture, calls = play(generate_image("a kite", options), server)

    assert picture == b"png"
    assert sent(calls[0]) == {
        "kind": "image",
        "input": {"prompt": "a kite", "size": "64x64"},
        "lane": "turbo",
        "webhook": {"url": "http://x"},
    }
    assert [call.method for call in calls] == ["POST", "GET", "GET", "GET"]
    assert calls[0].headers["prefer"] == "wait=30"
    assert calls[-1].path == "/v1/jobs/job_01/artifacts/0"


def test_words_are_made_by_submit_and_wait() -> None:
    answer = says("succeeded", output={"artifacts": [], "text": "by lift"})
    options = {"system": "Be brief.", "temperature": 0, "timeout": 12.5}

    words, (call,) = play(generate_text("why?", options), scripted(answer))

    assert words == "by lift"
    assert sent(call)["input"] == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "why?"},
        ],
        "temperature": 0,
    }
    assert call.headers["prefer"] == "wait=13"


def test_a_tenants_limits_and_key_are_read() -> None:
    key = {"id": "key_1", "name": "k", "prefix": "gq_ab", "scopes": ["jobs:read"]}
    body = {
        "name": "acme",
        "weight": 1000,
        "max_inflight": 8,
        "created_at": JOB["created_at"],
        "allowed_lanes": ["fast"],
        "plan_of_the_future": 1,
        "key": {**key, "status": "dormant", "created_at": JOB["created_at"]},
    }

    tenant, _ = play(show_tenant(), scripted(Answer(200, {}, json.dumps(body).encode())))

    assert (tenant.name, tenant.allowed_lanes, tenant.allowed_models) == (
        "acme",
        ("fast",),
        None,
    )
    assert tenant.raw["plan_of_the_future"] == 1
    assert tenant.key is not None
    assert tenant.key.status == "dormant"


def test_a_problem_is_kept_whole() -> None:
    refused = refuses(400, code="invalid_request", detail="no", hint="of the future")

    with pytest.raises(InvalidRequestError) as caught:
        play(get_job("job_01", wait=None), scripted(refused))

    assert caught.value.problem["hint"] == "of the future"
