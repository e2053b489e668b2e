"""Whoever reads the document sees an example of everything, and each of them is right."""

from datetime import timedelta
from typing import Any

import orjson
from jsonschema_rs import Draft202012Validator

from infra.settings import Settings
from producer.api.problems import MEANINGS
from producer.openai.endpoints import CALLS
from schemas.error_remedies import JOB_CODES
from schemas.scopes import KeyScope
from tests.api.served import Served, new_key, run
from tests.architecture.openapi import FILE


def document() -> dict[str, Any]:
    return orjson.loads(FILE.read_bytes())


def contents(told: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every body of a request or an answer that has a schema, with its place."""
    found: list[tuple[str, dict[str, Any]]] = []
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
            for name, body in bodies.items():
                for media_type, content in body.get("content", {}).items():
                    if content.get("schema"):
                        found.append((f"{method} {path} {name} {media_type}", content))
    return found


def examples(told: dict[str, Any], content: dict[str, Any]) -> list[Any]:
    if "example" in content:
        return [content["example"]]
    names = [one["$ref"].rpartition("/")[2] for one in content.get("examples", {}).values()]
    return [told["components"]["examples"][name]["value"] for name in names]


def test_every_body_has_an_example_that_fits_its_schema() -> None:
    told = document()
    found = contents(told)

    assert len(found) > 100
    # Of the components, those that a schema may name: all are translated for each schema, and
    # most answers share one.
    schemas = {"schemas": told["components"]["schemas"]}
    known: dict[bytes, Draft202012Validator] = {}
    for place, content in found:
        shown = examples(told, content)
        assert shown, place
        key = orjson.dumps(content["schema"])
        if key not in known:
            known[key] = Draft202012Validator({**content["schema"], "components": schemas})
        schema = known[key]
        for example in shown:
            faults = [str(fault) for fault in schema.iter_errors(example)]
            assert not faults, (place, faults[0])


def test_every_error_names_its_codes_and_every_code_is_named() -> None:
    told = document()
    named: set[str] = set()
    for methods in told["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if "application/problem+json" in answer.get("content", {}):
                    codes = answer["x-error-codes"]
                    assert codes
                    assert {MEANINGS[code].status for code in codes} == {int(status)}
                    named |= set(codes)

    # A connection or a path that fits no operation has no place in the document.
    nowhere = {"request_timeout", "headers_too_large", "method_not_allowed"}
    # What goes wrong in a chat is told there; its platform gets no error.
    nowhere |= {
        "chat_pressed",
        "chat_queue_full",
        "chat_platform_unreachable",
        "chat_setup_refused",
    }
    # A call that is held for its job is answered with what stands in the job's error.
    assert named - JOB_CODES == MEANINGS.keys() - JOB_CODES - nowhere


def test_what_an_answer_shows_leads_to_what_can_be_asked_next() -> None:
    told = document()
    links = told["paths"]["/v1/jobs"]["post"]["responses"]["202"]["links"]

    assert {"get_job", "cancel_job", "watch_job"} <= links.keys()
    known = {
        one["operationId"] for methods in told["paths"].values() for one in methods.values()
    }
    assert {one["operationId"] for one in told["components"]["links"].values()} <= known


async def uploaded(api: Served, headers: dict[str, str]) -> str:
    made = await api.http.post(
        "/v1/files",
        data={"purpose": "batch"},
        files={"file": ("a.jsonl", b"{}")},
        headers=headers,
    )
    return made.json()["id"]


def test_every_request_example_is_taken_by_the_api(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        told = document()
        operator = await new_key(api.services, "operator", *KeyScope)
        headers = {"Authorization": f"Bearer {operator}"}
        file = await uploaded(api, headers)
        for path, methods in told["paths"].items():
            for method, operation in methods.items():
                contents = operation.get("requestBody", {}).get("content", {})
                # A picture is no JSON; other tests send some.
                for content in (contents[one] for one in contents if one.endswith("json")):
                    for example in examples(told, content):
                        # Models have other names here, and no worker makes anything.
                        asked = example | {"model": None} if path in CALLS else example
                        if "input_file_id" in asked:
                            asked = asked | {"input_file_id": file}
                        answer = await api.http.request(
                            method, path, json=asked, headers=headers
                        )
                        # The id in the path is a placeholder.
                        fine = {200, 201, 202, 204} if "{" not in path else {200, 404}
                        fine |= {408} if path in CALLS else set[int]()
                        # No bot is configured; its platform signs, which no example can.
                        fine = {404} if path.startswith("/chat/") else fine
                        assert answer.status_code in fine, (method, path, answer.text)

    held = {"facade_max_hold": timedelta(milliseconds=20)}
    run(settings.model_copy(update=held), scenario)
