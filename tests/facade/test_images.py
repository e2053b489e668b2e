"""Pictures through OpenAI's clients: both keys, either one, links, and edits of others."""

import asyncio
import base64
from io import BytesIO
from typing import Any

import httpx2
import pytest
from openai import BadRequestError
from PIL import Image
from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.postgres.erase_content import erase_content
from infra.settings import Settings
from schemas.ids import parse_id
from tests.facade.scene import SHORT, Scene, play

IMAGE: dict[str, Any] = {"model": "test-image", "prompt": "a red kite"}
EDIT: dict[str, Any] = {"model": "test-edit", "prompt": "make it blue"}
MADE = {"usage": {"input_tokens": 4, "output_tokens": 100}, "revised_prompts": ["a kite", ""]}


def png(colour: str = "red", size: tuple[int, int] = (8, 8), form: str = "PNG") -> bytes:
    data = BytesIO()
    Image.new("RGBA" if form == "PNG" else "RGB", size, colour).save(data, form)
    return data.getvalue()


def url_of(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()


async def input_of(here: Scene, job: str) -> dict[str, Any]:
    return (await here.api.http.get(f"/v1/jobs/{job}")).json()["input"]


async def file_of(here: Scene, file_id: str) -> bytes:
    answer = await here.api.http.get(f"/v1/files/{file_id}/content")
    assert answer.status_code == 200, answer.text
    return answer.content


def test_pictures_come_with_both_keys_or_with_the_one_that_was_asked_for(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        generate: Any = here.client.images.generate
        for wanted in (None, "url", "b64_json"):
            more = {"response_format": wanted} if wanted else {}
            asked = asyncio.create_task(
                generate(**IMAGE, **more, n=2, size="auto", quality="high", moderation="low")
            )
            job = await here.job()
            await here.api.end(job, pictures=[b"one", b"two"], result=MADE)
            answer = await asked
            assert answer.data is not None
            for picture, made in zip(answer.data, (b"one", b"two"), strict=True):
                assert (picture.b64_json is None) == (wanted == "url")
                assert (picture.url is None) == (wanted == "b64_json")
                if picture.b64_json:
                    assert base64.b64decode(picture.b64_json) == made
                if picture.url:
                    async with httpx2.AsyncClient() as anybody:
                        assert (await anybody.get(picture.url)).content == made
            assert [one.revised_prompt for one in answer.data] == ["a kite", None]
            assert (answer.size, answer.quality, answer.output_format) == ("8x8", "high", "png")
            assert answer.usage is not None
            assert answer.usage.total_tokens == 104
            assert answer.usage.input_tokens_details.text_tokens == 4
            assert answer.model_extra is not None
            assert answer.model_extra["genq"]["job_id"] == job

    play(settings, scenario)


def test_what_is_not_done_for_pictures_is_refused_by_name(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        generate: Any = here.client.images.generate
        refused: tuple[tuple[dict[str, Any], str, str], ...] = (
            ({"stream": True}, "unsupported_parameter", "stream"),
            ({"partial_images": 2}, "unsupported_parameter", "partial_images"),
            ({"extra_body": {"svg": {}}}, "unsupported_parameter", "svg"),
            ({"output_format": "gif"}, "invalid_request", "output_format"),
            ({"response_format": "jpg"}, "invalid_request", "response_format"),
            ({"n": 11}, "invalid_request", "n"),
            ({"extra_body": {"promt": 1}}, "invalid_request", "promt"),
        )
        for more, code, param in refused:
            with pytest.raises(BadRequestError) as caught:
                await generate(**IMAGE, **more)
            assert (caught.value.code, caught.value.param) == (code, param)
        assert await here.jobs() == []

    play(settings, scenario)


def test_a_form_is_edited_and_its_pictures_stay_as_long_as_its_prompt(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        edit: Any = here.client.images.edit
        first, second, mask = png("red"), png("blue", form="JPEG"), png("black")
        asked = asyncio.create_task(
            edit(
                **EDIT,
                image=[("kite.png", first), ("sky.jpg", second)],
                mask=("mask.png", mask),
                n=1,
                size="1024x1024",
                response_format="b64_json",
                user="ada",
                extra_body={"genq": {"lane": "relax", "priority": 3, "tags": ["a", "b"]}},
            )
        )
        job = await here.job()
        given = await input_of(here, job)
        assert [await file_of(here, one) for one in given["images"]] == [first, second]
        assert await file_of(here, given["mask"]) == mask
        assert (given["n"], given["size"]) == (1, "1024x1024")
        shown = (await here.api.http.get(f"/v1/jobs/{job}")).json()
        assert (shown["kind"], shown["lane"], shown["priority"]) == ("image_edit", "relax", 3)
        assert (shown["end_user"], shown["tags"]) == ("ada", ["a", "b"])
        await here.api.end(job, pictures=[b"blue"], result=MADE)
        answer = await asked
        assert answer.data is not None
        assert answer.data[0].b64_json == base64.b64encode(b"blue").decode()

        # They are the job's, and no files that anybody looks for.
        assert (await here.api.http.get("/v1/files")).json()["data"] == []
        async with transaction(here.api.services.engine) as connection:
            await erase_content(connection, [parse_id("job", job)], prompts=True, results=False)
        gone = await here.api.http.get(f"/v1/files/{given['mask']}/content")
        assert gone.status_code == 404

    play(settings, scenario)


def test_a_repeated_form_attaches_and_leaves_no_second_copy(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        edit: Any = here.client.images.edit
        asked = asyncio.create_task(edit(**EDIT, image=("kite.png", png())))
        job = await here.job()
        files: list[Any] = []
        async with asyncio.timeout(10):
            while len(files) < 2:
                await asyncio.sleep(0.02)  # sleeps: the client comes back by itself
                files = await here.sql("SELECT job_id, deleted_at FROM file ORDER BY id")
                files = [one for one in files if one.job_id or one.deleted_at]
        await here.api.end(job, pictures=[b"blue"])
        assert (await asked).data
        assert [each["id"] for each in await here.jobs()] == [job]
        files = await here.sql("SELECT job_id, deleted_at FROM file ORDER BY id")
        kept = [one for one in files if one.deleted_at is None]
        assert [one.job_id for one in kept] == [parse_id("job", job)]

    play(settings, scenario, facade_max_hold=SHORT)


def test_json_names_pictures_and_what_is_no_picture_is_refused_at_the_door(
    settings: Settings, subtests: pytest.Subtests
) -> None:
    async def scenario(here: Scene) -> None:
        http = here.api.http
        file = await here.client.files.create(file=("a.png", png()), purpose="vision")
        named = [{"image_url": url_of(png())}, {"file_id": file.id}]
        body = {**EDIT, "images": named, "response_format": "url"}
        asked = asyncio.create_task(http.post("/v1/images/edits", json=body))
        job = await here.job()
        assert (await input_of(here, job))["images"] == [url_of(png()), file.id]
        await here.api.end(job, pictures=[b"blue"])
        assert list((await asked).json()["data"][0]) == ["url"]

        small = png(size=(4, 4))
        torn = png(size=(64, 64))[:-20]
        faults: tuple[tuple[str, dict[str, Any], str, str], ...] = (
            ("none", {}, "image", "needed"),
            ("word", {"images": ["a picture"]}, "images.0", "must be"),
            ("link", {"images": ["http://example.com/a.png"]}, "images.0", "https://"),
            ("inside", {"images": ["https://10.0.0.1/a.png"]}, "images.0", "not public"),
            ("secret", {"image": "https://a:b@x.example/a.png"}, "images.0", "password"),
            ("text", {"image": url_of(b"hello")}, "image.0", "not a PNG"),
            ("torn", {"image": url_of(torn)}, "image.0", "damaged"),
            ("base64", {"image": "data:image/png;base64,%%"}, "image.0", "base64"),
            ("file", {"images": [{"file_id": "file-" + "0" * 26}]}, "images.0", "no such file"),
            ("mask", {"images": [named[0]], "mask": url_of(small)}, "mask", "4 x 4"),
            ("jpeg mask", {"images": named, "mask": url_of(png(form="JPEG"))}, "mask", "PNG"),
            ("too many", {"images": [named[0]] * 17}, "images", "16"),
        )
        for about, given, param, word in faults:
            with subtests.test(about=about):
                answer = await http.post("/v1/images/edits", json={**EDIT, **given})
                assert answer.status_code == 400, answer.text
                error = answer.json()["error"]
                assert error["param"] == param
                assert word in error["message"]

    play(settings, scenario)


def test_a_form_that_cannot_be_edited_is_refused_and_nothing_is_stored(
    settings: Settings, subtests: pytest.Subtests
) -> None:
    kite = ("kite.png", png(), "image/png")

    async def scenario(here: Scene) -> None:
        faults: tuple[tuple[str, dict[str, str], list[Any], str], ...] = (
            ("no picture", {}, [], "image"),
            ("another", {}, [("other", kite)], "other"),
            ("empty", {}, [("image", ("a.png", b"", "image/png"))], "image.0"),
            ("text", {}, [("image", ("a.png", b"hello", "image/png"))], "image.0"),
            ("17", {}, [("image[]", kite)] * 17, "image"),
            ("two masks", {}, [("image", kite), ("mask", kite), ("mask", kite)], "mask"),
            ("n", {"n": "many"}, [("image", kite)], "n"),
            ("stream", {"stream": "true"}, [("image", kite)], "stream"),
            ("nul", {"genq[tags][]": "\x00"}, [("image", kite)], "genq.tags.0"),
            ("lane", {"genq[lane]": "none"}, [("image", kite)], "genq.lane"),
            ("markup", {}, [("image", kite), ("markup", kite)], "markup"),
        )
        for about, fields, files, param in faults:
            with subtests.test(about=about):
                answer = await here.api.http.post(
                    "/v1/images/edits",
                    data={**EDIT, **fields},
                    files=files or {"user": (None, "ada")},
                )
                assert answer.status_code == 400, answer.text
                assert answer.json()["error"]["param"] == param
        async with transaction(here.api.services.engine) as connection:
            left = await connection.execute(text("SELECT 1 FROM file WHERE deleted_at IS NULL"))
            assert left.all() == []

    play(settings, scenario)
