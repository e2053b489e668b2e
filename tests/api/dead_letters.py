"""Dead letters of a served API: how tests make them, list them and send them again."""

from typing import Any, Final

from sqlalchemy import text

from infra.postgres.engine import transaction
from schemas.errors import ErrorRecord
from schemas.ids import parse_id
from schemas.job_states import JobState
from tests.api.served import IMAGE, Served

URL: Final = "/v1/dead_letters"
AWAY: Final[ErrorRecord] = {
    "code": "model_unavailable",
    "message": "503 from the model server",
    "category": "model",
    "severity": "high",
    "retryable": True,
    "error_id": "err_1",
}
LOST: Final[ErrorRecord] = {**AWAY, "code": "worker_lost", "message": "its workers died"}
CHAT: Final = {"kind": "chat", "input": {"messages": [{"role": "user", "content": "hi"}]}}
WEBHOOK: Final = {"url": "https://example.com/hook", "events": ["job.failed"]}


async def dead(api: Served, body: Any = IMAGE, error: ErrorRecord = AWAY) -> str:
    """Submit a job and let it die."""
    job_id: str = (await api.submit(body))["id"]
    await api.end(job_id, JobState.DEAD, error=error)
    return job_id


async def listed(api: Served, **query: Any) -> list[str]:
    answer = await api.http.get(URL, params=query)
    assert answer.status_code == 200, answer.text
    return [letter["id"] for letter in answer.json()["data"]]


async def redrive(api: Served, **body: Any) -> dict[str, Any]:
    answer = await api.http.post(f"{URL}/redrive", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def rows(api: Served, statement: str, **values: Any) -> list[Any]:
    async with transaction(api.services.engine) as connection:
        return list((await connection.execute(text(statement), values)).all())


async def jobs_of(api: Served, dead_id: str) -> list[Any]:
    return await rows(
        api, "SELECT id FROM job WHERE redrive_of = :id", id=parse_id("job", dead_id)
    )
