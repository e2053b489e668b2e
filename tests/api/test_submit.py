"""POST /v1/jobs: what is accepted, what is refused, and how the refusal says where."""

from collections.abc import AsyncGenerator

import pytest

from infra.settings import Settings
from schemas.job import JobView
from tests.api.served import IMAGE, Served, json_bytes, pointers, run

JSON = {"Content-Type": "application/json"}


def test_a_job_is_accepted_with_its_location(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        body = {
            **IMAGE,
            "lane": "turbo",
            "priority": 0,
            "metadata": {"order": "7"},
            "end_user": "ann",
            "webhook": {"url": "https://example.com/hook"},
        }
        answer = await api.http.post("/v1/jobs", json=body)

        assert answer.status_code == 202
        job = answer.json()
        assert answer.headers["location"] == job["urls"]["get"]
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-request-id"].startswith("req_")
        assert "server" not in answer.headers
        assert job["status"] == "queued"
        assert job["model"] == "test-image"
        assert (job["lane"], job["priority"]) == ("turbo", 0)
        assert (job["metadata"], job["end_user"]) == ({"order": "7"}, "ann")
        assert job["input"] == {"prompt": "a red kite"}

    run(settings, scenario)


def test_the_job_is_what_the_document_says(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        submitted = await api.submit()
        shown = (await api.http.get(submitted["urls"]["get"])).json()

        for job in (submitted, shown):
            assert list(job) == list(JobView.model_fields)
            JobView.model_validate(job, strict=False)

    run(settings, scenario)


def test_a_chat_job_takes_the_model_of_its_kind(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        body = {"kind": "chat", "input": {"messages": [{"role": "user", "content": "hi"}]}}

        assert (await api.submit(body))["model"] == "test-chat"

    run(settings, scenario)


WRONG_BODIES: tuple[tuple[bytes, str | None, str], ...] = (
    (b"", None, "not valid JSON"),
    (b"{", None, "not valid JSON"),
    (b'{"kind": NaN}', None, "not valid JSON"),
    (b'{"kind":"image","input":{"prompt":"\xff"}}', None, "not valid JSON"),
    (b'{"kind":"image","input":{"prompt":"\\ud800"}}', None, "not valid JSON"),
    (b'{"kind":"image","input":{"prompt":1e999}}', None, "not valid JSON"),
    (b"[" * 100_000, "", "nested deeper"),
    (
        b'{"kind":"image","input":{"prompt":' + b"[" * 900 + b"]" * 900 + b"}}",
        "/input/prompt/0/0",
        "nested deeper",
    ),
    (b"[]", "", "must be an object"),
    (b"null", "", "must be an object"),
    (b'{"input":{}}', "/kind", "Field required"),
    (b'{"kind":"imag","input":{}}', "/kind", "'image', 'chat'"),
    (b'{"kind":"image","input":{"prompt":"a"},"lain":"fast"}', "/lain", "'lane'"),
    (b'{"kind":"image","input":{"prompt":"a"},"priority":"5"}', "/priority", "integer"),
    (b'{"kind":"image","input":{"prompt":"a"},"priority":10}', "/priority", "less than"),
    (
        b'{"kind":"image","input":{"prompt":"a"},"metadata":{"a":1}}',
        "/metadata/a",
        "string",
    ),
    (
        b'{"kind":"image","input":{"prompt":"a"},"webhook":{"url":"http://x","event":[]}}',
        "/webhook/event",
        "'events'",
    ),
    (
        b'{"kind":"image","input":{"prompt":"a"},"webhook":{"url":"ftp://x"}}',
        "/webhook/url",
        "must be a URL",
    ),
    (b'{"kind":"image","input":{}}', "/input/prompt", "Field required"),
    (b'{"kind":"image","input":{"prompt":"a","sed":1}}', "/input/sed", "seed"),
    (b'{"kind":"image","input":{"prompt":"a","n":11}}', "/input/n", "less than"),
    (b'{"kind":"image","input":{"prompt":"a\\u0000b"}}', "/input/prompt", "U+0000"),
    (
        b'{"kind":"image","input":{"prompt":"a"},"metadata":{"x/\\u0000":"b"}}',
        "/metadata",
        "U+0000",
    ),
    (
        b'{"kind":"image","input":{"prompt":"a","extra_body":{"a":[1,"\\u0000"]}}}',
        "/input/extra_body/a/1",
        "U+0000",
    ),
)


def test_a_wrong_body_is_refused_with_its_place(
    settings: Settings, subtests: pytest.Subtests
) -> None:
    async def scenario(api: Served) -> None:
        for body, place, message in WRONG_BODIES:
            with subtests.test(body=body):
                answer = await api.http.post("/v1/jobs", content=body, headers=JSON)

                problem = answer.json()
                assert answer.status_code == problem["status"] == 400, problem
                assert answer.headers["content-type"] == "application/problem+json"
                assert problem["code"] == problem["error"]["code"] == "invalid_request"
                if place is None:
                    assert message in problem["detail"]
                else:
                    assert message in pointers(answer)[place]

    run(settings, scenario)


def test_an_escaped_backslash_before_u0000_is_no_nul(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        body = b'{"kind":"image","input":{"prompt":"a \\\\u0000 b"}}'
        answer = await api.http.post("/v1/jobs", content=body, headers=JSON)

        assert answer.status_code == 202
        assert answer.json()["input"]["prompt"] == "a \\u0000 b"

    run(settings, scenario)


def test_what_is_accepted_comes_back_however_odd(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        deep = b"[" * 28 + b"]" * 28
        odd = b'{"big":1e30,"wide":123456789012345678901234567890,"deep":' + deep + b"}"
        body = b'{"kind":"image","input":{"prompt":"\\ud83d\\udc3a","extra_body":' + odd + b"}}"
        answer = await api.http.post("/v1/jobs", content=body, headers=JSON)
        assert answer.status_code == 202, answer.text
        shown = await api.http.get(f"/v1/jobs/{answer.json()['id']}")
        listed = await api.http.get("/v1/jobs")

        assert shown.status_code == listed.status_code == 200
        assert shown.json()["input"] == listed.json()["data"][0]["input"]
        assert shown.json()["input"]["prompt"] == "\N{WOLF FACE}"
        assert float(shown.json()["input"]["extra_body"]["big"]) == 1e30

    run(settings, scenario)


def test_every_fault_is_named_at_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        body = {"kind": "x", "input": 1, "priority": -1, "colour": "red"}
        answer = await api.http.post("/v1/jobs", json=body)

        assert set(pointers(answer)) == {"/kind", "/input", "/priority", "/colour"}
        assert answer.json()["error"]["param"] == "kind"

    run(settings, scenario)


def test_an_unknown_model_is_404_and_says_which_there_are(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        answer = await api.http.post("/v1/jobs", json={**IMAGE, "model": "dall-e-9"})

        assert answer.status_code == 404
        assert answer.json()["code"] == "model_not_found"
        assert "test-image" in answer.json()["detail"]

    run(settings, scenario)


def test_a_body_over_the_limit_is_413_however_it_is_sent(settings: Settings) -> None:
    async def chunks() -> AsyncGenerator[bytes]:
        for _ in range(64):
            yield b" " * 1024

    async def scenario(api: Served) -> None:
        for body in (b" " * 65536, chunks()):
            answer = await api.http.post("/v1/jobs", content=body, headers=JSON)

            assert answer.status_code == 413
            assert answer.json()["code"] == "payload_too_large"
            assert "2048" in answer.json()["detail"]

        exact = json_bytes(IMAGE).ljust(2048)
        answer = await api.http.post("/v1/jobs", content=exact, headers=JSON)
        assert answer.status_code == 202

    run(settings.model_copy(update={"max_body_bytes": 2048}), scenario)


CONTENT_TYPES: tuple[tuple[dict[str, str], int], ...] = (
    ({"Content-Type": "application/json; charset=utf-8"}, 202),
    ({"Content-Type": "Application/JSON"}, 202),
    ({"Content-Type": "application/vnd.genq+json"}, 202),
    ({}, 202),
    ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ({"Content-Type": "text/json"}, 415),
    ({"Content-Type": ""}, 415),
    ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
)


def test_only_plain_json_is_read(settings: Settings, subtests: pytest.Subtests) -> None:
    async def scenario(api: Served) -> None:
        for headers, status in CONTENT_TYPES:
            with subtests.test(headers=headers):
                body = json_bytes(IMAGE)
                answer = await api.http.post("/v1/jobs", content=body, headers=headers)

                assert answer.status_code == status
                if status == 415:
                    assert answer.json()["code"] == "unsupported_media_type"

    run(settings, scenario)
