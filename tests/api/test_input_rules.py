"""What breaks a rule is refused at once, with the rule's name and the place."""

import time
from typing import Any

import pytest

from infra.settings import Settings
from producer.input_rules import MAX_DEPTH, MAX_MEMBERS
from tests.api.served import Served, run

CHAT: dict[str, Any] = {
    "kind": "chat",
    "input": {"messages": [{"role": "user", "content": "hi"}]},
}


def image(prompt: str = "a kite", **more: Any) -> dict[str, Any]:
    return {"kind": "image", "input": {"prompt": prompt}, **more}


def chat(*content: Any, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": one} for one in content]
    return {"kind": "chat", "input": {"messages": messages}, **more}


def picture(url: str) -> dict[str, Any]:
    return chat([{"type": "image_url", "image_url": {"url": url}}])


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


PICTURE = "/input/messages/0/content/0/image_url/url"
WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "bell in a prompt": (image("a\x07b"), "control_characters", "/input/prompt"),
    "escape in a message": (
        chat("fine\n\ttext", "\x1b[2J"),
        "control_characters",
        "/input/messages/1/content",
    ),
    "delete in a part": (
        chat([{"type": "text", "text": "a\x7f"}]),
        "control_characters",
        "/input/messages/0/content/0/text",
    ),
    "control in metadata": (
        image(metadata={"a/b": "\x85 is fine, \x9b is not"}),
        "control_characters",
        "/metadata/a~1b",
    ),
    "control in a name of metadata": (
        image(metadata={"\x01": "a"}),
        "control_characters",
        "/metadata/\x01",
    ),
    "control in end_user": (image(end_user="ann\x08"), "control_characters", "/end_user"),
    "long prompt": (image("a" * 501), "prompt_length", "/input/prompt"),
    "long conversation": (chat("a" * 300, "b" * 300), "prompt_length", "/input/messages"),
    "private picture": (picture("http://10.0.0.1/a.png"), "url_policy", PICTURE),
    "metadata service": (picture("http://169.254.169.254/latest"), "url_policy", PICTURE),
    "file": (picture("file:///etc/passwd"), "url_policy", PICTURE),
    "address in disguise": (picture("http://2130706433/"), "url_policy", PICTURE),
    "picture of a server that speaks no HTTP": (
        {"kind": "image", "input": {"prompt": "a", "extra_body": {"init": ["ftp://x/y"]}}},
        "url_policy",
        "/input/extra_body/init/0",
    ),
    "film that a model server would fetch": (
        chat([{"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}]),
        "url_policy",
        "/input/messages/0/content/0/video_url/url",
    ),
    "sound and file that a model server would fetch": (
        chat([{"type": "audio", "audio": ["https://example.com/a.wav"]}]),
        "url_policy",
        "/input/messages/0/content/0/audio/0",
    ),
    "URL among a server's own parameters": (
        {
            "kind": "image",
            "input": {"prompt": "a", "extra_body": {"init_URLs": ["https://example.com/a"]}},
        },
        "url_policy",
        "/input/extra_body/init_URLs/0",
    ),
    "private webhook": (
        image(webhook={"url": "http://192.168.0.1/hook"}),
        "url_policy",
        "/webhook/url",
    ),
    "deep": (image(metadata=nested(MAX_DEPTH)), "json_depth", "/metadata/0/0/0"),
    "wide": (image(metadata=[0] * MAX_MEMBERS), "json_members", ""),
    "wide and mixed": (image(metadata=[*[0] * MAX_MEMBERS, "a"]), "json_members", ""),
}
RIGHT: dict[str, dict[str, Any]] = {
    "line breaks, tabs, other scripts": image("a\r\n\tb\x85 日本 \u202b \U0001f600"),
    "data URL": picture("data:image/png;base64,AAAA"),
    "film in the JSON": chat(
        [{"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}]
    ),
    "link among a server's own parameters": {
        "kind": "image",
        "input": {"prompt": "a", "extra_body": {"source": "https://example.com/a"}},
    },
    "public picture": picture("https://example.com/a.png"),
    "text that names a private address": chat([{"type": "text", "text": "http://10.0.0.1/"}]),
    "schema of a tool": CHAT
    | {
        "input": CHAT["input"]
        | {"response_format": {"type": "json_schema", "$schema": "http://10.0.0.1/"}}
    },
}


@pytest.fixture
def strict(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_prompt_chars": 500, "outbound_allow": ()})


def test_each_rule_is_named_with_the_place_it_is_broken_at(strict: Settings) -> None:
    async def scenario(api: Served) -> None:
        for name, (body, rule, pointer) in WRONG.items():
            answer = await api.http.post("/v1/jobs", json=body)
            assert answer.status_code == 400, f"{name}: {answer.text}"
            problem = answer.json()
            assert problem["code"] == "invalid_request", name
            (fault,) = problem["errors"]
            assert (fault["rule"], fault["pointer"]) == (rule, pointer), name
        for name, body in RIGHT.items():
            answer = await api.http.post("/v1/jobs", json=body)
            assert answer.status_code == 202, f"{name}: {answer.text}"

    run(strict, scenario)


def test_a_megabyte_of_brackets_is_refused_before_anybody_looks_into_it(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        for body in (
            b"[" * 1_000_000,
            b'{"a":' * 200_000,
            b'{"kind":"image","input":' + b"[" * 500_000 + b"]" * 499_000 + b"}",
        ):
            began = time.monotonic()
            answer = await api.http.post(
                "/v1/jobs", content=body, headers={"content-type": "application/json"}
            )
            took = time.monotonic() - began
            assert answer.status_code == 400
            assert answer.json()["errors"][0]["rule"] == "json_depth"
            assert took < 1

    run(settings, scenario)
