"""What becomes of the pictures of a job that insists on tags of its model server."""

import json
import re
from pathlib import Path
from typing import Any

from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.settings import Settings
from schemas.ids import parse_id
from tests.fixtures.studio import Studio, play

Job = dict[str, Any]


def test_what_is_made_of_a_private_jobs_pictures_is_as_private(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario(studio: Studio) -> None:
        async def insist(job: Job, *tags: str) -> None:
            said = text(
                "UPDATE payload SET body = body || CAST(:it AS jsonb) WHERE job_id = :id"
            )
            body = {"it": json.dumps({"requires": tags}), "id": parse_id("job", job["id"])}
            async with transaction(studio.api.services.engine) as connection:
                await connection.execute(said, body)

        job, other = await studio.imagine(), await studio.imagine()
        await insist(job, "private")
        await insist(other, "eu")
        pictures = [f"{job['id']}/0", f"{other['id']}/0"]
        refused = await studio.ask(job, "vary")
        assert refused.json()["code"] == "no_permitted_server"
        # genq's own filter is on no server at all; what it makes is as private.
        larger = await studio.act(job, "upscale")
        both = await studio.ask(larger, "blend", images=[pictures[1]])
        assert (both.status_code, "eu, private" in both.text) == (422, True), both.text
        await insist(other, *"abcdefgh")
        many = await studio.ask(larger, "blend", images=[pictures[1]])
        assert (many.status_code, "insist on 9 tags" in many.text) == (409, True), many.text

        asked = {"prompt": "in the rain", "images": pictures[:1]}
        plain = await studio.api.submit({"kind": "image_edit", "input": asked})
        await studio.work()
        error = (await studio.look(plain["id"]))["error"]
        assert error["code"] == "invalid_request"
        assert re.search(
            r"/images/0 is of a job that insists on .*\(private\)", error["message"]
        )

    play(settings, tmp_path, scenario)
