"""An answer that is too long is broken off before it fills the memory."""

import asyncio
from typing import Final

import httpx2
import pytest
from openai import DefaultAioHttpClient

from tests.fixtures.model_server import PATIENCE, Answer, answers_bytes, floods, model_server
from worker.providers.answer_limit import AnswerLimit, AnswerTooLongError

MOST: Final = 100_000


async def ask(answer: Answer) -> httpx2.Response:
    async with (
        model_server() as server,
        DefaultAioHttpClient(event_hooks={"response": [AnswerLimit(MOST)]}) as client,
    ):
        server.script = [answer]
        call = client.post(f"{server.base_url}/chat/completions", json={})
        return await asyncio.wait_for(call, PATIENCE)


TOO_LONG: Final = {
    "endless": floods(),
    "announced": answers_bytes(b" " * (MOST + 1)),
    "compressed": answers_bytes(b"", headers={"Content-Encoding": "gzip"}),
    "endless failure": floods(status=500),
}


@pytest.mark.parametrize("name", TOO_LONG)
def test_an_answer_beyond_the_limit_is_broken_off(name: str) -> None:
    with pytest.raises(AnswerTooLongError):
        asyncio.run(ask(TOO_LONG[name]))


def test_an_answer_up_to_the_limit_is_read() -> None:
    assert len(asyncio.run(ask(answers_bytes(b" " * MOST))).content) == MOST
