"""Files, batches and moderation refuse in OpenAI's words, as the calls that become jobs do."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from openai import APIStatusError, PermissionDeniedError, RateLimitError

from infra.settings import Settings
from producer.api.batch_operations import BATCH_ROUTES
from producer.api.file_operations import FILE_ROUTES
from producer.api.moderation_operations import MODERATION_ROUTES
from schemas.scopes import KeyScope
from tests.api.served import new_key
from tests.facade.scene import Scene, play

_FILE: Final = "file-01kb0q5v3mf0t8w2c7d4e9g6hj"
_BATCH: Final = "batch_01kb0q5v3mf0t8w2c7d4e9g6hj"


async def caught(call: Callable[..., Awaitable[Any]], **asked: Any) -> APIStatusError:
    """Call, and return what it raises."""
    with pytest.raises(APIStatusError) as raised:
        await call(**asked)
    return raised.value


def test_each_of_these_routes_tells_its_errors_as_openai_does() -> None:
    routes = (*FILE_ROUTES, *BATCH_ROUTES, *MODERATION_ROUTES)
    assert [operation.name for operation, _ in routes if not operation.openai] == []


def test_files_batches_and_moderation_refuse_in_openais_words(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        await who_may_not_is_told_so(here)
        await a_place_is_told_as_it_was_sent(here)
        await too_many_batches_are_a_full_queue(here)

    play(settings, scenario, max_open_batches=1)


async def who_may_not_is_told_so(here: Scene) -> None:
    key = await new_key(here.api.services, "acme", KeyScope.ADMIN)
    client = here.client.with_options(api_key=key)
    made: dict[str, Any] = {
        "input_file_id": _FILE,
        "endpoint": "/v1/embeddings",
        "completion_window": "24h",
    }
    calls: list[tuple[Callable[..., Awaitable[Any]], dict[str, Any]]] = [
        (client.files.list, {}),
        (client.files.delete, {"file_id": _FILE}),
        (client.batches.create, made),
        (client.batches.list, {}),
        (client.batches.cancel, {"batch_id": _BATCH}),
        (client.moderations.create, {"input": "a kite"}),
    ]
    for call, asked in calls:
        error = await caught(call, **asked)
        assert isinstance(error, PermissionDeniedError)
        assert (error.code, error.type) == ("insufficient_permissions", "invalid_request_error")
        assert error.response.json()["code"] == "permission_denied"
    assert len(here.sent) == len(calls)


async def a_place_is_told_as_it_was_sent(here: Scene) -> None:
    text = {"type": "text", "text": "a kite"}
    elsewhere = {"type": "image_url", "image_url": {"url": "http://x/y.png"}}
    wrong: list[tuple[Any, str]] = [
        ([text, elsewhere], "/input/1/image_url/url"),
        ([text, {"type": "text"}], "/input/1/text"),
        ([text, {"type": "sound"}], "/input/1"),
        (["a kite", 7], "/input/1"),
        ([], "/input"),
        (7, "/input"),
    ]
    for given, place in wrong:
        error = await caught(here.client.moderations.create, input=given)
        assert (error.status_code, error.code) == (400, "invalid_request")
        assert error.param == place[1:].replace("/", ".")
        assert [one["pointer"] for one in error.response.json()["errors"]] == [place]


async def too_many_batches_are_a_full_queue(here: Scene) -> None:
    client = here.client.with_options(max_retries=0)
    file = await client.files.create(file=b"{}", purpose="batch")

    async def make() -> Any:
        return await client.batches.create(
            input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h"
        )

    await make()
    error = await caught(make)
    assert isinstance(error, RateLimitError)
    assert (error.code, error.type) == ("queue_full", "queue")
    assert error.response.headers["retry-after-ms"] == "60000"
    assert error.response.json()["code"] == "too_many_batches"
