"""The control route: scripts are set, counters shown, calls paged, and all of it reset."""

import asyncio
from typing import Any

import pytest

from infra.simulator.calls import hash_prompt
from tests.fixtures.simulation import PROMPT, SMALL, Simulation, simulation, with_simulation

BODY = {"prompt": PROMPT, "size": SMALL}
IMAGES = "/v1/images/generations"


async def put(running: Simulation, script: Any) -> tuple[int, Any]:
    async with running.http.put(running.url + "/control", json=script) as response:
        return response.status, await response.json()


def test_a_script_is_set_played_and_shown() -> None:
    async def scenario(running: Simulation) -> None:
        script = {
            "latency": 0.01,
            "latency_jitter": 0.005,
            "faults": [
                {"on": "images", "kind": "server_error", "times": 2, "after": 1, "status": 503},
                {"on": "any", "kind": "rate_limit", "retry_after": 1.5, "match": "fox"},
            ],
        }
        status, state = await put(running, script)
        assert (status, state["latency"], state["latency_jitter"]) == (200, 0.01, 0.005)
        statuses = [(await running.post(IMAGES, BODY))[0] for _ in range(4)]
        statuses.append((await running.post(IMAGES, {**BODY, "prompt": "a fox"}))[0])
        assert statuses == [200, 503, 503, 200, 429]
        _, state = await running.get("/control")
        assert [fault["served"] for fault in state["faults"]] == [2, 1]
        assert state["calls"] == {
            "total": 5,
            "in_flight": 0,
            "max_in_flight": 1,
            "by_operation": {"images": 5},
            "faults": {"server_error": 2, "rate_limit": 1},
        }
        assert [call["status"] for call in state["recent"]] == statuses
        assert "no real model" in state["simulator"]

    with_simulation(scenario)


def test_calls_are_paged_with_times_hashes_and_headers() -> None:
    async def scenario(running: Simulation) -> None:
        clock = running.service.calls.clock
        before = clock.monotonic(), clock.now().timestamp()
        for number in range(3):
            headers = {"x-genq-job": f"job_{number}", "x-request-id": f"r{number}"}
            await running.post(IMAGES, BODY, headers=headers)
        _, page = await running.get("/control/calls?limit=2")
        _, rest = await running.get(f"/control/calls?since={page['last']}")
        calls = page["calls"] + rest["calls"]
        assert [call["seq"] for call in calls] == [1, 2, 3]
        assert [call["job"] for call in calls] == ["job_0", "job_1", "job_2"]
        assert [call["request_id"] for call in calls] == ["r0", "r1", "r2"]
        assert {call["prompt_hash"] for call in calls} == {hash_prompt(PROMPT)}
        assert before[0] <= calls[0]["monotonic"] <= calls[2]["monotonic"]
        assert before[1] - 1 <= calls[0]["at"]
        assert all(call["seconds"] >= 0 and call["status"] == 200 for call in calls)
        _, end = await running.get("/control/calls?since=3")
        assert end == {"calls": [], "last": 3}

    with_simulation(scenario)


def test_a_reset_returns_to_the_latency_of_the_start() -> None:
    async def scenario() -> None:
        async with simulation(latency=0.02) as running:
            await put(running, {"latency": 5, "faults": [{"kind": "hang"}]})
            async with running.http.delete(running.url + "/control") as response:
                state = await response.json()
            assert (state["latency"], state["faults"]) == (0.02, [])
            assert state["calls"]["total"] == 0
            assert (await running.post(IMAGES, BODY))[0] == 200

    asyncio.run(scenario())


WRONG: list[tuple[Any, str | None]] = [
    ({"latency": "slow"}, "latency"),
    ({"latency": True}, "latency"),
    ({"latncy": 1}, "latncy"),
    ({"faults": [{"kind": "explode"}]}, "faults.0.kind"),
    ({"faults": [{}]}, "faults.0.kind"),
    ([], None),
]


@pytest.mark.parametrize(("script", "param"), WRONG)
def test_a_wrong_script_is_refused_and_the_old_one_stays(
    script: Any, param: str | None
) -> None:
    async def scenario(running: Simulation) -> None:
        await put(running, {"latency": 0.01})
        status, answer = await put(running, script)
        assert (status, answer["error"]["param"]) == (400, param)
        _, state = await running.get("/control")
        assert state["latency"] == 0.01

    with_simulation(scenario)


@pytest.mark.parametrize("query", ["since=x", "since=-1", "limit=", "limit=1.5"])
def test_a_wrong_page_is_refused(query: str) -> None:
    async def scenario(running: Simulation) -> None:
        status, answer = await running.get(f"/control/calls?{query}")
        assert (status, answer["error"]["code"]) == (400, "invalid_value")

    with_simulation(scenario)
