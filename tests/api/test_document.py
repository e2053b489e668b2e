"""The OpenAPI document is complete, and true."""

from typing import Any, cast

import orjson
import pytest
from pydantic import BaseModel

from infra.settings import Settings
from producer.api.document_models import Problem
from producer.api.examples import CHAT_REQUEST, IMAGE_REQUEST, JOB, PROBLEM
from producer.check_input import check_input
from schemas.job import JobRequest, JobView
from tests.api.served import Served, run
from tests.architecture.openapi import FILE


async def document(api: Served) -> dict[str, Any]:
    answer = await api.http.get("/openapi.json", headers={"Authorization": ""})
    assert answer.status_code == 200
    return answer.json()


def operations(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    }


def references(value: object) -> set[str]:
    found: set[str] = set()
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            members = cast("dict[str, object]", current)
            found |= {v for name, v in members.items() if name == "$ref" and isinstance(v, str)}
            pending.extend(members.values())
        elif isinstance(current, list):
            pending.extend(cast("list[object]", current))
    return found


def test_every_operation_is_told_in_full(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        told = await document(api)
        found = operations(told)

        assert told["openapi"].startswith("3.1")
        assert told["info"]["license"]["identifier"] == "Apache-2.0"
        assert told["servers"] == [{"url": api.url}]
        # A route that comes or goes is seen where the committed document changes.
        assert set(found) == set(operations(orjson.loads(FILE.read_bytes())))
        tags = {tag["name"] for tag in told["tags"]}
        for name, operation in found.items():
            assert operation["summary"], name
            assert operation["description"], name
            assert set(operation["tags"]) <= tags, name
            assert all(answer["description"] for answer in operation["responses"].values())
            # Links to artifacts work without a key.
            if "/v1/" in name and "{token}" not in name:
                assert operation["security"] == [{"bearer": []}], name
                assert {"401", "403", "500", "503"} <= set(operation["responses"]), name
            else:
                assert operation["security"] == [], name
        names = [operation["operationId"] for operation in found.values()]
        assert len(set(names)) == len(names)

    run(settings, scenario)


def test_every_reference_leads_somewhere(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        told = await document(api)
        there = {
            f"#/components/{kind}/{name}"
            for kind, named in told["components"].items()
            for name in named
        }

        assert references(told) <= there
        assert "HTTPValidationError" not in told["components"]["schemas"]
        assert told["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"

    run(settings, scenario)


def test_the_answers_of_submit_are_told(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        submit = operations(await document(api))["POST /v1/jobs"]
        statuses = {"200", "202", "400", "401", "402", "403", "404", "409", "413", "415", "422"}
        statuses |= {"429", "500", "503"}

        assert set(submit["responses"]) == statuses
        accepted = submit["responses"]["202"]
        assert accepted["content"]["application/json"]["schema"] == {
            "$ref": "#/components/schemas/JobView"
        }
        assert "Location" in accepted["headers"]
        problem = submit["responses"]["400"]["content"]
        assert list(problem) == ["application/problem+json"]
        assert {p["name"] for p in submit["parameters"]} == {"Idempotency-Key", "Prefer"}

    run(settings, scenario)


def test_the_job_and_its_request_are_told_field_by_field(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        schemas = (await document(api))["components"]["schemas"]

        assert list(schemas["JobView"]["properties"]) == list(JobView.model_fields)
        assert schemas["JobView"]["required"] == list(JobView.model_fields)
        assert list(schemas["JobRequest"]["properties"]) == list(JobRequest.model_fields)
        assert "prompt" in schemas["ImageInput"]["properties"]
        assert "messages" in schemas["ChatInput"]["properties"]

    run(settings, scenario)


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (JobRequest, IMAGE_REQUEST),
        (JobRequest, CHAT_REQUEST),
        (JobView, JOB),
        (Problem, PROBLEM),
    ],
)
def test_every_example_is_right(model: type[BaseModel], example: dict[str, Any]) -> None:
    checked = model.model_validate(example)

    if isinstance(checked, JobRequest):
        check_input(checked)
    else:
        assert checked.model_dump(mode="json", exclude_unset=True) == example


def test_the_examples_are_accepted(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for example in (IMAGE_REQUEST, CHAT_REQUEST):
            await api.submit(example)

    run(settings, scenario)
