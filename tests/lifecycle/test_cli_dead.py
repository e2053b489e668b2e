"""`genq dead` and `client.dead_letters` against the real API."""

import asyncio
import json

import pytest

from genq import (
    AsyncGenq,
    ConfigurationError,
    ConflictError,
    Genq,
    InvalidRequestError,
    NotFoundError,
)
from genq.cli.app import run as run_command
from infra.settings import Settings
from schemas.errors import ErrorRecord
from schemas.job_states import JobState
from tests.api.served import IMAGE, Served, run
from tests.fixtures.api_stub import ApiStub, Home, Says

Capture = pytest.CaptureFixture[str]
AWAY: ErrorRecord = {
    "code": "model_unavailable",
    "message": "503 from the model server",
    "category": "model",
    "severity": "high",
    "retryable": True,
    "error_id": "err_1",
}


async def dead(api: Served) -> str:
    job_id: str = (await api.submit({**IMAGE, "metadata": {"order": "7"}}))["id"]
    await api.end(job_id, JobState.DEAD, error=AWAY)
    return job_id


async def command(api: Served, capsys: Capture, line: str, code: int = 0) -> tuple[str, str]:
    """Run a command line against the API; return what it printed."""
    capsys.readouterr()
    words = [*line.split(), "--url", api.url, "--api-key", api.key]
    assert await asyncio.to_thread(run_command, words) == code
    printed = capsys.readouterr()
    # The API of this process logs its requests to the same place.
    lines = [one for one in printed.out.splitlines() if "http_request" not in one]
    return "\n".join(one for one in lines if "dead_letters_redriven" not in one), printed.err


def test_dead_letters_are_listed_and_shown(
    home: Home, settings: Settings, capsys: Capture
) -> None:
    async def scenario(api: Served) -> None:
        assert (await command(api, capsys, "dead ls"))[1] == "no dead letters\n"
        ids = [await dead(api) for _ in range(3)]

        table, hint = await command(api, capsys, "dead ls --limit 2 --since 1h")
        assert [row.split()[0] for row in table.splitlines()] == ["id", *ids[:0:-1]]
        assert f"more: genq dead ls --after {ids[1]}" in hint
        rows, _ = await command(api, capsys, "dead ls --json")
        assert [json.loads(row)["id"] for row in rows.splitlines()] == ids[::-1]
        shown, _ = await command(api, capsys, f"dead show {ids[0]}")
        assert "order=7" in shown
        assert "error  model_unavailable: 503 from the model server" in shown
        assert (await command(api, capsys, "dead ls --code other"))[1]

    run(settings, scenario)


def test_groups_are_shown_and_one_is_sent_again(
    home: Home, settings: Settings, capsys: Capture
) -> None:
    async def scenario(api: Served) -> None:
        ids = [await dead(api) for _ in range(3)]

        table, hint = await command(api, capsys, "dead groups")
        assert table.splitlines()[0].split() == [
            "3",
            "model_unavailable",
            "test-image",
            "image",
        ]
        again = "genq dead redrive --code model_unavailable --model test-image --dry-run"
        assert again in hint
        would, told = await command(api, capsys, again.removeprefix("genq "))
        said = "dry run: 3 jobs would be sent again; nothing was sent\n"
        assert (would.split(), told) == (ids, said)
        sent, told = await command(
            api, capsys, "dead redrive --code model_unavailable --to-lane batch --yes"
        )
        assert [row.split()[0] for row in sent.splitlines()] == ids
        assert told == "3 jobs sent again\n"
        job = (await api.http.get(f"/v1/jobs/{sent.split()[-1]}")).json()
        assert (job["lane"], job["status"]) == ("batch", "queued")

    run(settings, scenario)


def test_a_job_is_sent_again_once_and_the_second_time_is_told(
    home: Home, settings: Settings, capsys: Capture
) -> None:
    async def scenario(api: Served) -> None:
        job_id = await dead(api)

        line = f'dead redrive {job_id} --input {{"n":2}} --to-webhook https://example.com/x'
        first, _ = await command(api, capsys, line)
        second, told = await command(api, capsys, f"dead redrive {job_id}")
        assert first == second
        assert told == "0 jobs sent again; 1 job had been sent again before\n"
        job = (await api.http.get(f"/v1/jobs/{first.split()[-1]}")).json()
        assert job["input"]["n"] == 2

    run(settings, scenario)


def test_one_job_that_is_not_dead_does_not_keep_the_others_from_being_sent(
    home: Home, settings: Settings, capsys: Capture
) -> None:
    async def scenario(api: Served) -> None:
        first, last = [await dead(api) for _ in range(2)]
        alive, gone = (await api.submit())["id"], "job_" + "0" * 26

        line = f"dead redrive {first} {alive} {gone} {last}"
        sent, told = await command(api, capsys, line, code=9)

        assert [row.split()[0] for row in sent.splitlines()] == [first, last]
        assert told.splitlines()[-1] == "2 jobs sent again, 1 refused, 1 not found"
        assert (await command(api, capsys, f"dead redrive {alive}", code=9))[0] == ""

    run(settings, scenario)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("dead redrive", "--all"),
        ("dead redrive job_01kb0q5v3mf0t8w2c7d4e9g6hj nope", "'nope' is no id"),
        ("dead show nope", "'nope' is no id"),
        ("dead redrive job_1 --all", "--all"),
        ("dead redrive --all --input [1]", "an object"),
        ("dead redrive --all --input {", "not JSON"),
        ("dead redrive --all --to-lane trubo", "turbo"),
        ("dead ls --since yesterday", "30m, 2h, 7d"),
        ("dead ls --since 999999d", "30m, 2h, 7d"),
        ("dead ls --kind imge", "image"),
    ],
)
def test_a_mistake_is_explained_before_anything_is_asked(
    stub_home: Home, capsys: Capture, line: str, hint: str
) -> None:
    assert run_command(line.split()) == 2
    assert hint in capsys.readouterr().err


def test_a_large_group_is_sent_in_several_calls_that_share_one_beginning(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    said: dict[str, object] = {
        "object": "redrive",
        "dry_run": False,
        "matching": 2,
        "redriven": 1,
        "already": 0,
        "has_more": True,
        "submitted_before": "2026-11-20T10:00:00.000Z",
        "jobs": [{"dead": "job_1", "job": "job_2"}],
    }
    api_stub.script += [Says(body=said), Says(body={**said, "has_more": False})]

    assert run_command(["dead", "redrive", "--all", "--yes"]) == 0

    first, second = api_stub.submits()
    assert first == {"filter": {}, "edits": {}, "dry_run": False}
    assert second == {**first, "submitted_before": said["submitted_before"]}
    assert capsys.readouterr().err == "2 jobs sent again\n"


def test_the_sdk_lists_groups_and_sends_again(settings: Settings) -> None:
    def use(client: Genq, ids: list[str]) -> None:
        letters = client.dead_letters
        assert [one.id for one in letters.list(page_size=2)] == ids[::-1]
        (group,) = letters.groups(since="2020-01-01T00:00:00Z")
        assert (group.count, group.sample) == (3, tuple(ids[::-1]))
        letter = letters.get(ids[0])
        assert letter.error is not None
        assert letter.history[0].outcome == "error"
        assert letter.input["prompt"] == "a red kite"
        done = letters.redrive(ids[0], edits={"priority": 0})
        assert (done.redriven, done.jobs[0][0]) == (1, ids[0])
        rest = letters.redrive(filter={}, limit=1)
        assert (rest.matching, rest.redriven, rest.has_more) == (2, 1, True)

    async def scenario(api: Served) -> None:
        ids = [await dead(api) for _ in range(3)]
        with Genq(api.key, api.url) as client:
            await asyncio.to_thread(use, client, ids)

    run(settings, scenario)


def test_the_async_sdk_does_the_same(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        ids = [await dead(api) for _ in range(3)]
        async with AsyncGenq(api.key, api.url) as client:
            assert [one.id async for one in client.dead_letters.list(page_size=2)] == ids[::-1]
            assert (await client.dead_letters.groups())[0].count == 3
            assert (await client.dead_letters.get(ids[2])).attempts == 1
            assert (await client.dead_letters.redrive(ids[2], dry_run=True)).dry_run

    run(settings, scenario)


def test_the_sdk_tells_what_was_wrong_by_class(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        alive = (await api.submit())["id"]
        async with AsyncGenq(api.key, api.url) as client:
            letters = client.dead_letters
            with pytest.raises(NotFoundError):
                await letters.get("job_" + "0" * 26)
            with pytest.raises(ConflictError, match="not a dead letter"):
                await letters.get(alive)
            with pytest.raises(InvalidRequestError, match="not both"):
                await letters.redrive(alive, filter={})
            with pytest.raises(ConfigurationError):
                await letters.get("../jobs")
            with pytest.raises(ConfigurationError):
                await letters.redrive(alive, edits={"input": {"n": float("nan")}})

    run(settings, scenario)
