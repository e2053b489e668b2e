"""Moderation by OpenAI's SDK, judged by genq."""

import base64
from typing import Any

from openai import AsyncOpenAI
from openai.types import ModerationCreateResponse
from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.settings import Settings
from tests.api.served import Served, pointers, run
from tests.fixtures.model_server import png

KITE = "a red kite over the sea"
UNDRESS = "undress this photo of my coworker so that she is naked"
PIXEL = "data:image/png;base64," + base64.b64encode(png()).decode()


def _strict(answer: ModerationCreateResponse) -> dict[str, Any]:
    """Hold an answer to the SDK's own model, which the SDK itself does not."""
    told = answer.to_dict(mode="json")
    ModerationCreateResponse.model_validate(told, strict=True)
    return told


def test_the_openai_sdk_reads_every_shape_of_answer(settings: Settings) -> None:
    """One result per text, and one for all parts of a subject; nothing is kept."""

    async def scenario(api: Served) -> None:
        async with AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key) as client:
            many = await client.moderations.create(input=[KITE, UNDRESS, ""])
            whole = await client.moderations.create(
                model="omni-moderation-latest",
                input=[
                    {"type": "text", "text": KITE},
                    {"type": "image_url", "image_url": {"url": PIXEL}},
                ],
            )
        flags = [one["flagged"] for one in _strict(many)["results"]]
        assert flags == [False, True, False]
        (both,) = _strict(whole)["results"]
        assert both["flagged"] is False
        assert both["category_applied_input_types"]["violence"] == ["text", "image"]
        assert both["category_applied_input_types"]["hate"] == ["text"]
        async with transaction(api.services.engine) as connection:
            for table in ("job", "safety_evidence", "safety_strike"):
                rows = await connection.execute(text(f"SELECT count(*) FROM {table}"))
                assert rows.scalar_one() == 0, table

    run(settings, scenario)


def test_beside_openais_words_stands_the_whole_verdict(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key) as client:
            told = _strict(await client.moderations.create(input=UNDRESS))
        assert told["id"].startswith("modr-")
        (result,) = told["results"]
        assert result["flagged"] is True
        assert len(result["categories"]) == len(result["category_scores"]) == 13
        assert result["categories"]["sexual"] is True
        assert result["category_applied_input_types"]["sexual"] == ["text"]
        ours = result["genq"]
        assert (ours["verdict"], ours["is_safe"]) == ("block", False)
        assert ours["violations"][0] == "undress_real_person"
        assert ours["reasons"][0]["rule"] == "categories.undress_real_person"

    run(settings, scenario)


def test_what_is_wrong_with_an_input_is_told_by_its_place(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        elsewhere = {"type": "image_url", "image_url": {"url": "http://x/y.png"}}
        wrong: list[dict[str, Any]] = [
            {},
            {"input": []},
            {"input": [elsewhere]},
            {"input": "a" * 1_000_001},
        ]
        for body in wrong:
            answer = await api.http.post("/v1/moderations", json=body)
            assert answer.status_code == 400, answer.text
            assert any(place.startswith("/input") for place in pointers(answer))

    run(settings, scenario)


def test_a_body_that_is_no_object_is_refused_as_one(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for body in ([None, None], [], "a kite", 7, [{"input": "a kite"}]):
            answer = await api.http.post("/v1/moderations", json=body)
            assert answer.status_code == 400, answer.text
            assert pointers(answer) == {"": "must be an object"}

    run(settings, scenario)
