"""The SDK against the real API: one scenario, played by ``Genq`` and by ``AsyncGenq``."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from genq import (
    ConflictError,
    Genq,
    InvalidRequestError,
    JobBlockedError,
    JobEvent,
    JobFailedError,
    NotFoundError,
    PermissionDeniedError,
    WaitTimeoutError,
)
from infra.settings import Settings
from schemas.errors import Category, ErrorRecord, Severity
from schemas.job_states import JobState
from tests.api.served import Served, run
from tests.fixtures.plain_client import FLAVOURS, client_of

PNG = b"\x89PNG\r\n\x1a\n and the rest"
INPUT = {"prompt": "a red kite"}


@dataclass
class Stage:
    """The API's own loop, seen from the thread that a client works in."""

    api: Served
    loop: asyncio.AbstractEventLoop
    begun: list[Any] = field(default_factory=list[Any])

    def end(self, job_id: str, **given: Any) -> None:
        """Let a job run to its end, and go on when it has."""
        self._begin(self.api.end(job_id, **given)).result(10)

    def ending(self, **given: Any) -> Callable[[JobEvent], None]:
        """Return a watcher that lets the job end when it first hears of it."""

        def watch(event: JobEvent) -> None:
            if event.type == "queued":
                self.begun.append(self._begin(self.api.end(event.job_id, **given)))

        return watch

    def _begin(self, doing: Coroutine[Any, Any, None]) -> Any:
        return asyncio.run_coroutine_threadsafe(doing, self.loop)


def played(
    settings: Settings, flavour: str, scenario: Callable[[Genq, Stage], None], **given: Any
) -> None:
    """Play ``scenario`` with a client of this flavour, beside the API's loop."""

    async def beside(api: Served) -> None:
        stage = Stage(api, asyncio.get_running_loop())

        def play() -> None:
            with client_of(flavour, api.key, api.url, **given) as client:
                scenario(client, stage)

        await asyncio.to_thread(play)
        for doing in stage.begun:
            await asyncio.wrap_future(doing)

    run(settings, beside)


def scenario(client: Genq, stage: Stage) -> None:
    a_job_lives_its_life(client, stage)
    many_jobs_are_submitted_at_once(client)
    a_list_is_narrowed_and_goes_on_by_itself(client)
    a_job_is_followed_to_its_end(client, stage)
    a_picture_is_one_call(client, stage)
    what_did_not_succeed_says_why(client, stage)
    the_feed_tells_of_all_ends(client)
    what_failed_is_tried_again(client)
    a_price_and_a_verdict_are_told(client)
    a_key_is_made_rotated_and_revoked(client, stage)
    a_policy_is_written_tried_and_activated(client)
    refusals_have_classes_and_ids(client)


def a_job_lives_its_life(client: Genq, stage: Stage) -> None:
    job = client.jobs.create(
        kind="image", input=INPUT, lane="turbo", tags=["poster"], idempotency_key="once"
    )
    again = client.jobs.create(
        kind="image", input=INPUT, lane="turbo", tags=["poster"], idempotency_key="once"
    )
    assert again.id == job.id
    assert (job.status, job.lane, job.tags) == ("queued", "turbo", ("poster",))
    with pytest.raises(WaitTimeoutError):
        client.jobs.wait(job.id, timeout=0)

    stage.end(job.id, pictures=[PNG])
    ended = client.jobs.wait(job.id, timeout=10)
    (artifact,) = ended.require_success().artifacts
    assert client.jobs.artifact(job.id, artifact.index) == PNG
    path = Path(stage.api.services.settings.object_store.removeprefix("file://")) / "kite.png"
    assert client.jobs.download(job.id, 0, path).read_bytes() == PNG
    assert client.jobs.preview(job.id) is None
    with pytest.raises(ConflictError, match="succeeded"):
        client.jobs.cancel(job.id)


def many_jobs_are_submitted_at_once(client: Genq) -> None:
    good, bad = {"kind": "image", "input": INPUT}, {"kind": "image", "input": {"prompt": 3}}
    whole = client.jobs.create_many([good, good])
    assert (whole.accepted, whole.refused) == (2, 0)
    with pytest.raises(InvalidRequestError) as caught:
        client.jobs.create_many([good, bad])
    assert caught.value.errors[0].pointer.startswith("/jobs/1/input")
    some = client.jobs.create_many([bad, good], all_or_nothing=False)
    assert (some.accepted, some.refused) == (1, 1)
    assert some.refusals[0].index == 0
    (made,) = some.jobs
    assert client.jobs.cancel(made.id).status == "cancelled"


def a_list_is_narrowed_and_goes_on_by_itself(client: Genq) -> None:
    made = [
        client.jobs.create(
            kind="image", input=INPUT, tags=["row", f"n{n}"], metadata={"n": "1"}
        )
        for n in range(3)
    ]
    page = client.jobs.list(tag="row", limit=2)
    assert [job.id for job in page.data] == [made[2].id, made[1].id]
    assert page.has_more
    assert [job.id for job in page] == [job.id for job in reversed(made)]
    assert [len(one.data) for one in client.jobs.list(tag="row", limit=2).iter_pages()] == [
        2,
        1,
    ]
    assert [job.id for job in client.jobs.list(tag=["row", "n1"])] == [made[1].id]
    narrow = client.jobs.list(
        metadata={"n": "1"}, status=["queued", "running"], created_after=made[1].created_at
    )
    assert {job.id for job in narrow} == {made[1].id, made[2].id}
    report = client.jobs.cancel_matching(metadata={"n": "1"})
    assert report.cancelled == 3


def a_job_is_followed_to_its_end(client: Genq, stage: Stage) -> None:
    job = client.jobs.create(kind="image", input=INPUT)
    heard: list[JobEvent] = []
    end = stage.ending()

    def watch(event: JobEvent) -> None:
        heard.append(event)
        end(event)

    ended = client.jobs.wait(job.id, timeout=20, on_progress=watch)

    assert ended.succeeded
    types = [event.type for event in heard]
    assert types[0] == "queued"
    assert types[-1] == "job.succeeded"
    told = list(client.jobs.events(job.id))
    assert [event.type for event in told] == ["queued", "started", "job.succeeded"]
    assert told[-1].job is not None
    assert told[-1].job.status == "succeeded"
    behind = client.jobs.events(job.id, last_event_id=told[0].id)
    assert [event.type for event in behind] == ["started", "job.succeeded"]
    assert list(client.jobs.events(job.id, last_event_id=told[-1].id)) == []


def a_picture_is_one_call(client: Genq, stage: Stage) -> None:
    watch = stage.ending(pictures=[PNG])

    assert client.generate("a red kite", size="64x64", timeout=20, on_progress=watch) == PNG


def what_did_not_succeed_says_why(client: Genq, stage: Stage) -> None:
    record = ErrorRecord(
        code="model_unavailable",
        message="it is down",
        category=Category.MODEL.value,
        severity=Severity.HIGH.value,
        retryable=True,
        error_id="err_1",
    )
    with pytest.raises(JobFailedError, match="it is down") as caught:
        client.generate(
            "x", timeout=20, on_progress=stage.ending(state=JobState.FAILED, error=record)
        )
    assert caught.value.job is not None
    assert caught.value.job.error is not None
    assert (caught.value.code, caught.value.error_id) == ("model_unavailable", "err_1")
    with pytest.raises(JobBlockedError):
        client.generate("x", timeout=20, on_progress=stage.ending(state=JobState.BLOCKED))


def the_feed_tells_of_all_ends(client: Genq) -> None:
    feed = iter(client.events())
    first, second = next(feed), next(feed)
    assert first.type == "job.succeeded"
    assert first.job is not None
    assert first.job.tags == ("poster",)
    assert next(iter(client.events(after=first.cursor))).id == second.id
    failed = next(iter(client.events(types=["job.failed"])))
    assert failed.job is not None
    assert failed.job.error is not None


def what_failed_is_tried_again(client: Genq) -> None:
    (failed,) = client.jobs.list(status="failed")
    again = client.jobs.retry(failed.id)
    assert again.retry_of == failed.id
    assert client.jobs.retry(failed.id).id == again.id
    with pytest.raises(ConflictError):
        client.jobs.retry(again.id, new_attempt=True)
    assert client.jobs.cancel(again.id).status == "cancelled"
    assert client.jobs.retry_matching(tag="row", dry_run=True).matched == 3
    done = client.jobs.retry_matching(tag="row")
    assert (done.matched, done.changed, done.has_more) == (3, 3, False)
    assert client.jobs.cancel_matching(every=True).matched >= 3


def a_price_and_a_verdict_are_told(client: Genq) -> None:
    found = client.estimate(kind="image", input={**INPUT, "n": 2}, lane="relax")
    assert (found.verdict, found.admitted, found.lane) == ("admitted", True, "relax")
    assert found.units is not None
    assert found.units.images == 2
    refused = client.estimate(kind="image", input=INPUT, model="nobodys")
    assert refused.refusal is not None
    assert (refused.admitted, refused.refusal.code) == (False, "model_not_found")


def a_key_is_made_rotated_and_revoked(client: Genq, stage: Stage) -> None:
    tenant = client.tenant()
    assert tenant.name == "acme"
    assert tenant.key is not None
    made = client.keys.create("reader", scopes=["jobs:read"], expires_at=3600)
    assert made.key is not None
    assert made.key not in repr(made)
    with Genq(made.key, stage.api.url) as reader:
        assert reader.jobs.list(limit=1).data
        with pytest.raises(PermissionDeniedError):
            reader.jobs.create(kind="image", input=INPUT)
    new = client.keys.rotate(made.id, overlap=60)
    assert client.keys.get(made.id).replaced_by == new.id
    assert client.keys.revoke(new.id).status == "revoked"
    assert {made.id, new.id, tenant.key.id} <= {key.id for key in client.keys.list(limit=1)}


def a_policy_is_written_tried_and_activated(client: Genq) -> None:
    written = {"policy": "sdk", "categories": {"violence": {"flag": 0.4, "block": None}}}
    made = client.policies.create(written)
    assert (made.status, made.document["categories"]) == ("draft", written["categories"])
    assert client.policies.create("policy: sdk\n").version == made.version + 1
    with pytest.raises(InvalidRequestError) as caught:
        client.policies.create({"policy": "sdk", "categories": {"sexual_minors": {"block": 1}}})
    assert caught.value.code == "invalid_policy"
    assert client.policies.simulate(written, since="1h").complete
    assert client.policies.activate(made.version).status == "active"
    assert client.policies.effective().name == "sdk"
    with pytest.raises(ConflictError):
        client.policies.approve(made.version)
    assert client.policies.get(made.version) in list(client.policies.list(limit=1))
    assert client.policies.sanctions() == ()


def refusals_have_classes_and_ids(client: Genq) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.jobs.get("job_01kb0q5v3mf0t8w2c7d4e9g6hj")
    assert caught.value.status == 404
    assert caught.value.code == "not_found"
    assert caught.value.request_id
    assert caught.value.error_id
    answer = client.jobs.with_raw_response.create(
        kind="image", input=INPUT, extra_headers={"X-Request-Id": "mine-1"}
    )
    assert answer.status_code == 202
    assert answer.headers["location"].endswith(answer.parse().id)
    assert answer.request_id
    other = client.with_options(max_retries=0, timeout=5)
    assert other.jobs.get(answer.result.id).id == answer.result.id


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_everything_that_the_sdk_does(settings: Settings, flavour: str) -> None:
    played(settings, flavour, scenario)
