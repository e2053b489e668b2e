"""``Genq`` and ``AsyncGenq`` have one surface: each promise is held by both."""

import asyncio
import inspect
import socket
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from genq import AsyncGenq, Genq, errors
from genq.models import Job
from tests.fixtures.api_stub import KEY, PNG, ApiStub, Home, Says, problem


class Either:
    """Drives one of the two clients: ``call`` returns what ``jobs.<name>`` gives in the end."""

    def __init__(self, flavour: str, url: str, key: str = KEY, timeout: float = 5) -> None:
        self.flavour = flavour
        self.runner = asyncio.Runner()
        self.client: Any
        if flavour == "async":
            self.client = self.runner.run(self._open(url, key, timeout))
        else:
            self.client = Genq(key, url, timeout)

    async def _open(self, url: str, key: str, timeout: float) -> AsyncGenq:  # noqa: ASYNC109 - the client's own name for it
        return AsyncGenq(key, url, timeout)

    def call(self, name: str, *args: Any, **given: Any) -> Any:
        return self.settle(getattr(self.client.jobs, name)(*args, **given))

    def settle(self, found: Any) -> Any:
        async def awaited() -> Any:
            return await found

        return self.runner.run(awaited()) if inspect.isawaitable(found) else found

    def all_of(self, page: Any) -> list[Any]:
        async def gather() -> list[Any]:
            return [job async for job in page]

        return list(page) if isinstance(self.client, Genq) else self.runner.run(gather())

    def follow(self, events: Any, hear: Callable[[Any], object]) -> None:
        async def listen() -> None:
            async for event in events:
                hear(event)

        if self.flavour == "async":
            self.runner.run(listen())
            return
        for event in events:
            hear(event)

    def close(self) -> None:
        self.settle(self.client.close())
        self.runner.close()


@pytest.fixture(params=["sync", "async"])
def genq(request: pytest.FixtureRequest, api_stub: ApiStub) -> Generator[Either]:
    either = Either(request.param, api_stub.url)
    yield either
    either.close()


def test_a_job_is_submitted_with_what_was_given(genq: Either, api_stub: ApiStub) -> None:
    job = genq.call(
        "create",
        kind="image",
        input={"prompt": "a kite", "n": 2},
        lane="turbo",
        priority=0,
        webhook="http://x/hook",
        metadata={"order": "7"},
        idempotency_key="mine",
    )

    assert job.status == "queued"
    assert api_stub.submits() == [
        {
            "kind": "image",
            "input": {"prompt": "a kite", "n": 2},
            "lane": "turbo",
            "priority": 0,
            "webhook": {"url": "http://x/hook"},
            "metadata": {"order": "7"},
        }
    ]
    headers = api_stub.asked[0].headers
    assert headers["idempotency-key"] == "mine"
    assert headers["user-agent"].startswith("genq-python/")


def test_a_webhook_with_chosen_events_is_passed_on(genq: Either, api_stub: ApiStub) -> None:
    webhook = {"url": "http://x", "events": ["job.failed"]}

    genq.call("create", kind="chat", input={"messages": []}, webhook=webhook)

    assert api_stub.submits()[0]["webhook"] == webhook


def test_a_connection_that_breaks_makes_one_job(genq: Either, api_stub: ApiStub) -> None:
    api_stub.script = [Says(cut=True), Says(cut=True)]

    job = genq.call("create", kind="image", input={"prompt": "a kite"})

    assert list(api_stub.jobs) == [job.id]
    assert len(api_stub.asked) == 3


def test_an_answer_that_does_not_come_is_not_asked_for_twice(
    api_stub: ApiStub, genq: Either
) -> None:
    flavour = "sync" if isinstance(genq.client, Genq) else "async"
    hasty = Either(flavour, api_stub.url, timeout=0.2)
    api_stub.script = [Says(hang=True)]

    with pytest.raises(errors.NoAnswerError, match="no answer in time"):
        hasty.call("create", kind="image", input={"prompt": "a kite"})
    assert len(api_stub.asked) == 1
    hasty.close()


def test_a_job_is_waited_for(genq: Either, api_stub: ApiStub) -> None:
    job = genq.call("create", kind="image", input={"prompt": "a kite"})
    seen: list[Job] = []

    ended = genq.call("wait", job.id, on_change=seen.append)

    assert ended.succeeded
    assert [one.status for one in seen] == ["succeeded"]
    assert api_stub.asked[-1].headers["prefer"] == "wait=1"


def test_waiting_gives_up_in_time(genq: Either, api_stub: ApiStub) -> None:
    api_stub.never_ends = True
    job = genq.call("create", kind="image", input={"prompt": "a kite"})

    with pytest.raises(errors.WaitTimeoutError):
        genq.call("wait", job.id, timeout=0.1)


def test_a_submit_may_wait_too(genq: Either, api_stub: ApiStub) -> None:
    genq.call("create", kind="image", input={"prompt": "a kite"}, wait=20)

    assert api_stub.asked[0].headers["prefer"] == "wait=20"


def test_an_image_is_downloaded(genq: Either, tmp_path: Path) -> None:
    job = genq.call("create", kind="image", input={"prompt": "a kite"})
    genq.call("get", job.id, wait=5)

    path = genq.call("download", job.id, 0, tmp_path / "kite.png")

    assert path.read_bytes() == PNG
    assert genq.call("artifact", job.id, 0) == PNG


def test_an_artifact_elsewhere_is_followed_without_the_key(
    genq: Either, api_stub: ApiStub
) -> None:
    elsewhere = ApiStub()
    elsewhere.script = [Says(body=PNG)]
    api_stub.script = [Says(302, b"", {"location": f"{elsewhere.url}/signed"})]
    thread = threading.Thread(target=elsewhere.serve, daemon=True)
    thread.start()

    assert genq.call("artifact", "job_01", 0) == PNG
    assert "authorization" not in elsewhere.asked[0].headers
    elsewhere.close()
    thread.join(5)


def test_a_list_goes_on_over_all_pages(genq: Either, api_stub: ApiStub) -> None:
    made = [api_stub.add_job()["id"] for _ in range(5)]

    page = genq.call("list", limit=2)

    assert [job.id for job in page.data] == made[:2:-1]
    assert page.has_more
    assert [job.id for job in genq.all_of(page)] == made[::-1]
    asked = [request.query for request in api_stub.asked]
    assert asked == [
        {"limit": "2"},
        {"limit": "2", "after": made[3]},
        {"limit": "2", "after": made[1]},
    ]


def test_a_list_is_filtered_by_the_server(genq: Either, api_stub: ApiStub) -> None:
    page = genq.call("list", status="failed", lane="turbo", kind="chat", after="job_2")

    assert page.data == ()
    assert genq.settle(page.next_page()) is None
    assert api_stub.asked[0].query == {
        "status": "failed",
        "lane": "turbo",
        "kind": "chat",
        "after": "job_2",
    }


def test_a_problem_becomes_its_error(genq: Either, api_stub: ApiStub) -> None:
    api_stub.script = [problem(409, "duplicate_job", "there is one")]

    with pytest.raises(errors.ConflictError, match="there is one"):
        genq.call("get", "job_01")


def test_a_wrong_key_is_told(api_stub: ApiStub) -> None:
    with Genq("gq_wrong", api_stub.url) as client, pytest.raises(errors.AuthenticationError):
        client.jobs.get("job_01")


def test_what_is_not_genq_is_told(genq: Either, api_stub: ApiStub) -> None:
    api_stub.script = [Says(body=b"<html>hello</html>")]

    with pytest.raises(errors.UnexpectedAnswerError, match="is this genq's URL"):
        genq.call("get", "job_01")


def test_no_server_is_told_with_the_next_command(genq: Either) -> None:
    with socket.socket() as taken:
        # Bound and not listening: nobody else takes the port, and connections are refused.
        taken.bind(("127.0.0.1", 0))
        flavour = "sync" if isinstance(genq.client, Genq) else "async"
        lonely = Either(flavour, f"http://127.0.0.1:{taken.getsockname()[1]}")

        with pytest.raises(errors.ServerUnreachableError, match="is `genq up` running"):
            lonely.call("get", "job_01")
        lonely.close()


def test_openais_form_of_the_url_is_taken(api_stub: ApiStub) -> None:
    api_stub.add_job()

    with Genq(KEY, f"{api_stub.url}/v1/") as client:
        assert len(client.jobs.list().data) == 1


@pytest.mark.parametrize(
    ("url", "key"),
    [("127.0.0.1:8080", "k"), ("ftp://x", "k"), ("http://", "k"), ("http://x", "a b\n")],
)
def test_a_wrong_address_or_key_is_refused_at_once(url: str, key: str) -> None:
    with pytest.raises(errors.ConfigurationError):
        Genq(key, url)


def test_a_companys_proxy_is_not_asked_for_this_machine(
    api_stub: ApiStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    api_stub.add_job()

    with Genq(KEY, api_stub.url) as client:
        assert len(client.jobs.list().data) == 1


def test_the_profile_leads_to_the_server(stub_home: Home) -> None:
    async def look() -> int:
        async with AsyncGenq() as client:
            return len((await client.jobs.list()).data)

    with Genq() as client:
        assert client.jobs.list().data == ()
    assert asyncio.run(look()) == 0
