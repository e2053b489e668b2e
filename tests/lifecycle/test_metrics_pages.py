"""What each kind of process shows to Prometheus is clean, and tells of the work it did."""

import asyncio
import socket

import httpx2
import pytest

from infra.settings import Settings
from tests.fixtures.processes import system
from tests.fixtures.prometheus import lint

# A sample that only this process can have counted.
SIGNS = {
    "dispatch": 'genq_jobs_released_total{lane="fast"} 2.0',
    "deliver": 'genq_webhook_attempts_total{outcome="success"} 2.0',
    # Last, because its start is waited for.
    "work": 'genq_provider_circuit_state{server="held"} 0.0',
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


async def pages(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Run two jobs, and return the page of each process by its name."""
    ports: dict[str, int] = {}
    async with system(settings) as running, httpx2.AsyncClient() as http:
        running.model.gate.set()
        for name in SIGNS:
            ports[name] = free_port()
            monkeypatch.setenv("GENQ_METRICS_PORT", str(ports[name]))
            await running.start(name)
        await running.submit(2)
        await running.until_all_ended()
        return {
            name: (await http.get(f"http://127.0.0.1:{port}/metrics")).text
            for name, port in ports.items()
        }


def test_every_process_has_a_clean_page_of_its_own_work(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, promtool: str
) -> None:
    found = asyncio.run(pages(settings, monkeypatch))

    for name, sign in SIGNS.items():
        assert lint(promtool, found[name]) == "", name
        assert sign in found[name], name
        # The database's numbers are the API's to tell: here they could only be zero.
        assert "genq_jobs{" not in found[name]
        assert "genq_outbox_backlog" not in found[name]
    assert 'genq_provider_requests_total{outcome="ok",server="held"} 2.0' in found["work"]
    assert 'status="succeeded"} 2.0' in found["work"]
