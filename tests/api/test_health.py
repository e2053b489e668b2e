"""Probes tell a machine what it needs: alive or not, ready or why not."""

import socket

import psycopg
from pydantic import SecretStr

from infra.settings import Settings
from producer.api.document_models import Readiness
from producer.api.health import newest_revision
from tests.api.served import Served, run


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_everything_there_is_ready(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        del api.http.headers["Authorization"]
        alive = await api.http.get("/livez")
        ready = await api.http.get("/readyz")

        assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
        assert ready.status_code == 200
        assert ready.headers["cache-control"] == "no-store"
        found = Readiness.model_validate(ready.json())
        assert [check.name for check in found.checks] == [
            "database",
            "migrations",
            "valkey",
            "object_store",
        ]
        assert {check.error for check in found.checks} == {None}

    run(settings, scenario)


def test_what_is_missing_is_named(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        ready = await api.http.get("/readyz")

        assert ready.status_code == 503
        failed = {c["name"]: c["error"] for c in ready.json()["checks"] if c["error"]}
        assert set(failed) == {"database", "migrations", "valkey"}
        assert (await api.http.get("/livez")).status_code == 200

    nowhere = {
        "database_url": SecretStr(f"postgresql://genq@127.0.0.1:{free_port()}/genq"),
        "valkey_url": SecretStr(f"redis://127.0.0.1:{free_port()}/0"),
    }
    run(settings.model_copy(update=nowhere), scenario, key="gq_any")


def test_a_server_that_does_not_answer_costs_two_seconds(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        ready = await api.http.get("/readyz")

        [valkey] = [c for c in ready.json()["checks"] if c["name"] == "valkey"]
        assert ready.status_code == 503
        assert valkey["status"] == "failed"
        assert 1000 < valkey["latency_ms"] < 5000

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = SecretStr(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        run(settings.model_copy(update={"valkey_url": url}), scenario)


def set_revision(url: str, revision: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = %s", [revision])


def test_a_database_behind_the_code_is_not_ready_and_one_ahead_is(
    settings: Settings, database_url: str
) -> None:
    async def scenario(api: Served) -> None:
        set_revision(database_url, "0000")
        behind = await api.http.get("/readyz")
        set_revision(database_url, "9999")
        ahead = await api.http.get("/readyz")

        assert (behind.status_code, ahead.status_code) == (503, 200)
        assert "genq db upgrade" in behind.text

    try:
        run(settings, scenario)
    finally:
        set_revision(database_url, newest_revision())
