"""Budgets over HTTP: set by operators, looked at by tenants, told in refusals and estimates."""

from typing import Any

import httpx2
from sqlalchemy import text

from infra.clock import SystemClock
from infra.postgres.engine import transaction
from infra.route_book import RouteBook
from infra.settings import Settings
from schemas.cost import asked_tokens
from schemas.generation import Kind
from schemas.model_catalog import ModelServer, ModelSpec, Price
from tests.api.served import IMAGE, Served, new_key, run

BUDGETS = "/v1/admin/tenants/acme/budgets"
PRICED = ModelServer(
    name="painter",
    base_url="http://painter.invalid/v1",
    models=(
        ModelSpec(name="test-image", kind=Kind.IMAGE, price=Price(per_image=0.04)),
        ModelSpec(name="test-chat", kind=Kind.CHAT, price=Price(per_million_tokens=10)),
    ),
)


async def as_operator(api: Served) -> dict[str, str]:
    """A key that may do everything, of another tenant."""
    key = await new_key(api.services, "operators")
    async with transaction(api.services.engine) as connection:
        await connection.execute(
            text(
                "UPDATE api_key SET scopes = '{admin}' WHERE tenant_id ="
                " (SELECT id FROM tenant WHERE name = 'operators')"
            )
        )
    return {"Authorization": f"Bearer {key}"}


async def set_budget(api: Served, **body: Any) -> httpx2.Response:
    """Set a budget of acme, which this process has not looked up yet."""
    body = {"unit": "images", "period": "day", "amount": 2} | body
    return await api.http.put(BUDGETS, json=body, headers=await as_operator(api))


def test_a_budget_is_set_spent_told_and_taken_away(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = await set_budget(api)
        accepted = [await api.http.post("/v1/jobs", json=IMAGE) for _ in range(2)]
        refused = await api.http.post("/v1/jobs", json=IMAGE)
        await api.end(accepted[0].json()["id"])
        shown = await api.http.get("/v1/budgets")

        assert made.status_code == 200, made.text
        assert [one.status_code for one in accepted] == [202, 202]
        assert refused.status_code == 402
        problem = refused.json()
        assert problem["code"] == "budget_exhausted"
        assert problem["budget"]["used"] == problem["budget"]["amount"] == 2
        assert 1 <= int(refused.headers["retry-after"]) <= 86_400
        (budget,) = shown.json()["data"]
        assert budget | {"resets_at": ""} == {
            "object": "budget",
            "end_user": None,
            "unit": "images",
            "period": "day",
            "amount": 2,
            "on_exhausted": "reject",
            "spent": 1,
            "reserved": 1,
            "left": 0,
            "resets_at": "",
        }
        assert budget["resets_at"] == problem["budget"]["resets_at"]

        operator = await as_operator(api)
        gone = await api.http.delete(BUDGETS, params={"unit": "images"}, headers=operator)
        again = await api.http.delete(BUDGETS, params={"unit": "images"}, headers=operator)
        assert gone.json()["data"] == []
        assert again.status_code == 404
        assert (await api.http.post("/v1/jobs", json=IMAGE)).status_code == 202

    run(settings, scenario)


def test_a_downgraded_job_says_so(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await set_budget(api, amount=0, on_exhausted="downgrade")

        answer = await api.http.post("/v1/jobs", json=IMAGE)

        assert (answer.status_code, answer.json()["lane"]) == (202, "batch")
        assert answer.headers["budget-downgraded"] == "batch"

    run(settings, scenario)


def test_a_parked_job_says_until_when(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await set_budget(api, amount=1, on_exhausted="park", end_user="*")
        body = IMAGE | {"end_user": "ann"}
        await api.submit(body)

        parked = await api.submit(body)
        shown = (await api.http.get(parked["urls"]["get"])).json()

        for job in (parked, shown):
            assert job["waiting_on"] == "budget"
            assert job["run_at"].endswith("T00:00:00.000Z")
        of_ann = await api.http.get("/v1/budgets", params={"end_user": "ann"})
        assert of_ann.json()["data"][0]["reserved"] == 1
        of_each = await api.http.get("/v1/budgets")
        assert of_each.json()["data"][0]["reserved"] is None

    run(settings, scenario)


def test_a_bulk_call_is_judged_job_by_job_or_refused_whole(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await set_budget(api, amount=3)
        jobs = [IMAGE] * 5

        whole = await api.http.post("/v1/jobs/bulk", json={"jobs": jobs})
        each = await api.http.post("/v1/jobs/bulk", json={"jobs": jobs, "mode": "per_item"})

        assert whole.status_code == 402, whole.text
        assert each.status_code == 207, each.text
        statuses = [item["status"] for item in each.json()["data"]]
        assert statuses == [202, 202, 202, 402, 402]
        (budget,) = (await api.http.get("/v1/budgets")).json()["data"]
        assert budget["reserved"] == 3

    run(settings, scenario)


def test_wrong_budgets_are_refused_with_the_place(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        operator = await as_operator(api)

        async def fault(body: dict[str, Any]) -> str:
            answer = await api.http.put(BUDGETS, json=body, headers=operator)
            assert answer.status_code == 400, answer.text
            return answer.json()["errors"][0]["pointer"]

        good = {"unit": "images", "period": "day", "amount": 1}
        assert await fault(good | {"amount": 1.5}) == "/amount"
        assert await fault(good | {"amount": -1}) == "/amount"
        assert await fault(good | {"unit": "kites"}) == "/unit"
        assert await fault(good | {"end_user": "a\x00"}) == "/end_user"
        unknown = "/v1/admin/tenants/nobody/budgets"
        assert (await api.http.put(unknown, json=good, headers=operator)).status_code == 404
        assert (await api.http.put(BUDGETS, json=good)).status_code == 403

    run(settings, scenario)


async def estimate(api: Served, body: Any) -> dict[str, Any]:
    answer = await api.http.post("/v1/estimate", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_estimate_tells_price_and_units_and_writes_nothing(settings: Settings) -> None:
    chat: dict[str, Any] = {
        "kind": "chat",
        "input": {"messages": [{"role": "user", "content": "a" * 396}], "max_tokens": 100},
    }

    async def scenario(api: Served) -> None:
        pictures = await estimate(api, {"kind": "image", "input": {"prompt": "a", "n": 3}})
        words = await estimate(api, chat)

        assert pictures["verdict"] == "admitted"
        assert pictures["price"] == {"low": 0.12, "high": 0.12, "currency": "usd"}
        assert pictures["units"] == {"images": 3, "tokens": 0}
        assert words["units"] == {"images": 0, "tokens": words_asked + 100}
        assert words["price"]["low"] == words_asked / 100_000
        assert words["price"]["high"] == (words_asked + 100) / 100_000
        async with transaction(api.services.engine) as connection:
            jobs = await connection.execute(text("SELECT count(*) FROM job"))
            assert jobs.scalar_one() == 0

    words_asked = asked_tokens(chat["input"])
    run(settings, scenario, priced)


def test_an_estimate_tells_what_a_submit_would_be_answered(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await set_budget(api, unit="money", amount=0.1)
        dear = await estimate(api, {"kind": "image", "input": {"prompt": "a", "n": 3}})
        await api.submit()
        await api.submit()
        exhausted = await estimate(api, IMAGE)
        nowhere = await estimate(api, IMAGE | {"model": "nobody's"})
        bell = await estimate(api, {"kind": "image", "input": {"prompt": "\x07"}})

        assert {one["verdict"] for one in (dear, exhausted, nowhere, bell)} == {"refused"}
        assert dear["refusal"]["code"] == "budget_too_small"
        assert dear["refusal"]["budget"]["needed"] == 0.12
        assert exhausted["refusal"]["status"] == 402
        assert exhausted["refusal"]["retry_after_seconds"] > 0
        assert nowhere["refusal"]["code"] == "model_not_found"
        assert bell["refusal"]["errors"][0]["rule"] == "control_characters"

    run(settings, scenario, priced)


def priced(services: Any) -> Any:
    """Give the models their prices, in what is read when a job is drafted."""
    services.submitter._drafter._settings = services.settings.model_copy(
        update={"model_servers": (PRICED,)}
    )
    object.__setattr__(services, "settings", services.submitter._drafter._settings)
    book = RouteBook(services.engine, services.settings, SystemClock())
    services.submitter._drafter._routes = book
    return services


async def change_tenant(api: Served, change: str) -> None:
    async with transaction(api.services.engine) as connection:
        await connection.execute(text(f"UPDATE tenant SET {change} WHERE name = 'acme'"))
    # What this process remembers of the key, for some seconds, is of before.
    api.services.keys._callers._values.clear()


def test_the_gates_stand_in_one_order(settings: Settings) -> None:
    """A request that is wrong in every way meets the first; mended there, it meets the next."""
    stranger = {"Authorization": "Bearer gq_nobody"}
    wrong = {"kind": "image", "input": {"prompt": "a\x07"}}

    async def scenario(api: Served) -> None:
        async def meets(body: Any, headers: Any = None) -> str:
            answer = await api.http.post("/v1/jobs", json=body, headers=headers)
            return answer.json().get("code", "accepted")

        await set_budget(api, amount=0)
        await change_tenant(api, "allowed_models = '{other}', calls_per_minute = 1")
        await api.http.get("/v1/jobs")

        assert await meets(wrong, stranger) == "invalid_api_key"
        assert await meets(wrong) == "rate_limited"
        await change_tenant(api, "calls_per_minute = 0")
        assert await meets(wrong) == "invalid_request"
        assert await meets(IMAGE) == "permission_denied"
        await change_tenant(api, "allowed_models = NULL")
        assert await meets(IMAGE) == "budget_too_small"
        await change_tenant(api, "budgeted = false")
        assert await meets(IMAGE) == "accepted"

    run(settings, scenario)
