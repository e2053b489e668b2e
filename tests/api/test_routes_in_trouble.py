"""Routes that cannot be read or name servers that are gone; what follows private jobs."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from infra.clock import SystemClock
from infra.doorbells import Doorbells
from infra.postgres.engine import create_engine, transaction
from infra.postgres.tenants import ensure_tenant
from infra.route_book import FRESH_SECONDS, RouteBook
from infra.settings import Settings
from producer.api.services import Services
from producer.doctor.examination import examine
from producer.doctor.finding import Level
from producer.doctor.routes import look_at_routes
from producer.doctor.subject import Subject
from producer.required_tags import TagRules
from producer.submit import Submitter
from schemas.errors import DatabaseUnavailableError
from schemas.generation import Kind
from schemas.job import JobRequest
from schemas.queue_errors import ModelBusyError
from schemas.route_errors import NoPermittedServerError
from tests.api.dead_letters import dead, jobs_of, redrive
from tests.api.served import IMAGE, Served, pointers, run
from tests.api.test_budgets import estimate, priced, set_budget
from tests.api.test_routes import PATH, operator, put
from tests.fixtures.claims import image_claim
from tests.fixtures.fakes import MovedClock
from worker.app import WorkerService
from worker.pipeline.job_run import JobRun
from worker.pipeline.stages.route import Route

PRIVATE: dict[str, Any] = {**IMAGE, "requires": {"tags": ["private"]}}
FUTURE = '{"servers": {}, "from_the_future": true}'


async def rewrite(api: Served, document: str) -> None:
    """Store a document that nobody checked, as another release does."""
    async with transaction(api.services.engine) as connection:
        await connection.execute(
            text("UPDATE route_version SET document = CAST(:it AS jsonb)"), {"it": document}
        )


def test_a_redriven_job_insists_on_what_the_dead_one_insisted_on(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        mine = api.http.headers["Authorization"]
        name = await operator(api)
        await put(api, "*", servers={name: {"tags": ["private"]}})
        api.http.headers["Authorization"] = mine
        first = await dead(api, PRIVATE)

        await redrive(api, job_id=first)

        (again,) = await jobs_of(api, first)
        rows = text("SELECT body -> 'requires' AS tags FROM payload WHERE job_id = :id")
        async with transaction(api.services.engine) as connection:
            assert (await connection.execute(rows, {"id": again.id})).scalar_one() == [
                "private"
            ]

    run(settings, scenario)


def test_a_first_document_that_cannot_be_read_lets_no_server_take_calls(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        name = await operator(api)
        await put(api, "*", servers={name: {"enabled": False}})
        await rewrite(api, FUTURE)
        book = RouteBook(api.services.engine, api.services.settings, SystemClock())

        await book.first()

        assert not book.now.lets(name, "test-image", ())
        assert book.now.closed("test-image")
        claims = [image_claim(model="test-image", requires=tags) for tags in ((), ("private",))]
        for claim in claims:
            with pytest.raises(ModelBusyError):
                await Route(book.routes)(JobRun(claim))
        shown = (await api.http.get(PATH)).json()
        assert [one["takes_calls"] for one in shown["servers"]] == [False]
        # What can be read counts again, also if it is as the settings are.
        assert (await put(api, "*")).status_code == 200
        await book.look()
        assert book.now.lets(name, "test-image", ())
        assert book.now.unread == frozenset()

    run(settings, scenario)


def test_a_worker_does_not_start_with_routes_that_it_could_not_read(
    settings: Settings,
) -> None:
    away = {"database_url": SecretStr("postgresql://127.0.0.1:1/genq")}
    nowhere = settings.model_copy(update=away)

    async def scene() -> None:
        service = WorkerService(nowhere)
        engine = create_engine(nowhere, process="work")
        try:
            async with Doorbells(nowhere.doorbell_url()) as doorbells:
                with pytest.raises(DatabaseUnavailableError):
                    await service._gate(engine, doorbells)
        finally:
            await engine.dispose()

    asyncio.run(scene())


def test_a_server_that_is_gone_from_the_settings_holds_up_no_other_change(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        name = await operator(api)
        await put(api, "*", servers={name: {"canary": 5}})
        await rewrite(api, '{"servers": {"gone": {"weight": 2}}}')

        drained = await api.http.post(f"{PATH}/servers/{name}/drain")
        worse = await api.http.patch(PATH, json={"servers": {"nobody": {}}})
        back = await api.http.post(f"{PATH}/rollback")

        assert (drained.status_code, worse.status_code, back.status_code) == (200, 422, 200)
        assert drained.json()["document"]["servers"]["gone"] == {"weight": 2}
        assert (back.json()["version"], "gone" in back.text) == (1, True)
        assert (await put(api, "*", servers={"nobody": {}})).status_code == 422

    run(settings, scenario)


def test_all_who_ask_at_once_whether_routes_changed_are_content_with_one_look(
    settings: Settings,
) -> None:
    class Counted(RouteBook):
        looks = 0

        async def _read(self) -> None:
            self.looks += 1
            await super()._read()

    async def scenario(api: Served) -> None:
        clock = MovedClock()
        book = Counted(api.services.engine, api.services.settings, clock)

        await asyncio.gather(*(book.fresh() for _ in range(20)))
        assert book.looks == 1
        clock.moved += timedelta(seconds=1)
        await asyncio.gather(*(book.told(7) for _ in range(3)), book.fresh())
        assert book.looks <= 4

    run(settings, scenario)


def test_a_job_is_accepted_only_if_the_worker_would_go_where_its_tags_are(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        name = await operator(api)
        (server,) = api.services.settings.model_servers
        image = next(spec for spec in server.models if spec.kind is Kind.IMAGE)
        larger = server.model_copy(
            update={
                "name": "large",
                "tags": ("private",),
                "models": (image.model_copy(update={"name": "large-image"}),),
            }
        )
        more = api.services.settings.model_copy(update={"model_servers": (server, larger)})
        async with transaction(api.services.engine) as connection:
            tenant = await ensure_tenant(connection, "acme", max_inflight=9, webhook_secret="-")
        request = JobRequest.model_validate(PRIVATE)

        async def accepted() -> bool:
            rules = TagRules(RouteBook(api.services.engine, more, SystemClock()))
            try:
                await rules.check(tenant, request, image.name)
            except NoPermittedServerError:
                return False
            return True

        said = '{"fallbacks": {"%s": ["large-image"]}}'
        await put(api, "*", servers={name: {}})
        await rewrite(api, said % "context_too_long")
        assert not await accepted()
        await rewrite(api, said % "server_error")
        assert await accepted()

    run(settings, scenario)


def test_a_budget_reserves_and_an_estimate_tells_what_the_route_asks(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        mine = api.http.headers["Authorization"]
        name = await operator(api)
        dear = {"servers": {name: {"price": {"per_image": 7.0}}}}
        model = next(
            spec.name
            for server in api.services.settings.model_servers
            for spec in server.models
            if spec.kind is Kind.IMAGE
        )
        await api.http.put(f"/v1/routes/{model}", json=dear, headers={"If-Match": "*"})
        api.http.headers["Authorization"] = mine
        await set_budget(api, unit="money", amount=100)

        told = await estimate(api, IMAGE)
        await api.submit()

        assert told["price"]["high"] == 7.0
        async with transaction(api.services.engine) as connection:
            rows = await connection.execute(text("SELECT money FROM reservation"))
            assert [row.money for row in rows] == [7_000_000]

    run(settings, scenario, priced)


def test_the_doctor_says_who_sees_the_prompts_of_private_jobs(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        name = await operator(api)
        told = api.services.settings

        async def levels() -> set[Level]:
            subject = Subject(
                told, api.services.engine, SystemClock(), timedelta(days=1), timedelta(0)
            )
            return {one.level async for one in examine(subject, {"routes": look_at_routes})}

        await put(api, "*", servers={name: {"tags": ["private"]}})
        assert await levels() == {Level.OK}
        told = told.model_copy(update={"openai_moderation_url": "http://judge.invalid/v1"})
        assert await levels() == {Level.WARNING}

    run(settings, scenario)


def test_a_job_that_insists_on_a_tag_is_refused_at_once_if_nobody_carries_it(
    settings: Settings,
) -> None:
    clock = MovedClock()

    def by_that_clock(services: Services) -> Services:
        own = services.engine, services.settings, services.doorbells
        return replace(services, submitter=Submitter(*own, clock))

    async def scenario(api: Served) -> None:
        job = {**IMAGE, "requires": {"tags": ["private"]}}
        plain = (await api.http.post("/v1/jobs", json=IMAGE)).status_code
        refused = await api.http.post("/v1/jobs", json=job)
        assert (plain, refused.status_code) == (202, 422)
        assert refused.json()["code"] == "no_permitted_server"
        assert list(pointers(refused)) == ["/requires/tags"]

        mine = api.http.headers["Authorization"]
        name = await operator(api)
        await put(api, "*", servers={name: {"tags": ["private"]}})
        plan = {"required_tags": ["private", "eu"]}
        changed = await api.http.patch("/v1/admin/tenants/acme", json=plan)
        assert changed.json()["required_tags"] == ["private", "eu"]
        api.http.headers["Authorization"] = mine

        clock.moved += timedelta(seconds=FRESH_SECONDS)
        claim = await api.claim((await api.submit(job))["id"])
        assert claim.requires == {"private", "eu"}

    run(settings, scenario, by_that_clock)
