"""What is made of a job's pictures, from the call to the end, against the simulator."""

import asyncio
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text

from genq.cli.app import run as run_command
from infra.postgres.engine import transaction
from infra.settings import Settings
from schemas.ids import parse_id
from tests.api.served import new_key
from tests.api.test_budgets import set_budget
from tests.fixtures.studio import Studio, play

Job = dict[str, Any]
Capture = pytest.CaptureFixture[str]


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data)).convert("RGB")


def pixels(data: bytes) -> bytes:
    return opened(data).tobytes()


async def count(studio: Studio, table: str) -> int:
    async with transaction(studio.api.services.engine) as connection:
        return (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()


async def tree_printed(studio: Studio, job: Job, capsys: Capture) -> list[str]:
    capsys.readouterr()
    line = ["tree", job["id"], "--url", studio.api.url, "--api-key", studio.api.key]
    assert await asyncio.to_thread(run_command, line) == 0
    return [one for one in capsys.readouterr().out.splitlines() if "http_request" not in one]


def test_a_picture_goes_from_imagine_over_vary_and_upscale_to_a_replay(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario(studio: Studio) -> None:
        first = await studio.imagine(n=2)
        varied = await studio.act(first, "vary", index=1, strength="strong")
        assert varied["input"]["images"] == [f"{first['id']}/1"]
        assert varied["input"]["prompt"].startswith("a red kite\n\nKeep the subject;")
        large = await studio.act(varied, "upscale", index=0)
        assert large["output"]["upscaled_by"] == "lanczos"
        small = opened(await studio.picture(varied))
        expected = small.resize((128, 128), Image.Resampling.LANCZOS)
        assert pixels(await studio.picture(large)) == expected.tobytes()
        again = await studio.act(first, "reroll")
        assert again["output"]["seed"] != first["output"]["seed"]
        assert await studio.picture(again) != await studio.picture(first)
        edited = await studio.edit(first)
        assert "seed" not in edited["input"]

        for job in (again, first, varied, large, edited):
            same = await studio.act(job, "replay")
            assert (same["cache"] or {"status": "off"})["status"] == "off"
            whole = [one["sha256"] for one in job["output"]["artifacts"]]
            assert [one["sha256"] for one in same["output"]["artifacts"]] == whole, job

    play(settings, tmp_path, scenario)


def test_the_tree_is_the_same_from_each_of_its_jobs_and_page_by_page(
    settings: Settings, tmp_path: Path, capsys: Capture
) -> None:
    async def scenario(studio: Studio) -> None:
        first = await studio.imagine(n=2)
        varied = await studio.act(first, "vary", index=1, strength="strong")
        large = await studio.act(varied, "upscale", index=0)
        await studio.act(first, "reroll")
        alone = await studio.edit(first)
        assert first["lineage"] is None
        assert large["lineage"] == {
            "root": first["id"], "parents": [varied["id"]], "action": "upscale",
        }  # fmt: skip

        found = (await studio.look(large["id"], "/tree"))["data"]
        assert [(one["action"], one["index"]) for one in found] == [
            (None, None), ("vary", 1), ("upscale", 0), ("reroll", None),
        ]  # fmt: skip
        assert found[0]["thumbnail"] == first["output"]["artifacts"][0]["url"]
        page = await studio.look(first["id"], "/tree?limit=3")
        rest = await studio.look(first["id"], f"/tree?limit=1000&after={page['next']}")
        assert (page["data"] + rest["data"], page["has_more"]) == (found, True)
        assert (await studio.look(alone["id"], "/tree"))["root"] == alone["id"]

        shown = await tree_printed(studio, varied, capsys)
        assert shown[0].startswith(f"  {first['id']}  succeeded  sim-image-1")
        assert shown[1].startswith(f"> ├─ vary  picture 2  strength strong  {varied['id']}")
        assert shown[2].startswith(f"  │  └─ upscale  picture 1  factor 2  {large['id']}")
        assert shown[3].startswith("  └─ reroll")

    play(settings, tmp_path, scenario)


def test_a_replay_has_the_same_pixels_and_marks_of_its_own(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario(studio: Studio) -> None:
        first = await studio.imagine()
        same = await studio.act(first, "replay")
        before, after = await studio.picture(first), await studio.picture(same)
        assert before != after
        assert pixels(before) == pixels(after)

    play(settings, tmp_path, scenario, marked=True)


def test_pictures_are_remixed_blended_zoomed_panned_and_described(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario(studio: Studio) -> None:
        first, other = await studio.imagine(), await studio.imagine("a blue boat")
        remixed = await studio.act(first, "remix", prompt="a green kite")
        assert remixed["input"] == {
            **first["input"], "prompt": "a green kite", "seed": first["output"]["seed"],
        }  # fmt: skip
        blended = await studio.act(first, "blend", images=[f"{other['id']}/0"])
        assert blended["input"]["images"] == [f"{first['id']}/0", f"{other['id']}/0"]
        assert blended["lineage"]["parents"] == [first["id"], other["id"]]

        zoomed = await studio.act(first, "zoom", factor=2)
        assert zoomed["input"]["canvas"] == {
            "width": 64, "height": 64, "x": 16, "y": 16, "picture_width": 32,
            "picture_height": 32,
        }  # fmt: skip
        panned = await studio.act(first, "pan", direction="left")
        (made,) = panned["output"]["artifacts"]
        assert (made["width"], made["height"]) == (96, 64)
        assert panned["input"]["canvas"]["x"] == 32
        assert panned["input"]["prompt"].endswith("the same scene, style and light.")

        told = await studio.act(first, "describe")
        assert (told["kind"], told["model"]) == ("chat", "sim-chat-1")
        assert told["output"]["text"]
        twice = await studio.act(zoomed, "vary", prompt="a kite in a storm", n=2)
        assert len(twice["output"]["artifacts"]) == 2
        assert twice["lineage"]["root"] == first["id"]

    play(settings, tmp_path, scenario, describe_model="sim-chat-1")


def refusals(
    job: Job, queued: Job, chat: Job, invented: str
) -> list[tuple[Job, str, dict[str, Any], int, str]]:
    """What is asked of which job, the status of the answer, and what it tells."""
    return [
        (job, "upscale", {}, 400, "/index"),
        (job, "upscale", {"index": 2}, 422, "/index"),
        (job, "upscale", {"index": 0, "factor": 3}, 400, "/factor"),
        (job, "upscale", {"index": 0, "model": "sim-image-1"}, 409, "skills.upscales"),
        (job, "upscale", {"index": 0, "direction": "up"}, 400, "/direction"),
        (job, "vary", {"index": 0, "strength": "wild"}, 400, "/strength"),
        (job, "remix", {}, 400, "/prompt"),
        (job, "reroll", {"index": 0}, 400, "/index"),
        (job, "blend", {"index": 0}, 400, "/images"),
        (job, "blend", {"index": 0, "images": [f"{queued['id']}/0"]}, 409, "/images/0"),
        (job, "blend", {"index": 0, "images": [f"{job['id']}/7"]}, 422, "/images/0"),
        (job, "blend", {"index": 0, "images": [f"{invented}/0"]}, 400, "/images/0"),
        (job, "describe", {"index": 0}, 409, "GENQ_DESCRIBE_MODEL"),
        (job, "zoom", {"index": 0, "factor": 3}, 400, "/factor"),
        (job, "pan", {"index": 0}, 400, "/direction"),
        (job, "paint", {}, 400, "/action"),
        (job, "replay", {"seed": 1}, 400, "/seed"),
        (job, "reroll", {"model": "nobody"}, 404, "nobody"),
        (job, "reroll", {"metadata": {"a": 1}}, 400, "/metadata/a"),
        (queued, "vary", {}, 409, "wait until it has succeeded"),
        (chat, "vary", {}, 409, "kind chat"),
        ({"id": invented}, "vary", {}, 404, "no job"),
    ]  # fmt: skip


def test_what_cannot_be_done_is_told_with_what_can_and_writes_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario(studio: Studio) -> None:
        job = await studio.imagine(n=2)
        queued = await studio.api.submit()
        chat = await studio.api.submit(
            {"kind": "chat", "input": {"messages": [{"role": "user", "content": "hi"}]}}
        )
        before = await count(studio, "job")
        invented = f"{job['id'][:-1]}{'0' if job['id'][-1] != '0' else '1'}"
        refused = refusals(job, queued, chat, invented)
        for target, action, told, status, hint in refused:
            answer = await studio.ask(target, action, **told)
            assert (answer.status_code, hint in answer.text) == (status, True), answer.text
        stranger = {"Authorization": f"Bearer {await new_key(studio.api.services, 'other')}"}
        theirs = await studio.ask(job, "reroll", headers=stranger)
        own = await studio.api.submit(
            {"kind": "image", "input": {"prompt": "x", "size": "64x64"}}, stranger
        )
        await studio.work()
        mixed = await studio.ask(own, "blend", stranger, images=[f"{job['id']}/0"])
        assert (mixed.status_code, "there is no job" in mixed.text) == (400, True), mixed.text
        url = f"/v1/jobs/{job['id']}/tree"
        tree = await studio.api.http.get(url, headers=stranger)
        assert (theirs.status_code, tree.status_code) == (404, 404)
        assert (await studio.api.http.get(f"{url}?limit=0&x=1")).status_code == 400
        assert (await count(studio, "job"), await count(studio, "lineage")) == (before + 1, 0)

    play(settings, tmp_path, scenario)


def test_one_key_is_one_job_and_an_exhausted_budget_writes_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario(studio: Studio) -> None:
        job = await studio.imagine(seed=7)
        keyed = {"Idempotency-Key": "again"}
        answers = await asyncio.gather(
            *(studio.ask(job, "vary", headers=keyed, index=0) for _ in range(5))
        )
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sum("idempotent-replayed" in answer.headers for answer in answers) == 4
        assert await count(studio, "lineage") == 1
        other = await studio.ask(job, "vary", headers=keyed, strength="strong")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")

        made = await count(studio, "job"), await count(studio, "lineage")
        await set_budget(studio.api, amount=1)
        # The other key's tenant was looked up before it had a budget.
        fresh = {"Authorization": f"Bearer {await new_key(studio.api.services, 'acme')}"}
        poor = await studio.ask(job, "vary", headers=fresh, n=2)
        assert (poor.status_code, poor.json()["code"]) == (402, "budget_too_small"), poor.text
        assert (await count(studio, "job"), await count(studio, "lineage")) == made

    play(settings, tmp_path, scenario)


def test_what_was_erased_or_is_gone_is_still_in_the_tree(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario(studio: Studio) -> None:
        job = await studio.imagine()
        varied = await studio.act(job, "vary")
        first = {"id": parse_id("job", job["id"])}
        engine = studio.api.services.engine
        async with transaction(engine) as connection:
            gone = "UPDATE {} SET body = '{{\"erased\": true}}' WHERE job_id = :id"
            for table in ("payload", "result"):
                await connection.execute(text(gone.format(table)), first)
        refused = await studio.ask(job, "upscale")
        assert (refused.status_code, refused.json()["code"]) == (410, "content_erased")
        root, child = (await studio.look(varied["id"], "/tree"))["data"]
        assert (root["erased"], root["thumbnail"], root["pictures"]) == (True, None, 0)
        assert (child["erased"], child["pictures"]) == (False, 1)
        async with transaction(engine) as connection:
            # As retention does: its week is gone, not that of what was derived later.
            await connection.execute(text("DELETE FROM job WHERE id = :id"), first)
        root, child = (await studio.look(varied["id"], "/tree"))["data"]
        assert (root["id"], root["status"], root["erased"]) == (job["id"], None, True)
        again = await studio.act(varied, "upscale")
        assert again["lineage"]["root"] == job["id"]

    play(settings, tmp_path, scenario)
