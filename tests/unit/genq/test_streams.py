"""Live events over real sockets: cut, kept back, mute, for both clients."""

import json
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

from genq import JobEvent, errors
from genq.calls import Call, Exchange, More
from tests.fixtures.api_stub import ApiStub, Says
from tests.fixtures.exchange_player import told
from tests.unit.genq.test_client import Either

QUEUED = told("queued", "0")
STARTED = told("started", "1.0", attempt=1)


def written(*events: tuple[str, str, dict[str, Any]]) -> bytes:
    return b"retry: 1\n\n" + b"".join(
        f"event: {kind}\nid: {event_id}\ndata: {json.dumps(data)}\n\n".encode()
        for kind, event_id, data in events
    )


def end(job: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    done = {**job, "status": "succeeded", "finished_at": job["created_at"]}
    return told("job.succeeded", "end", job=done)


@pytest.fixture(params=["sync", "async"])
def genq(request: pytest.FixtureRequest, api_stub: ApiStub) -> Generator[Either]:
    either = Either(request.param, api_stub.url)
    yield either
    either.close()


def test_a_stream_that_is_cut_goes_on_behind_the_last_event(
    genq: Either, api_stub: ApiStub
) -> None:
    job = api_stub.add_job()
    api_stub.script = [
        Says(stream=(written(QUEUED, STARTED),), cut=True),
        Says(stream=(written(end(job)),)),
    ]

    events: list[JobEvent] = genq.all_of(genq.client.jobs.events(job["id"]))

    assert [event.type for event in events] == ["queued", "started", "job.succeeded"]
    assert events[-1].job is not None
    assert events[-1].job.succeeded
    asked = [request.headers.get("last-event-id") for request in api_stub.asked]
    assert asked == [None, "1.0"]


def test_the_feed_is_read_as_it_comes(genq: Either, api_stub: ApiStub) -> None:
    job = api_stub.add_job()
    body = {"id": "evt_1", "type": "job.failed", "timestamp": job["created_at"], "data": job}
    api_stub.script = [
        Says(stream=(written(("job.failed", "81-evt_1", body)),)),
        Says(403, {"code": "permission_denied", "detail": "no more"}),
    ]
    found: list[str] = []

    with pytest.raises(errors.PermissionDeniedError):
        genq.follow(genq.client.events(after="now"), lambda event: found.append(event.cursor))

    assert found == ["81-evt_1"]
    assert api_stub.asked[0].query == {"after": "now"}
    assert api_stub.asked[1].headers["last-event-id"] == "81-evt_1"


def test_a_watched_wait_hears_live_events(genq: Either, api_stub: ApiStub) -> None:
    job = api_stub.add_job()
    seen: list[str] = []
    progress = told("progress", "1.p1", fraction=0.25)
    api_stub.script = [
        Says(body=job),
        Says(stream=(written(QUEUED), written(STARTED, progress, end(job)))),
        Says(body={**job, "status": "succeeded", "finished_at": job["created_at"]}),
    ]

    def watch(event: JobEvent) -> None:
        seen.append(event.type)
        api_stub.go.set()

    ended = genq.call("wait", job["id"], on_progress=watch)

    assert ended.succeeded
    assert seen == ["queued", "started", "progress", "job.succeeded"]


def test_a_mute_stream_does_not_outlast_the_callers_patience(
    genq: Either, api_stub: ApiStub
) -> None:
    job = api_stub.add_job()
    api_stub.never_ends = True
    api_stub.script = [Says(body=job), Says(stream=(written(QUEUED),), hang=True)]
    begun = time.monotonic()

    with pytest.raises(errors.WaitTimeoutError):
        genq.call("wait", job["id"], timeout=0.4, on_progress=print)
    assert time.monotonic() - begun < 2


def test_each_piece_of_a_stream_has_its_own_patience(genq: Either, api_stub: ApiStub) -> None:
    api_stub.script = [Says(stream=(b": a\n\n", b": b\n\n"))]
    threading.Timer(0.5, api_stub.go.set).start()

    def listen() -> Exchange[list[bytes]]:
        # What the stream may take to begin does not count for what comes later.
        yield Call("GET", "/v1/events", listen=0.2)
        first = yield More(5)
        second = yield More(5)
        return [first.body, second.body]

    found = genq.settle(genq.client._transport.run(listen()))

    assert found == [b": a\n\n", b": b\n\n"]


def test_without_live_events_a_watcher_hears_of_each_state(
    genq: Either, api_stub: ApiStub
) -> None:
    job = api_stub.add_job()
    seen: list[JobEvent] = []

    genq.call("wait", job["id"], on_progress=seen.append)

    assert seen[-1].type == "job.succeeded"


def test_a_coroutine_may_watch_an_async_wait(api_stub: ApiStub) -> None:
    job = api_stub.add_job()
    seen: list[str] = []

    async def watch(event: JobEvent) -> None:
        seen.append(event.type)

    patient = Either("async", api_stub.url)
    patient.call("wait", job["id"], on_progress=watch)
    patient.close()
    assert seen[-1] == "job.succeeded"


def test_a_coroutine_that_nobody_can_await_is_refused(api_stub: ApiStub) -> None:
    job = api_stub.add_job()

    async def watch(event: JobEvent) -> None:
        raise AssertionError

    blocking = Either("sync", api_stub.url)
    with pytest.raises(errors.ConfigurationError, match="AsyncGenq"):
        blocking.call("wait", job["id"], on_progress=watch)
    blocking.close()
