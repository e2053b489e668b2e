"""``Genq`` and ``AsyncGenq`` are one surface, typed, documented, and cheap to import."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genq
from genq import AsyncGenq, Genq
from genq.async_jobs import AsyncJobs
from genq.batches import AsyncBatches, Batches
from genq.chats import AsyncChats, Chats
from genq.dead_letters import AsyncDeadLetters, DeadLetters
from genq.jobs import Jobs
from genq.keys import AsyncKeys, Keys
from genq.pages import AsyncPage, Page
from genq.policies import AsyncPolicies, Policies
from genq.privacy import AsyncPrivacy, Privacy
from genq.schedules import AsyncSchedules, Schedules
from genq.stored_files import AsyncFiles, Files
from genq.webhook_deliveries import (
    AsyncDeliveries,
    AsyncWebhookEvents,
    Deliveries,
    WebhookEvents,
)
from genq.webhook_endpoints import AsyncEndpoints, Endpoints
from genq.webhook_recoveries import AsyncRecoveries, Recoveries
from genq.webhooks import AsyncWebhooks, Webhooks

PAIRS: list[tuple[type, type]] = [
    (Genq, AsyncGenq),
    (Jobs, AsyncJobs),
    (Keys, AsyncKeys),
    (Schedules, AsyncSchedules),
    (DeadLetters, AsyncDeadLetters),
    (Webhooks, AsyncWebhooks),
    (Endpoints, AsyncEndpoints),
    (Deliveries, AsyncDeliveries),
    (WebhookEvents, AsyncWebhookEvents),
    (Recoveries, AsyncRecoveries),
    (Policies, AsyncPolicies),
    (Privacy, AsyncPrivacy),
    (Batches, AsyncBatches),
    (Chats, AsyncChats),
    (Files, AsyncFiles),
    (Page, AsyncPage),
]
ROOT = Path(__file__).parents[3]


def methods(kind: type) -> dict[str, Callable[..., Any]]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return {name: method for name, method in found if not name.startswith("_")}


def told(method: Callable[..., Any]) -> tuple[list[Any], str]:
    """Return what a caller sees of a method: its arguments, and what it says it does."""
    arguments = [
        (each.name, each.kind, each.default, each.annotation)
        for each in inspect.signature(method).parameters.values()
    ]
    return arguments, (inspect.getdoc(method) or "").split("\n", maxsplit=1)[0]


@pytest.mark.parametrize(("plain", "awaited"), PAIRS)
def test_both_clients_have_the_same_methods_arguments_and_words(
    plain: type, awaited: type
) -> None:
    assert methods(plain).keys() == methods(awaited).keys()
    for name, method in methods(plain).items():
        assert told(methods(awaited)[name]) == told(method), name


def test_both_clients_have_the_same_parts_made_in_the_same_way() -> None:
    with Genq("k", "http://127.0.0.1:1") as client:
        parts = {name: type(part).__name__ for name, part in vars(client).items()}
    awaited = vars(AsyncGenq("k", "http://127.0.0.1:1"))

    assert {
        name: type(part).__name__.removeprefix("Async") for name, part in awaited.items()
    } == parts
    assert told(Genq.__init__)[0] == told(AsyncGenq.__init__)[0]


@pytest.mark.parametrize("kind", [kind for pair in PAIRS for kind in pair])
def test_every_method_says_what_it_does_and_what_it_returns(kind: type) -> None:
    for name, method in methods(kind).items():
        assert method.__doc__, name
        signature = inspect.signature(method)
        assert signature.return_annotation is not inspect.Signature.empty, name
        given = list(signature.parameters.values())[1:]
        assert all(each.annotation is not inspect.Parameter.empty for each in given), name


def test_every_public_name_can_be_had_and_is_listed() -> None:
    for name in genq.__all__:
        assert getattr(genq, name).__name__ == name
    assert set(genq.__all__) <= set(dir(genq))
    with pytest.raises(AttributeError, match="no attribute 'Gnq'"):
        genq.Gnq  # noqa: B018 - the access is the test  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - as said


# What the SDK needs on top of the standard library; everything else is the server's, or the
# command line's.
STRANGER = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(name)

ABSENT = {ABSENT}
sys.meta_path.insert(0, Absent())
import genq
assert "socket" not in sys.modules, "importing genq alone must load next to nothing"
client = genq.Genq("k", "http://127.0.0.1:1", max_retries=0)
try:
    client.jobs.list()
except genq.ServerUnreachableError:
    pass
genq.AsyncGenq("k", "http://127.0.0.1:1")
try:
    genq.verify_webhook(b"", {}, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
except genq.WebhookInvalidError:
    pass
assert not {"typer", "rich"} & set(sys.modules), "the command line is not the SDK's"
"""
SERVICE = {"producer", "worker", "infra", "schemas", "migrations"}
SERVERS_PACKAGES = {
    *("aiohttp", "alembic", "boto3", "celery", "fastapi", "kombu", "openai", "orjson", "PIL"),
    *("prometheus_client", "psycopg", "pydantic", "pydantic_settings", "redis", "sqlalchemy"),
    *("structlog", "starlette", "uvicorn", "uvloop", "uuid_utils", "opentelemetry"),
}


def test_the_sdk_needs_nothing_of_the_service_or_its_packages() -> None:
    script = STRANGER.replace("{ABSENT}", repr(SERVICE | SERVERS_PACKAGES))

    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env={"PYTHONPATH": str(ROOT), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
