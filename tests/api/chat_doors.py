"""The doors of all three platforms in process: any bytes in, and the way out leads nowhere."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from infra.chat.adapter import ChatCall, ChatHttpAnswer
from infra.clock import Clock
from infra.postgres.engine import transaction
from infra.postgres.tenants import ensure_tenant
from infra.settings import Settings
from producer.api.app import create_app
from producer.api.services import Services, open_services
from producer.chat.entrance import open_door
from tests.api.served import MODELS

Headers = Sequence[tuple[bytes, bytes]]


class Nowhere:
    """A ``ChatHttp`` to which every platform says no for good."""

    async def send(self, call: ChatCall) -> ChatHttpAnswer:
        del call
        return ChatHttpAnswer(400, {"content-type": "application/json"}, b'{"ok": false}')


@dataclass
class Doors:
    """What platforms call."""

    services: Services
    app: Any = field(init=False)

    def __post_init__(self) -> None:
        self.app = create_app(self.services)

    async def post(self, path: str, headers: Headers, body: bytes) -> int:
        """Return the status; headers come as they are, twice where they are there twice."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"genq.test"), *headers],
            "client": ("127.0.0.1", 1),
            "server": ("genq.test", 80),
        }
        said: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(event: dict[str, Any]) -> None:
            if event["type"] == "http.response.start":
                said.append(event["status"])

        await self.app(scope, receive, send)
        return said[0]


@asynccontextmanager
async def chat_doors(
    settings: Settings, clock: Clock | None = None, **update: Any
) -> AsyncGenerator[Doors]:
    """Open the doors; whom nobody bound belongs to tenant acme.

    Args:
        settings: Of the test.
        clock: By which signatures are old.
        update: The bots' settings, as they are read.
    """
    more = {"chat_tenant": "acme", "describe_model": "test-chat", "model_servers": (MODELS,)}
    async with open_services(settings.model_copy(update=more | update)) as opened:
        async with transaction(opened.engine) as connection:
            await ensure_tenant(connection, "acme", max_inflight=9, webhook_secret="")
        clocked = replace(opened, clock=clock or opened.clock)
        async with open_door(clocked, Nowhere()) as door:
            yield Doors(replace(opened, chat=door))
