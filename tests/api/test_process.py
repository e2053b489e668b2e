"""``python -P -m producer.api``: starts, says where it listens, stops when it is told."""

import asyncio
import signal
import socket
from pathlib import Path

import httpx2

from infra.settings import Settings
from producer.api.services import open_services
from tests.api.process import ended, environment, started, url_of
from tests.api.served import IMAGE, PATIENCE_SECONDS, new_key


def test_it_serves_on_any_port_and_stops_cleanly_when_told(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            async with started(env=environment(settings), folder=tmp_path) as process:
                url = await url_of(process)
                async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http:
                    assert (await http.get(f"{url}/readyz")).status_code == 200
                    process.send_signal(number)
                    code, _, errors = await ended(process)

                    assert (code, errors) == (0, "")

    asyncio.run(scenario())


def test_who_waits_when_it_is_told_to_stop_gets_the_job_at_once(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_services(settings) as services:
            key = await new_key(services, "acme")
        async with started(env=environment(settings), folder=tmp_path) as process:
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx2.AsyncClient(
                base_url=await url_of(process), headers=headers, timeout=PATIENCE_SECONDS
            ) as http:
                waiting = asyncio.create_task(
                    http.post("/v1/jobs", json=IMAGE, headers={"Prefer": "wait=60"})
                )
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while not (await http.get("/v1/jobs")).json()["data"]:
                        pass
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(3):
                    answer = await waiting
            code, _, errors = await ended(process)

        assert answer.status_code == 202
        assert answer.json()["status"] == "queued"
        assert (code, errors) == (0, "")

    asyncio.run(scenario())


def test_a_taken_port_is_said_and_exits_1(settings: Settings, tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            async with started(
                "--port", port, env=environment(settings), folder=tmp_path
            ) as process:
                code, _, errors = await ended(process)

        assert code == 1
        assert f"port {port} of 127.0.0.1 is taken" in errors
        assert "Traceback" not in errors

    asyncio.run(scenario())


def test_wrong_settings_are_said_and_exit_8(settings: Settings, tmp_path: Path) -> None:
    async def scenario() -> None:
        for change, message in (
            ({"GENQ_DATABASE_URL": "mysql://x/y"}, "mysql is not PostgreSQL"),
            ({"GENQ_API_HOTS": "::1"}, "did you mean GENQ_API_HOST?"),
            ({"GENQ_API_HOST": "256.1.1.1"}, "cannot listen on 256.1.1.1"),
        ):
            env = environment(settings) | change
            async with started(env=env, folder=tmp_path) as process:
                code, _, errors = await ended(process)

            assert code == 8
            assert message in errors
            assert "Traceback" not in errors

    asyncio.run(scenario())


def test_it_starts_before_its_servers_do(settings: Settings, tmp_path: Path) -> None:
    async def scenario() -> None:
        env = environment(settings) | {
            "GENQ_DATABASE_URL": "postgresql://genq@127.0.0.1:1/genq",
            "GENQ_BROKER_URL": "redis://127.0.0.1:1/0",
        }
        async with started(env=env, folder=tmp_path) as process:
            url = await url_of(process)
            async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http:
                assert (await http.get(f"{url}/livez")).status_code == 200
                assert (await http.get(f"{url}/readyz")).status_code == 503
            process.send_signal(signal.SIGTERM)
            assert (await ended(process))[0] == 0

    asyncio.run(scenario())
