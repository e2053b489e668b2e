"""Batches behind the API, kept step by step: uploaded, run and ended, with people in lines."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import orjson

from infra.postgres.batch_leases import claim_batches
from infra.postgres.engine import transaction
from producer.batches.pace import Pace
from producer.batches.parts import BatchParts, batch_parts
from producer.batches.run import BatchRun
from producer.file_janitor import FileJanitor
from producer.openai.endpoints import ENDPOINTS
from schemas.batch import BatchStatus
from schemas.ids import format_id
from tests.api.people import ANSWER, SECRET, sql
from tests.api.served import Served
from tests.api.uploading import objects_of

CHAT: Final = "/v1/chat/completions"
_STEPS: Final = 200


def line(custom_id: str, **body: Any) -> bytes:
    """Return a line of an input file that asks for a chat."""
    asked = {"model": "test-chat", "messages": [{"role": "user", "content": SECRET}], **body}
    told = {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": asked}
    return orjson.dumps(told) + b"\n"


class Kept:
    """What tests do to one batch at a time.

    Args:
        api: Of whose application.
    """

    def __init__(self, api: Served) -> None:
        self._api = api
        services = api.services
        self.parts: BatchParts = batch_parts(
            services.engine,
            services.settings,
            services.doorbells,
            services.clock,
            store=services.store,
            endpoints=ENDPOINTS,
        )

    async def upload(self, *lines: bytes) -> str:
        form = {"file": ("lines.jsonl", b"".join(lines))}
        made = await self._api.http.post("/v1/files", files=form, data={"purpose": "batch"})
        assert made.status_code == 200, made.text
        return made.json()["id"]

    async def batch_of(self, file_id: str, **ours: Any) -> str:
        body = {"input_file_id": file_id, "endpoint": CHAT, "completion_window": "24h"}
        made = await self._api.http.post("/v1/batches", json=body | {"genq": ours})
        assert made.status_code == 200, made.text
        return made.json()["id"]

    async def claim(self) -> BatchRun:
        """Take the only batch that has not ended."""
        await sql(self._api, "UPDATE batch SET lease_until = NULL")
        async with transaction(self.parts.engine) as connection:
            ((batch, fence),) = await claim_batches(connection, timedelta(minutes=5), limit=2)
        return BatchRun(self.parts, batch, fence, Pace(hurry=True))

    async def keep_until(
        self, run: BatchRun, holds: Callable[[BatchRun], bool], *, answering: bool = False
    ) -> None:
        for _ in range(_STEPS):
            if holds(run) or await run.step() is None:
                return
            if answering:
                await self.answer()
        raise AssertionError("the batch goes nowhere")

    async def answer(self) -> None:
        """End every job that has not ended."""
        for row in await sql(self._api, "SELECT job_id FROM live ORDER BY job_id"):
            await self._api.end(format_id("job", row.job_id), text=ANSWER)

    async def finish(self, run: BatchRun) -> dict[str, Any]:
        """Answer, and keep, until the batch has ended; return it."""
        for _ in range(_STEPS):
            await self.answer()
            if await run.step() is None:
                batch_id = format_id("batch", run.kept.id)
                return (await self._api.http.get(f"/v1/batches/{batch_id}")).json()
        raise AssertionError("the batch goes nowhere")

    async def finished(self, *lines: bytes) -> dict[str, Any]:
        """Make a batch of these lines, and see it through."""
        await self.batch_of(await self.upload(*lines))
        return await self.finish(await self.claim())

    async def content(self, file_id: str) -> bytes:
        answer = await self._api.http.get(f"/v1/files/{file_id}/content")
        assert answer.status_code == 200, answer.text
        told = (await self._api.http.get(f"/v1/files/{file_id}")).json()
        assert told["bytes"] == len(answer.content)
        return answer.content

    async def told(self, file_id: str | None) -> dict[str, Any]:
        """Return the answers of a file by their ``custom_id``, or what stands there instead."""
        assert file_id is not None
        lines = map(orjson.loads, (await self.content(file_id)).splitlines())
        return {
            one["custom_id"]: one["error"]["code"] if one["error"] else one["response"]["body"]
            for one in lines
        }

    async def sweep(self) -> None:
        """Let the janitor take away what left."""
        await sql(
            self._api,
            "UPDATE file SET deleted_at = now() - interval '1 day' WHERE deleted_at <= now()",
        )
        await FileJanitor(self._api.services.engine, self._api.services.store).sweep()

    def stored(self) -> bytes:
        """Return every byte that lies in the object store."""
        return b"".join(path.read_bytes() for path in objects_of(self._api))


def is_running(read: int) -> Callable[[BatchRun], bool]:
    """Return what holds once so many lines of a batch were read."""
    return lambda run: (
        run.batch.status is BatchStatus.IN_PROGRESS and run.batch.lines_read >= read
    )
