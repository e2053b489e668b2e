"""POST /v1/jobs as a form: a job, and the pictures that it begins with."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image

from genq import AsyncGenq, ConfigurationError, InvalidRequestError
from infra.settings import Settings
from producer.openai.form_pictures import MOST_BYTES, hold_declared
from schemas.errors import PayloadTooLargeError
from tests.api.served import Served, pointers, run
from tests.api.uploading import objects_of, rows_of
from tests.fixtures.model_server import png
from tests.fixtures.pictures import encoded, scene

SNOW: Final[dict[str, Any]] = {"kind": "image_edit", "input": {"prompt": "make it snow"}}
LOOK: Final[dict[str, Any]] = {
    "kind": "chat",
    "input": {"messages": [{"role": "user", "content": "what?"}]},
}
KITE: Final = ("kite.png", png(), "image/png")
MASK: Final = ("mask.png", encoded(scene(1).convert("RGBA").resize((12, 8))), "image/png")
URL: Final = "https://example.com/a.png?token=x"


async def post(
    api: Served, job: Any, *parts: tuple[str, Any], key: str | None = None
) -> tuple[int, dict[str, Any]]:
    text = job if isinstance(job, str) else json.dumps(job)
    answer = await api.http.post(
        "/v1/jobs",
        files=[("job", (None, text)), *parts],
        headers={"idempotency-key": key} if key else {},
    )
    return answer.status_code, answer.json()


def test_the_pictures_of_a_form_become_files_of_the_job(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        named = {**SNOW, "input": {**SNOW["input"], "images": [URL]}}
        parts = [
            ("image[]", KITE),
            ("images", ("other.jpg", encoded(scene(2), "JPEG"), "image/jpeg")),
            ("image", (None, "job_" + "0" * 26 + "/0")),
            ("mask", MASK),
        ]
        status, job = await post(api, named, *parts)
        assert status == 202, job
        given = job["input"]
        assert given["images"][0] == URL
        assert given["images"][3].startswith("job_")
        stored = [*given["images"][1:3], given["mask"]]
        rows = await rows_of(api, "SELECT * FROM file ORDER BY id")
        assert [row.filename for row in rows] == ["kite.png", "other.jpg", "mask.png"]
        assert {row.purpose for row in rows} == {"vision"}
        assert [row.content_type for row in rows] == ["image/png", "image/jpeg", "image/png"]
        assert len({row.job_id for row in rows}) == 1
        assert rows[0].job_id is not None
        for name, data in zip(stored, (KITE[1], None, MASK[1]), strict=True):
            content = await api.http.get(f"/v1/files/{name}/content")
            assert content.status_code == 200
            assert data is None or content.content == data

    run(settings, scenario)


def test_a_mask_is_for_what_people_see_and_a_conversation_shows_pictures(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        # Here the camera lay on its side.
        told = Image.Exif()
        told[0x0112] = 6
        photo = encoded(scene(3).resize((400, 300)), "JPEG", exif=told.tobytes())
        mask = encoded(scene(1).convert("RGBA").resize((300, 400)))
        status, job = await post(
            api, SNOW, ("image", ("a.jpg", photo)), ("mask", ("m.png", mask))
        )
        assert status == 202, job
        # A conversation shows them behind the last words of a person.
        status, job = await post(api, LOOK, ("image", KITE), ("image[]", (None, URL)))
        assert status == 202, job
        text, first, second = job["input"]["messages"][0]["content"]
        assert text == {"type": "text", "text": "what?"}
        assert first["image_url"]["url"].startswith("file-")
        assert second["image_url"] == {"url": URL}

    run(settings, scenario)


def test_a_repeated_form_is_the_same_job_and_stores_nothing_twice(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        _, first = await post(api, SNOW, ("image", KITE), key="k1")
        status, again = await post(api, SNOW, ("image", KITE), key="k1")
        assert (status, again["id"]) == (202, first["id"])
        assert again["input"] == first["input"]
        rows = await rows_of(api, "SELECT * FROM file WHERE deleted_at IS NULL")
        assert len(rows) == 1
        other = ("kite.png", png("blue"), "image/png")
        status, problem = await post(api, SNOW, ("image", other), key="k1")
        assert (status, problem["code"]) == (422, "idempotency_key_reused")
        rows = await rows_of(api, "SELECT * FROM file WHERE deleted_at IS NULL")
        assert len(rows) == 1

    run(settings, scenario)


def test_the_sdk_takes_paths_bytes_files_urls_and_ids(
    settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "kite.png"
    path.write_bytes(png())

    async def scenario(api: Served) -> None:
        async with AsyncGenq(api.key, api.url) as client:
            with path.open("rb") as file:
                job = await client.jobs.create(
                    **SNOW, images=[path, str(path), png("blue"), file, URL], mask=MASK[1]
                )
            given: Any = job.raw["input"]
            path_, text, other, opened, url = given["images"]
            # Three are one file.
            assert path_ == text == opened
            assert {path_[:5], other[:5], given["mask"][:5]} == {"file-"}
            assert (url, path_ == other) == (URL, False)
            plain = await client.jobs.create(**LOOK)
            assert plain.raw["input"] == LOOK["input"]
            asked = await client.jobs.create(**LOOK, images=[path])
            assert "file-" in str(asked.raw["input"])
            with pytest.raises(InvalidRequestError, match="PNG"):
                await client.jobs.create(**SNOW, images=[b"<svg/>"])
            with pytest.raises(ConfigurationError, match="is a list"):
                await client.jobs.create(**SNOW, images=str(path))

    run(settings, scenario)


SMALL: Final = ("m.png", encoded(scene(1).convert("RGBA").resize((4, 4))), "image/png")
WRONG: Final[dict[str, tuple[Any, list[tuple[str, Any]], str, str]]] = {
    "no JSON": ("{", [("image", KITE)], "/job", "not valid JSON"),
    "no object": ([], [("image", KITE)], "/job", "must be an object"),
    "no input": ({"kind": "image_edit"}, [("image", KITE)], "/input", "must be an object"),
    "twice": (SNOW, [("job", (None, "{}"))], "/job", "given twice"),
    "unknown part": (SNOW, [("picture", KITE)], "/picture", "unknown part"),
    "no picture": (
        SNOW,
        [("image", ("a.png", b"<svg/>", "image/png"))],
        "/input/images/0",
        "not a",
    ),
    "empty": (SNOW, [("image", ("a.png", b"", "image/png"))], "/input/images/0", "empty"),
    "no pictures at all": (SNOW, [], "/input/images", "required"),
    "two masks": (SNOW, [("mask", MASK), ("mask", MASK)], "/input/mask", "twice"),
    "a small mask": (SNOW, [("image", KITE), ("mask", SMALL)], "/input/mask", "4 x 4"),
    "too many": (SNOW, [("image[]", KITE)] * 17, "/input/images", "16"),
    "a kind without": (
        {"kind": "image", "input": {"prompt": "a"}},
        [("image", KITE)],
        "/image",
        "only jobs",
    ),
    "a mask without": (LOOK, [("mask", MASK)], "/mask", "only jobs"),
    "nobody asks": (
        {"kind": "chat", "input": {"messages": [{"role": "system", "content": "a"}]}},
        [("image", KITE)],
        "/input/messages",
        "no message",
    ),
    "a wrong job": ({**SNOW, "lain": "x"}, [("image", KITE)], "/lain", "lane"),
    "a wrong model": ({**SNOW, "model": "none"}, [("image", KITE)], "/model", "no model"),
    "a wrong URL": (
        SNOW,
        [("image", (None, "http://example.com/a"))],
        "/input/images/0",
        "https",
    ),
}


def test_a_form_that_is_wrong_is_refused_with_its_place_and_leaves_nothing(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        for about, (job, parts, pointer, word) in WRONG.items():
            status, problem = await post(api, job, *parts)
            assert status in {400, 404}, (about, problem)
            assert pointer in [one["pointer"] for one in problem["errors"]], (about, problem)
            assert word in str(problem["errors"]), (about, problem)
        answer = await api.http.post("/v1/jobs", files={"image": KITE})
        assert answer.status_code == 400
        assert list(pointers(answer)) == ["/job"]
        assert await rows_of(api, "SELECT * FROM job") == []
        assert await rows_of(api, "SELECT * FROM file WHERE deleted_at IS NULL") == []
        assert len(objects_of(api)) <= 1

    run(settings, scenario)


def test_a_form_that_says_it_is_too_large_is_not_read() -> None:
    for said in ("", "-1", "x", str(MOST_BYTES)):
        hold_declared(said)
    with pytest.raises(PayloadTooLargeError):
        hold_declared(str(MOST_BYTES + 100_000))
