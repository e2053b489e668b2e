"""What was used, told over HTTP: each tenant its own, operators everybody's."""

import base64
import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx2
import pytest
from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.settings import Settings
from producer.dispatcher.usage import add_up_usage
from producer.report_places import ReportPlaces
from schemas.admission_errors import ReportBusyError
from schemas.filter_errors import FilterTooWideError
from tests.api.served import IMAGE, Served, new_key, pointers, run
from tests.api.test_budgets import as_operator

RESULT: Final[dict[str, Any]] = {
    "usage": {"images": 1},
    "served_by": {"model": "test-image", "server": "painter"},
    "facts": {
        "genq": "1",
        "took": [1, 1024 * 1024, 10, 4, 20, 5, 40_000, 1500],
        "cost": {"estimated": 50_000, "actual": 40_000},
    },
}
ROW: Final[dict[str, Any]] = {
    "start": "",
    "model": "test-image",
    "asked_model": "test-image",
    "kind": "image",
    "lane": "fast",
    "end_user": "ann",
    "batch": None,
    "cached": None,
    "jobs": 1,
    "succeeded": 1,
    "images": 1,
    "megapixels": 1.0,
    "input_tokens": 10,
    "cached_tokens": 4,
    "output_tokens": 20,
    "reasoning_tokens": 5,
    "model_seconds": 1.5,
    "cost": 0.04,
}
NASTY: Final = '=HYPERLINK("http://evil.example","x"),\n'


async def make(api: Served, **request: Any) -> str:
    """Submit an image job and end it as a worker would."""
    job = await api.submit(IMAGE | request)
    await api.end(job["id"], result=RESULT)
    return job["id"]


async def usage(api: Served, key: str | None = None, **query: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else None
    answer = await api.http.get("/v1/usage", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_usage_is_told_at_once_and_stays_the_same_when_it_is_added_up(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        await make(api, end_user="ann")
        await make(api, end_user="bob", lane="relax")
        asked = {"interval": "hour", "group_by": "lane,model,end_user,kind,asked_model"}
        fresh = await usage(api, **asked)

        await add_up_usage(api.services.engine)
        await make(api, end_user="bob", lane="relax")
        added = await usage(api, **asked)
        await add_up_usage(api.services.engine)
        await add_up_usage(api.services.engine)
        whole = await usage(api, **asked)

        first, second = fresh["data"]
        assert first | {"start": ""} == ROW
        assert (second["lane"], second["end_user"]) == ("relax", "bob")
        assert fresh["totals"]["cost"] == 0.08
        assert added["data"] == whole["data"]
        assert whole["totals"]["cost"] == 0.12
        assert [row["jobs"] for row in whole["data"]] == [1, 2]

    run(settings, scenario)


def test_pages_follow_each_other_and_the_table_has_them_all(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for name in (NASTY, "ann", "bob", "@sum"):
            await make(api, end_user=name)
        asked: dict[str, Any] = {"interval": "total", "group_by": "end_user", "limit": 3}

        first = await api.http.get("/v1/usage", params=asked)
        link = first.links["next"]["url"]
        second = await api.http.get(link)
        table = await api.http.get(
            "/v1/usage", params=asked, headers={"accept": "text/csv;q=1"}
        )

        assert len(first.json()["data"]) == 3
        assert len(second.json()["data"]) == 1
        assert second.json()["next"] is None
        # The sums are of all pages.
        assert second.json()["totals"]["jobs"] == first.json()["totals"]["jobs"] == 4
        rows = list(csv.DictReader(io.StringIO(table.text)))
        assert table.headers["content-type"].startswith("text/csv")
        # No spreadsheet runs what a caller wrote.
        assert {row["end_user"] for row in rows} == {"'" + NASTY, "ann", "bob", "'@sum"}
        assert [row["cost"] for row in rows] == ["0.04"] * 4
        assert "server_cost" not in rows[0]

    run(settings, scenario)


def test_tenants_see_their_own_and_operators_everybodys(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await make(api)
        stranger = await new_key(api.services, "globex")
        operator = await as_operator(api)

        async def told(**query: Any) -> httpx2.Response:
            return await api.http.get("/v1/admin/usage", params=query, headers=operator)

        everybody = await told(interval="total", group_by="tenant,server")
        theirs = await told(interval="total", tenant="globex")
        unknown = await told(tenant="nobody")
        refused = await api.http.get("/v1/admin/usage")

        assert (await usage(api, stranger))["totals"]["jobs"] == 0
        (row,) = everybody.json()["data"]
        assert (row["tenant"], row["server"]) == ("acme", "painter")
        assert (row["cost"], row["server_cost"]) == (0.04, 0.04)
        assert theirs.json()["data"] == []
        assert (unknown.status_code, refused.status_code) == (404, 403)

    run(settings, scenario)


def test_pages_of_times_have_every_row_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for hour, lane in ((1, "fast"), (1, "relax"), (2, "fast"), (26, "fast")):
            await make(api, lane=lane)
            await add_up_usage(api.services.engine)
            async with transaction(api.services.engine) as connection:
                moved = (
                    "UPDATE usage_hour SET at = CAST('2026-03-01T00:00:00Z' AS timestamptz)"
                    " + make_interval(hours => :hour) WHERE at > '2026-03-09T00:00:00Z'"
                )
                await connection.execute(text(moved), {"hour": hour})
        asked: dict[str, Any] = {"from": "2026-03-01", "to": "2026-03-08", "limit": 1}
        for interval, starts in (("hour", (1, 1, 2, 26)), ("day", (0, 0, 24))):
            query = asked | {"interval": interval, "group_by": "lane"}
            rows: list[dict[str, Any]] = []
            page = await usage(api, **query)
            while page["data"]:
                rows += page["data"]
                assert page["totals"]["jobs"] == 4
                if page["next"] is None:
                    break
                page = await usage(api, **query, after=page["next"])

            first = datetime(2026, 3, 1, tzinfo=UTC)
            begun = [datetime.fromisoformat(row["start"]) - first for row in rows]
            assert begun == [timedelta(hours=hours) for hours in starts]
            assert sum(row["jobs"] for row in rows) == 4

    run(settings, scenario)


def test_reports_leave_connections_to_others_and_end(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        reports = ReportPlaces(api.services.engine, 10, longest=timedelta(milliseconds=20))
        async with reports.place(), reports.place():
            with pytest.raises(ReportBusyError) as busy:
                async with reports.place(timedelta()):
                    pass
        with pytest.raises(FilterTooWideError, match="shorter time"):
            async with reports.place() as connection:
                await connection.execute(text("SELECT pg_sleep(9)"))
        async with reports.place(timedelta()) as connection:
            assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
        assert busy.value.retry_after

    run(settings, scenario)


def test_questions_that_have_no_answer_are_refused_with_the_reason(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async def wrong(**query: Any) -> dict[str, str]:
            answer = await api.http.get("/v1/usage", params=query)
            assert answer.status_code == 400, answer.text
            return pointers(answer)

        assert "/query/group_by/0" in await wrong(group_by="tag")
        assert "operators" in (await wrong(group_by="server"))["/query/group_by"]
        assert "operators" in (await wrong(group_by="tenant", format="csv"))["/query/group_by"]
        assert "cursor" in (await wrong(after="x"))["/query/after"]
        assert "cursor" in (await wrong(after="WyJhIiwiYiJd"))["/query/after"]
        assert "/query" in str(await wrong(**{"from": "2026-11-02", "to": "2026-11-01"}))
        assert "/query/from" in await wrong(**{"from": "yesterday"})
        assert "/query/interval" in await wrong(interval="week")
        nothing = base64.b64encode(b"[]").decode()
        assert "cursor" in (await wrong(after=nothing, interval="total"))["/query/after"]
        no_time = base64.b64encode(b'["yesterday"]').decode()
        assert "cursor" in (await wrong(after=no_time, interval="day"))["/query/after"]
        assert (await usage(api, to="0001-01-01"))["data"] == []

    run(settings, scenario)


def test_only_what_was_used_in_the_time_asked_for_is_told(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await make(api)
        await add_up_usage(api.services.engine)
        async with transaction(api.services.engine) as connection:
            moved = "UPDATE usage_hour SET at = '2026-03-31T23:00:00Z'"
            await connection.execute(text(moved))

        march = {"from": "2026-03-01", "to": "2026-04-01"}
        (row,) = (await usage(api, interval="month", **march))["data"]
        (last,) = (await usage(api, interval="hour", **march))["data"]
        april = {"from": "2026-04-01", "to": "2026-04-02"}
        day = {"from": "2026-03-31T23:59:59Z", "to": "2026-03-31T23:59:59.5Z"}

        assert (row["start"], row["jobs"]) == ("2026-03-01T00:00:00Z", 1)
        assert last["start"] == "2026-03-31T23:00:00Z"
        assert (await usage(api, **april))["data"] == []
        # Hours count whole.
        assert (await usage(api, **day))["totals"]["jobs"] == 1

    run(settings, scenario)
