"""GET /metrics: this process's counters, and the backlog as the database counts it."""

import socket

from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from infra.settings import Settings
from tests.api.served import IMAGE, Served, run

Samples = dict[tuple[str, ...], float]


async def samples(api: Served, name: str, *labels: str) -> Samples:
    answer = await api.http.get("/metrics", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == name
    }


def test_the_backlog_is_counted_by_lane_and_state(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await api.submit()
        await api.submit()
        relaxed = await api.submit({**IMAGE, "lane": "relax"})
        await api.claim(relaxed["id"])

        jobs = await samples(api, "genq_jobs", "lane", "state")
        assert jobs["fast", "ready"] == 2
        assert jobs["relax", "running"] == 1
        assert jobs["turbo", "ready"] == 0
        ages = await samples(api, "genq_queue_oldest_job_age_seconds", "lane")
        assert 0 < ages[("fast",)] < 60
        assert ages[("relax",)] == 0

    run(settings, scenario)


def test_the_backlog_is_counted_once_for_many_scrapes(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        before = await samples(api, "genq_jobs", "lane", "state")
        await api.submit()

        assert await samples(api, "genq_jobs", "lane", "state") == before

    run(settings, scenario)


def test_without_a_database_the_process_still_tells_its_own(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        assert await samples(api, "genq_jobs", "lane", "state") == {}
        assert await samples(api, "genq_build_info", "version") != {}

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    nowhere = SecretStr(f"postgresql://genq@127.0.0.1:{port}/genq")
    run(settings.model_copy(update={"database_url": nowhere}), scenario, key="gq_any")
