"""Batches in the API's tests: files that are there, and lines that have ended."""

import hashlib
from typing import Any, Final
from uuid import UUID

from openai import AsyncOpenAI
from sqlalchemy import text

from infra.new_ids import new_key
from infra.postgres.engine import transaction
from infra.postgres.files import insert_file, publish_file
from schemas.batch import LineOutcome
from schemas.ids import format_id, parse_id
from schemas.job_states import JobState
from schemas.stored_file import FilePurpose, FileRecord
from tests.api.served import Served

CHAT: Final[dict[str, Any]] = {
    "kind": "chat",
    "model": "test-chat",
    "input": {"messages": [{"role": "user", "content": "Hello?"}]},
}
WANTED: Final[dict[str, Any]] = {
    "endpoint": "/v1/chat/completions",
    "completion_window": "24h",
}


def openai_client(api: Served, key: str | None = None) -> AsyncOpenAI:
    """Return OpenAI's own client, unmodified, that speaks to ``api``."""
    return AsyncOpenAI(base_url=f"{api.url}/v1", api_key=key or api.key, max_retries=0)


async def sql(api: Served, statement: str, **values: Any) -> list[Any]:
    """Run a statement in a transaction of its own."""
    async with transaction(api.services.engine) as connection:
        result = await connection.execute(text(statement), values)
        return list(result.all()) if result.returns_rows else []


async def upload(
    api: Served, content: bytes = b"{}\n", purpose: FilePurpose = FilePurpose.BATCH
) -> str:
    """Put a file of tenant ``acme`` there; return its id."""
    tenant = (await sql(api, "SELECT id FROM tenant WHERE name = 'acme'"))[0].id
    key = new_key()
    file = FileRecord(
        id=key,
        tenant_id=tenant,
        purpose=purpose,
        filename="lines.jsonl",
        content_type="application/jsonl",
        size=len(content),
        sha256=hashlib.sha256(content).digest(),
        object_key=f"files/{key}",
        created_at=api.services.clock.now(),
    )
    async with transaction(api.services.engine) as connection:
        await insert_file(connection, file)
    async with transaction(api.services.engine) as connection:
        assert await publish_file(connection, tenant, key)
    return format_id("file", key)


async def make(api: Served, **more: Any) -> dict[str, Any]:
    """Make a batch; return it."""
    file = more.pop("input_file_id", None) or await upload(api)
    answer = await api.http.post("/v1/batches", json={**WANTED, "input_file_id": file, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def go_on(api: Served, batch_id: str, **columns: Any) -> None:
    """Change a batch as its keeper would."""
    changes = ", ".join(f"{name} = :{name}" for name in columns)
    await sql(
        api,
        f"UPDATE batch SET {changes} WHERE id = :id",
        id=parse_id("batch", batch_id),
        **columns,
    )


async def end_line(
    api: Served, batch_id: str, line: int, outcome: LineOutcome = LineOutcome.SUCCEEDED
) -> None:
    """Let the line that is numbered so end as the next one: with a job, if it has an answer."""
    job: UUID | None = None
    if outcome in {LineOutcome.SUCCEEDED, LineOutcome.FAILED}:
        made = await api.submit(CHAT)
        if outcome is LineOutcome.SUCCEEDED:
            await api.end(made["id"], text=f"answer {line}")
        else:
            error: Any = {
                "code": "model_timeout",
                "message": "too slow",
                "category": "model",
                "severity": "high",
                "retryable": True,
                "error_id": "err_1",
            }
            await api.end(made["id"], JobState.FAILED, error=error)
        job = parse_id("job", made["id"])
    await sql(
        api,
        """
        INSERT INTO batch_line (batch_id, line, custom_id, job_id, seq, outcome)
        SELECT :batch, :line, :custom_id, CAST(:job AS uuid), COALESCE(max(seq), 0) + 1,
          :outcome
        FROM batch_line WHERE batch_id = :batch
        """,
        batch=parse_id("batch", batch_id),
        line=line,
        custom_id=f"line-{line}",
        job=job,
        outcome=int(outcome),
    )
