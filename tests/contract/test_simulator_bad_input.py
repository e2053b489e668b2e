"""Bad input is refused in OpenAI's error shape, never with a 5xx."""

from io import BytesIO
from random import Random
from typing import Any

import pytest

from tests.fixtures.simulation import PROMPT, Simulation, with_simulation

IMAGES, CHAT = "/v1/images/generations", "/v1/chat/completions"
EMBEDDINGS, MODERATIONS = "/v1/embeddings", "/v1/moderations"
SAID = [{"role": "user", "content": "hi"}]

WRONG: list[tuple[str, Any, str | None]] = [
    (IMAGES, {}, "prompt"),
    (IMAGES, [], None),
    (IMAGES, {"prompt": ""}, "prompt"),
    (IMAGES, {"prompt": "  "}, "prompt"),
    (IMAGES, {"prompt": 5}, "prompt"),
    (IMAGES, {"prompt": "x" * 32_001}, "prompt"),
    (IMAGES, {"prompt": PROMPT, "n": 0}, "n"),
    (IMAGES, {"prompt": PROMPT, "n": 11}, "n"),
    (IMAGES, {"prompt": PROMPT, "n": "2"}, "n"),
    (IMAGES, {"prompt": PROMPT, "n": True}, "n"),
    (IMAGES, {"prompt": PROMPT, "n": 1.5}, "n"),
    (IMAGES, {"prompt": PROMPT, "size": "1x1"}, "size"),
    (IMAGES, {"prompt": PROMPT, "size": "4096x64"}, "size"),
    (IMAGES, {"prompt": PROMPT, "size": "big"}, "size"),
    (IMAGES, {"prompt": PROMPT, "size": "64x64\n"}, "size"),
    (IMAGES, {"prompt": PROMPT, "size": "٦٤x٦٤"}, "size"),
    (IMAGES, {"prompt": PROMPT, "size": [64, 64]}, "size"),
    (IMAGES, {"prompt": PROMPT, "seed": "7"}, "seed"),
    (IMAGES, {"prompt": PROMPT, "seed": 2**63}, "seed"),
    (IMAGES, {"prompt": PROMPT, "seed": 10**40}, "seed"),
    (IMAGES, {"prompt": PROMPT, "response_format": "gif"}, "response_format"),
    (IMAGES, {"prompt": PROMPT, "output_format": "gif"}, "output_format"),
    (IMAGES, {"prompt": PROMPT, "stream": True, "n": 2}, "n"),
    (IMAGES, {"prompt": PROMPT, "model": None}, "model"),
    (CHAT, {"messages": SAID}, "model"),
    (CHAT, {"model": "sim-chat-1"}, "messages"),
    (CHAT, {"model": "sim-chat-1", "messages": []}, "messages"),
    (CHAT, {"model": "sim-chat-1", "messages": ["hi"]}, "messages.0"),
    (CHAT, {"model": "sim-chat-1", "messages": [{"role": "king"}]}, "messages.0.role"),
    (CHAT, {"model": "sim-chat-1", "messages": SAID, "max_tokens": 0}, "max_tokens"),
    (CHAT, {"model": "sim-chat-1", "messages": SAID, "temperature": 3}, "temperature"),
    (CHAT, {"model": "sim-chat-1", "messages": SAID, "n": 99}, "n"),
    (
        CHAT,
        {"model": "sim-chat-1", "messages": SAID, "response_format": {"type": "json_schema"}},
        "response_format.json_schema",
    ),
    (EMBEDDINGS, {"model": "sim-embedding-1"}, "input"),
    (EMBEDDINGS, {"model": "sim-embedding-1", "input": "x", "dimensions": 0}, "dimensions"),
    (MODERATIONS, {}, "input"),
]


def problem(answer: Any) -> dict[str, Any]:
    assert set(answer) == {"error"}
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert answer["error"]["message"]
    return answer["error"]


def test_wrong_values_are_refused_by_name() -> None:
    async def scenario(running: Simulation) -> None:
        for path, body, param in WRONG:
            status, answer = await running.post(path, body)
            told = status, problem(answer)["param"], answer["error"]["type"]
            assert told == (400, param, "invalid_request_error"), (path, str(body)[:80])

    with_simulation(scenario)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"nope",
        b'{"prompt": "a" "b"}',
        b'{"prompt": "\xff\xfe"}',
        b'{"prompt": "\\ud800"}',
        b'{"n": NaN}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
    ids=lambda raw: repr(raw[:16]),
)
def test_a_body_that_is_not_json_is_refused(raw: bytes) -> None:
    async def scenario(running: Simulation) -> None:
        for path in (IMAGES, CHAT, EMBEDDINGS, MODERATIONS):
            async with running.http.post(running.url + path, data=raw) as response:
                assert response.status == 400
                assert problem(await response.json())["type"] == "invalid_request_error"

    with_simulation(scenario)


NO_INPUTS: list[Any] = ["", [], [""], [[]], 5, None, [1, "a"], [None], {"a": 1}]
NO_JUDGED: list[Any] = [[], 5, None, [5], {}]
NO_CONTENTS: list[Any] = [5, {}, [5], ["a"], [{}]]
SHAPELESS: list[tuple[str, Any]] = [
    *((EMBEDDINGS, {"model": "sim-embedding-1", "input": wrong}) for wrong in NO_INPUTS),
    *((MODERATIONS, {"input": wrong}) for wrong in NO_JUDGED),
    *(
        (CHAT, {"model": "sim-chat-1", "messages": [{"role": "user", "content": wrong}]})
        for wrong in NO_CONTENTS
    ),
]


@pytest.mark.parametrize(("path", "body"), SHAPELESS)
def test_inputs_of_no_known_shape_are_refused(path: str, body: Any) -> None:
    async def scenario(running: Simulation) -> None:
        status, answer = await running.post(path, body)
        assert status == 400
        assert problem(answer)["param"]

    with_simulation(scenario)


def test_a_body_that_is_too_large_is_refused() -> None:
    async def scenario(running: Simulation) -> None:
        body = BytesIO(b'{"prompt": "%b"}' % (b"x" * (33 * 1024 * 1024)))
        async with running.http.post(running.url + IMAGES, data=body) as response:
            assert response.status == 413
            assert problem(await response.json())["code"] == "request_too_large"

    with_simulation(scenario)


def test_unknown_places_and_methods_answer_in_the_same_shape() -> None:
    async def scenario(running: Simulation) -> None:
        for method, path in (
            ("POST", "/v1/audio/transcriptions"),
            ("GET", "/v1/images/generations"),
            ("DELETE", "/v1/models"),
            ("GET", "/../../etc/passwd"),
            ("GET", "/images/%2e%2e%2fx"),
        ):
            async with running.http.request(method, running.url + path) as response:
                assert response.status == 404
                problem(await response.json())

    with_simulation(scenario)


NAMES = (
    *("model", "prompt", "n", "size", "seed", "messages", "role", "content", "input", "stop"),
    *("stream", "max_tokens", "stream_options", "response_format", "dimensions", "faults"),
)
MODELS = ("sim-image-1", "sim-chat-1", "sim-embedding-1", "sim-moderation-1")
LEAVES = (None, True, -1, 0, 3, 10**30, 0.5, "", "64x64", "user", "\0", "ü", *MODELS)


def anything(random: Random, depth: int = 0) -> Any:
    shape = random.random()
    if depth > 3 or shape < 0.5:
        return random.choice(LEAVES)
    if shape < 0.75:
        return [anything(random, depth + 1) for _ in range(random.randint(0, 3))]
    names = random.sample(NAMES, random.randint(0, 4))
    return {name: anything(random, depth + 1) for name in names}


def nearly_right(random: Random, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, random.choice(NAMES): anything(random)}


def test_no_body_at_all_causes_a_5xx() -> None:
    right: dict[str, dict[str, Any]] = {
        IMAGES: {"prompt": PROMPT, "size": "64x64"},
        CHAT: {"model": "sim-chat-1", "messages": SAID},
        EMBEDDINGS: {"model": "sim-embedding-1", "input": "x"},
        MODERATIONS: {"input": "x"},
        "/control": {},
    }
    random = Random(7)

    async def scenario(running: Simulation) -> None:
        for _ in range(120):
            for path, body in right.items():
                sent = anything(random) if random.random() < 0.3 else nearly_right(random, body)
                method = "PUT" if path == "/control" else "POST"
                url = running.url + path
                async with running.http.request(method, url, json=sent) as response:
                    assert response.status < 500, (path, sent)
                    await response.read()

    with_simulation(scenario)
