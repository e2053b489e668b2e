"""What has ended of a batch is there while it runs: its lines, and how far it is."""

from datetime import timedelta
from typing import Any

import orjson

from infra.settings import Settings
from schemas.batch import BatchStatus, LineOutcome
from tests.api.batches import end_line, go_on, make
from tests.api.served import Served, run


async def halfway(api: Served) -> str:
    """Make a batch of eight lines, four of which have ended within ten seconds."""
    batch = (await make(api))["id"]
    await go_on(
        api,
        batch,
        status=int(BatchStatus.IN_PROGRESS),
        in_progress_at=api.services.clock.now() - timedelta(seconds=10),
        total=8,
        completed=2,
        failed=2,
    )
    await end_line(api, batch, 5)
    await end_line(api, batch, 1, LineOutcome.FAILED)
    await end_line(api, batch, 2)
    await end_line(api, batch, 3, LineOutcome.EXPIRED)
    return batch


async def read(api: Served, batch: str, **query: Any) -> tuple[list[dict[str, Any]], str]:
    answer = await api.http.get(f"/v1/batches/{batch}/results", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [orjson.loads(line) for line in answer.text.splitlines()]
    return lines, answer.headers["x-genq-next-after"]


def test_results_are_there_while_the_batch_runs(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        batch = await halfway(api)

        lines, following = await read(api, batch)
        assert following == "4"
        assert [(one["seq"], one["custom_id"]) for one in lines] == [
            (1, "line-5"),
            (2, "line-1"),
            (3, "line-2"),
            (4, "line-3"),
        ]
        answer = lines[0]["response"]
        assert (answer["status_code"], lines[0]["error"]) == (200, None)
        assert answer["body"]["choices"][0]["message"]["content"] == "answer 5"
        assert lines[1]["response"]["status_code"] >= 400
        assert "too slow" in lines[1]["response"]["body"]["error"]["message"]
        assert lines[3]["response"] is None
        assert lines[3]["error"]["code"] == "batch_expired"

    run(settings, scenario)


def test_results_are_read_on_from_where_one_stopped(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        assert await read(api, (await make(api))["id"]) == ([], "0")
        batch = await halfway(api)
        lines, _ = await read(api, batch)
        assert await read(api, batch, limit=2) == (lines[:2], "2")
        assert await read(api, batch, limit=2, after=2) == (lines[2:], "4")
        assert await read(api, batch, after=4) == ([], "4")
        assert await read(api, batch, include="errors") == ([lines[1], lines[3]], "4")
        assert await read(api, batch, include="errors", limit=1) == ([lines[1]], "2")
        assert await read(api, batch, include="output") == ([lines[0], lines[2]], "4")
        for query in ({"after": -1}, {"limit": 0}, {"include": "some"}, {"page": 1}):
            refused = await api.http.get(f"/v1/batches/{batch}/results", params=query)
            assert refused.status_code == 400

    run(settings, scenario)


def test_a_batch_tells_how_far_it_is_and_why_lines_failed(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        batch = await halfway(api)
        shown = (await api.http.get(f"/v1/batches/{batch}")).json()
        assert shown["request_counts"] == {"total": 8, "completed": 2, "failed": 2}
        assert shown["genq"]["progress"] == 0.5
        low, high = shown["genq"]["eta_seconds"]
        assert low <= 10 <= high
        groups = {one["code"]: one for one in shown["genq"]["errors"]}
        assert groups.keys() == {"model_timeout", "batch_expired"}
        assert groups["model_timeout"] == {
            "code": "model_timeout",
            "count": 1,
            "message": "too slow",
            "sample_custom_id": "line-1",
            "sample_line": 1,
        }
        assert shown["genq"]["errors_looked_at"] == 2
        listed = (await api.http.get("/v1/batches")).json()["data"][0]
        assert listed["genq"]["errors"] is None

    run(settings, scenario)
