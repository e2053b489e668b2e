"""The real application on a real socket, and a stand-in for the worker that ends its jobs."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import httpx2
import orjson
from sqlalchemy import text as sql

from infra.api_keys import digest_of, new_api_key, prefix_of
from infra.doorbells import DONE
from infra.endings import ending_of
from infra.objectstore.keys import extension_of, object_key
from infra.postgres.api_keys import insert_key
from infra.postgres.engine import transaction
from infra.postgres.finish import finish_jobs
from infra.postgres.sessions import open_session
from infra.postgres.start import start_attempts
from infra.postgres.tenants import ensure_tenant
from infra.settings import Settings
from producer.api.app import create_app
from producer.api.server import ApiServer, open_socket, url_of
from producer.api.services import Services, open_services
from schemas.claim import Claim, Pointer
from schemas.errors import ErrorRecord
from schemas.generation import Kind
from schemas.ids import parse_id
from schemas.job import Artifact
from schemas.job_states import AttemptOutcome, JobState
from schemas.lanes import Lane
from schemas.model_catalog import ModelServer, ModelSpec
from schemas.scopes import KeyScope

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
IMAGE: Final[dict[str, Any]] = {"kind": "image", "input": {"prompt": "a red kite"}}
PATIENCE_SECONDS: Final = 10.0

MODELS: Final = ModelServer(
    name="painter",
    base_url="http://painter.invalid/v1",
    models=(
        ModelSpec(name="test-image", kind=Kind.IMAGE),
        ModelSpec(name="test-chat", kind=Kind.CHAT),
        ModelSpec(name="test-embedding", kind=Kind.EMBEDDING),
        ModelSpec(name="test-speech", kind=Kind.SPEECH),
        ModelSpec(name="test-completion", kind=Kind.COMPLETION),
        ModelSpec(name="test-edit", kind=Kind.IMAGE_EDIT),
    ),
)


@dataclass
class Served:
    """An application that listens; ``http`` speaks with the key of tenant ``acme``."""

    url: str
    key: str
    services: Services
    http: httpx2.AsyncClient

    async def submit(
        self, body: Any = IMAGE, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Submit a job and return it."""
        answer = await self.http.post("/v1/jobs", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def claim(self, job_id: str, fence: int = 1) -> Claim:
        """Release and start a job, as the dispatcher and a worker do."""
        key = parse_id("job", job_id)
        async with transaction(self.services.engine) as connection:
            session = await open_session(
                connection,
                host="here",
                pid=1,
                slots=1,
                lanes=tuple(Lane),
                ttl=timedelta(minutes=1),
            )
            await connection.execute(
                sql("UPDATE live SET state = 3, fence = :fence WHERE job_id = :id"),
                {"id": key, "fence": fence},
            )
            claims = await start_attempts(connection, session, [Pointer(key, fence)])
        return claims[key]

    async def end(
        self,
        job_id: str,
        state: JobState = JobState.SUCCEEDED,
        *,
        pictures: Sequence[bytes] = (),
        sound: bytes | None = None,
        text: str | None = None,
        result: Mapping[str, Any] | None = None,
        error: ErrorRecord | None = None,
        ring: bool = True,
        claim: Claim | None = None,
    ) -> None:
        """Run a job to its end and ring the bell; ``claim``: of an attempt that runs."""
        claim = claim or await self.claim(job_id)
        artifacts = [await self._store(claim, n, data) for n, data in enumerate(pictures)]
        if sound is not None:
            artifacts.append(await self._store(claim, 0, sound, "audio/mpeg"))
        ending = ending_of(
            claim,
            state=state,
            outcome=AttemptOutcome.OK if error is None else AttemptOutcome.ERROR,
            finished_at=claim.started_at + timedelta(seconds=1),
            public_url=self.services.public_url,
            artifacts=artifacts,
            result={"text": text} if text else result,
            error=error,
        )
        async with transaction(self.services.engine) as connection:
            await finish_jobs(connection, [ending])
        if ring:
            await self.services.doorbells.ring(DONE, job_id)

    async def _store(
        self, claim: Claim, index: int, data: bytes, content_type: str = "image/png"
    ) -> Artifact:
        key = object_key(
            tenant_id=claim.tenant_id,
            created_at=claim.created_at,
            job_id=claim.job_id,
            fence=claim.fence,
            index=index,
            extension=extension_of(content_type),
        )
        await self.services.store.put(key, data, content_type)
        digest = hashlib.sha256(data).hexdigest()
        side = 8 if content_type == "image/png" else None
        return Artifact(index, key, content_type, len(data), digest, side, side)


async def new_key(
    services: Services, tenant_name: str, *scopes: KeyScope, expires_at: datetime | None = None
) -> str:
    """Make a tenant, if there is none of this name, and a key for it.

    Args:
        services: Of the application.
        tenant_name: Whose key it will be.
        scopes: What it may do; if none is named, everything of its own tenant.
        expires_at: When it ends.
    """
    key = new_api_key()
    digest = digest_of(key, services.settings.key_pepper.get_secret_value())
    async with transaction(services.engine) as connection:
        tenant = await ensure_tenant(
            connection, tenant_name, max_inflight=1000, webhook_secret=SECRET
        )
        await insert_key(
            connection,
            tenant.id,
            name="test",
            prefix=prefix_of(key),
            digest=digest,
            scopes=scopes or None,
            expires_at=expires_at,
        )
    return key


@asynccontextmanager
async def serving(
    settings: Settings,
    change: Callable[[Services], Services] = lambda services: services,
    *,
    key: str | None = None,
) -> AsyncGenerator[Served]:
    """Serve until the block ends.

    Args:
        settings: As the fixture gives them; a model of each kind is added.
        change: Puts other parts in place of some services.
        key: Instead of a real one, when there is no database to hold it.
    """
    with contextlib.closing(open_socket("127.0.0.1", 0)) as listening:
        url = url_of(listening)
        here = settings.model_copy(update={"public_url": url, "model_servers": (MODELS,)})
        async with open_services(here) as opened:
            services = change(opened)
            used = key or await new_key(services, "acme")
            server = ApiServer(create_app(services), services.waiters)
            running = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                async with httpx2.AsyncClient(
                    base_url=url,
                    headers={"Authorization": f"Bearer {used}"},
                    timeout=PATIENCE_SECONDS,
                ) as http:
                    yield Served(url, used, services, http)
            finally:
                server.should_exit = True
                await running


def run(
    settings: Settings,
    scenario: Callable[[Served], Awaitable[None]],
    change: Callable[[Services], Services] = lambda services: services,
    *,
    key: str | None = None,
) -> None:
    """Serve, and play ``scenario`` against it."""

    async def play() -> None:
        async with serving(settings, change, key=key) as api:
            await scenario(api)

    asyncio.run(play())


def pointers(answer: httpx2.Response) -> dict[str, str]:
    """Return the faults that a problem names, by their place."""
    return {fault["pointer"]: fault["message"] for fault in answer.json()["errors"]}


def json_bytes(value: Any) -> bytes:
    """Return compact JSON."""
    return orjson.dumps(value)
