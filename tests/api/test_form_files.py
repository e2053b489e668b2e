"""The files of a form: of which job they are, for how long, and when they go."""

import asyncio
from datetime import timedelta
from typing import Any, Final

from infra.postgres.engine import transaction
from infra.postgres.tenants import ensure_tenant
from infra.settings import Settings
from infra.spool import open_spool
from producer.api.form_files import FormFiles
from producer.openai.form_pictures import FormPicture
from schemas.errors import DatabaseUnavailableError, InputError
from tests.api.served import SECRET, Served, run
from tests.api.test_job_forms import KITE, MASK, SNOW, post
from tests.api.uploading import rows_of
from tests.fixtures.model_server import png

MISSHAPEN: Final[dict[str, tuple[Any, list[tuple[str, Any]], str, str]]] = {
    "a text for pictures": (
        {"kind": "image_edit", "input": {"prompt": "a", "images": "abc"}},
        [("mask", MASK)],
        "/input/images",
        "list",
    ),
    "a number for pictures": (
        {"kind": "image_edit", "input": {"prompt": "a", "images": 5}},
        [("mask", MASK)],
        "/input/images",
        "list",
    ),
    "an object for pictures": (
        {"kind": "image_edit", "input": {"prompt": "a", "images": {"a": 1}}},
        [("mask", MASK)],
        "/input/images",
        "list",
    ),
    "an object for a picture": (
        {"kind": "image_edit", "input": {"prompt": "a", "images": [{}]}},
        [("mask", MASK)],
        "/input/images/0",
        "string",
    ),
    "an object for a mask": (
        {"kind": "image_edit", "input": {"prompt": "a", "mask": {}}},
        [("image", KITE)],
        "/input/mask",
        "string",
    ),
    **{
        f"{messages} for messages": (
            {"kind": "chat", "input": {"messages": messages}},
            [],
            place,
            "",
        )
        for messages, place in (
            ("abc", "/input/messages"),
            (["x"], "/input/messages/0"),
            (5, "/input/messages"),
        )
    },
}


def test_what_has_another_shape_beside_the_pictures_of_a_form_is_refused_with_its_place(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        for about, (job, parts, pointer, word) in MISSHAPEN.items():
            status, problem = await post(api, job, *parts)
            assert status == 400, (about, problem)
            assert pointer in [one["pointer"] for one in problem["errors"]], (about, problem)
            assert word in str(problem["errors"]), (about, problem)
        assert await rows_of(api, "SELECT * FROM file WHERE deleted_at IS NULL") == []

    run(settings, scenario)


def test_files_are_the_job_s_as_soon_as_it_is_there_and_stay_until_its_end(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        status, job = await post(api, {**SNOW, "deadline": 172_800}, ("image", KITE))
        assert status == 202, job
        (row,) = await rows_of(
            api,
            "SELECT f.xmin = j.xmin AS together, f.expires_at >= j.deadline + interval '1 day'"
            " AS stays FROM file f JOIN job j ON j.id = f.job_id",
        )
        assert (row.together, row.stays) == (True, True)

    run(settings.model_copy(update={"file_expiry": timedelta(hours=1)}), scenario)


def test_the_pictures_stay_of_a_form_whose_job_may_have_been_accepted(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        async with transaction(api.services.engine) as connection:
            tenant = await ensure_tenant(
                connection, "acme", max_inflight=1000, webhook_secret=SECRET
            )
        for error, stays in (
            (DatabaseUnavailableError("nobody answers"), True),
            (asyncio.CancelledError(), True),
            (InputError("wrong"), False),
        ):
            async with open_spool(settings) as spool:
                await spool.add(png())
                await spool.finish()
                files = FormFiles(api.services, tenant)
                await files.store([FormPicture(spool, "sha256:a", "a.png", "/image")], {})
            await files.fail(error)
            (row,) = await rows_of(
                api, "SELECT deleted_at IS NULL AS stays FROM file ORDER BY id DESC LIMIT 1"
            )
            assert row.stays is stays, error

    run(settings, scenario)
