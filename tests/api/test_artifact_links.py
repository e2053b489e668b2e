"""A link to an artifact opens it without a key, for an hour, and tells nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest

from infra.postgres.engine import transaction
from infra.postgres.erase_content import erase_content
from infra.postgres.tenants import ensure_tenant
from infra.settings import Settings
from producer.api.services import Services
from producer.openai.links import ArtifactLinks
from schemas.ids import parse_id
from schemas.job_states import JobState
from tests.api.served import Served, run
from tests.fixtures.fakes import MovedClock

PICTURE = bytes(range(256)) * 8


def on(clock: MovedClock) -> Callable[[Services], Services]:
    """Let links live by a clock that the test puts forward."""

    def change(services: Services) -> Services:
        pepper = services.settings.key_pepper.get_secret_value()
        return replace(services, links=ArtifactLinks(pepper, services.public_url, clock))

    return change


async def link_of(api: Served, job_id: str, index: int = 0) -> str:
    async with transaction(api.services.engine) as connection:
        tenant = await ensure_tenant(connection, "acme", max_inflight=1, webhook_secret="")
    return api.services.links.artifact_link(tenant.id, parse_id("job", job_id), index)


def test_a_link_opens_without_a_key_and_dies_after_its_hour(settings: Settings) -> None:
    clock = MovedClock()

    async def scenario(api: Served) -> None:
        job = await api.submit()
        await api.end(job["id"], pictures=[PICTURE])
        link = await link_of(api, job["id"])
        async with httpx2.AsyncClient() as anybody:
            whole = await anybody.get(link)
            assert (whole.status_code, whole.content) == (200, PICTURE)
            assert whole.headers["content-type"] == "image/png"
            age = int(whole.headers["cache-control"].split("max-age=")[1].split(",")[0])
            assert 3590 < age <= 3600

            part = await anybody.get(link, headers={"Range": "bytes=1-2"})
            assert (part.status_code, part.content) == (206, PICTURE[1:3])
            etag = whole.headers["etag"]
            known = await anybody.get(link, headers={"If-None-Match": etag})
            assert known.status_code == 304
            past = await anybody.get(link, headers={"Range": "bytes=9999-"})
            assert past.status_code == 416

            clock.moved = timedelta(seconds=3598)
            assert (await anybody.get(link)).status_code == 200
            clock.moved = timedelta(seconds=3601)
            dead = await anybody.get(link)
            assert dead.status_code == 404
            assert "expired" in dead.json()["detail"]

    run(settings, scenario, on(clock))


def test_every_wrong_link_gets_the_same_answer(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        done, waiting = await api.submit(), await api.submit()
        blocked, erased = await api.submit(), await api.submit()
        await api.end(done["id"], pictures=[PICTURE])
        await api.end(blocked["id"], JobState.BLOCKED)
        await api.end(erased["id"], pictures=[PICTURE])
        good, gone = await link_of(api, done["id"]), await link_of(api, erased["id"])
        assert (await api.http.get(gone)).status_code == 200
        ids = [parse_id("job", erased["id"])]
        async with transaction(api.services.engine) as connection:
            await erase_content(connection, ids, prompts=False, results=True)
        last = "A" if good[-1] != "A" else "B"
        changed = (good[:-1] + last, good + "A", good.replace("gqa_", "gqb_"))
        jobs = ((done, 1), (waiting, 0), (blocked, 0))
        others = [await link_of(api, job["id"], n) for job, n in jobs]
        links = (*changed, *others, gone, f"{api.url}/v1/artifacts/{done['id']}")
        answers = [await api.http.get(link) for link in links]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.json()["detail"] for answer in answers}) == 1

    run(settings, scenario)


def test_neither_log_nor_metrics_keep_what_opens_a_picture(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        await api.end(job["id"], pictures=[PICTURE])
        link = await link_of(api, job["id"])
        assert (await api.http.get(link)).status_code == 200
        assert (await api.http.get(link + "A")).status_code == 404
        secret = link.rpartition("/")[2][4:40]
        metrics = (await api.http.get("/metrics")).text
        assert 'route="/v1/artifacts/{token}"' in metrics
        written = capsys.readouterr().out
        assert "/v1/artifacts/{token}" in written
        assert secret not in written + metrics

    run(settings, scenario)
