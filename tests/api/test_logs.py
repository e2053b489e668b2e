"""What the process writes: one line a request, the whole of a fault, and never a secret."""

import asyncio
import json
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from infra.settings import Settings
from producer.api.services import open_services
from tests.api.process import ended, environment, started, url_of
from tests.api.served import IMAGE, new_key


@contextmanager
def broken_database(url: str) -> Generator[None]:
    """Take a table away: a fault that no line of the code foresees."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE payload RENAME TO payload_gone")
        try:
            yield
        finally:
            connection.execute("ALTER TABLE payload_gone RENAME TO payload")


async def lines_of(settings: Settings, folder: Path) -> list[dict[str, Any]]:
    """Play a few requests against a process, stop it, and return its log."""
    async with open_services(settings) as services:
        key = await new_key(services, "acme")
    async with started(env=environment(settings), folder=folder) as process:
        url = await url_of(process)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(base_url=url, headers=headers) as http:
            await http.post("/v1/jobs?x=1", json=IMAGE, headers={"X-Request-Id": "one"})
            await http.get("/v1/jobs/job_1", headers={"X-Request-Id": "two"})
            for silent in ("/livez", "/readyz", "/metrics"):
                await http.get(silent)
            with broken_database(settings.database_url.get_secret_value()):
                for method, request_id in (("POST", "three"), ("GET", "four")):
                    answer = await http.request(
                        method, "/v1/jobs", json=IMAGE, headers={"X-Request-Id": request_id}
                    )
                    assert answer.status_code == 500
                    assert "payload" not in answer.text
        process.send_signal(signal.SIGTERM)
        code, written, _ = await ended(process)
    assert code == 0
    assert key not in written
    return [json.loads(line) for line in written.splitlines()]


def test_each_request_leaves_one_line_and_a_fault_leaves_everything(
    settings: Settings, tmp_path: Path
) -> None:
    lines = asyncio.run(lines_of(settings, tmp_path))
    requests = {line["request_id"]: line for line in lines if line["event"] == "http_request"}
    faults = {line["request_id"]: line for line in lines if line["event"] == "request_failed"}

    assert {name: line["status"] for name, line in requests.items()} == {
        "one": 202,
        "two": 404,
        "three": 500,
        "four": 500,
    }
    assert requests["one"]["path"] == requests["one"]["route"] == "/v1/jobs"
    assert requests["two"]["route"] == "/v1/jobs/{job_id}"
    assert requests["two"]["code"] == "not_found"
    assert set(faults) == {"three", "four"}
    for name, fault in faults.items():
        assert fault["level"] == "error"
        assert fault["error_id"] == requests[name]["error_id"]
        assert "payload" in fault["exception"]
    assert {line["process"] for line in lines} == {"api"}
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert "kite" not in json.dumps(lines), "a prompt"
