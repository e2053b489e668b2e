"""A job's manifest: one document that never changes, unless its content is erased."""

import base64
import hashlib
from typing import Any, Final

import orjson
import pytest
from sqlalchemy import text

from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.erase_content import erase_content
from infra.postgres.read_jobs import get_jobs
from infra.settings import Settings
from producer.dispatcher.usage import add_up_usage
from schemas.canonical_json import canonical_json
from schemas.ids import parse_id
from schemas.job_states import JobState
from tests.api.people import carry_out, erase, sql
from tests.api.served import IMAGE, Served, new_key, run
from tests.api.test_usage import RESULT, usage

PROMPT: Final = "a marzipan lighthouse"
PICTURE: Final = b"\x89PNG not looked into"
FACTS: Final[dict[str, Any]] = RESULT | {
    "seed": 7,
    "revised_prompts": [f"{PROMPT}, in oil"],
    "told": {"prompt": "a [redacted] lighthouse"},
    "facts": RESULT["facts"] | {"rewritten": True},
}


EXPECTED: Final[dict[str, Any]] = {
    "schema": "genq.manifest",
    "schema_version": 1,
    "kind": "image",
    "lane": "fast",
    "status": "succeeded",
    "content": "kept",
    "genq": "1",
    "input": {"prompt": PROMPT},
    "sent": {"prompt": "a [redacted] lighthouse"},
    "seed": 7,
    "model": {
        "asked": "test-image",
        "answered": "test-image",
        "server": "painter",
        "revision": None,
    },
    "revised_prompts": [f"{PROMPT}, in oil"],
    "safety": {},
    "lineage": None,
    "retry_of": None,
    "cached_of": None,
    "artifacts": [
        {
            "index": index,
            "content_type": "image/png",
            "bytes": 3,
            "sha256": hashlib.sha256(data).hexdigest(),
            "width": 8,
            "height": 8,
            "registered": False,
            "c2pa_manifest": None,
        }
        for index, data in enumerate([b"one", b"two"])
    ],
    "text": None,
    "cost": {"currency": "usd", "estimated": 0.05, "actual": 0.04},
    "error": None,
}


async def made(api: Served, **request: Any) -> str:
    job = await api.submit(IMAGE | {"input": {"prompt": PROMPT}, "end_user": "ada"} | request)
    await api.end(job["id"], pictures=[b"one", b"two"], result=FACTS)
    return job["id"]


def plain(settings: Settings) -> Settings:
    return settings.model_copy(update={"encrypt_content": False})


def path(job_id: str) -> str:
    return f"/v1/jobs/{job_id}/manifest.json"


def test_a_manifest_says_what_was_asked_made_how_and_at_which_price(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job_id = await made(api)
        shown = (await api.http.get(f"/v1/jobs/{job_id}")).json()
        answer = await api.http.get(shown["urls"]["manifest"])

        manifest = answer.json()
        assert answer.status_code == 200, answer.text
        usual = {"job": job_id, "timings": manifest["timings"], "usage": shown["usage"]}
        assert manifest == EXPECTED | usual
        timings = manifest["timings"]
        assert timings["model_seconds"] == 1.5
        assert [one["outcome"] for one in timings["attempts"]] == ["ok"]
        # Nobody is named, and the bytes are the one form of what they say.
        assert b"ada" not in answer.content
        assert answer.content == canonical_json(manifest)
        digest = hashlib.sha256(answer.content).hexdigest()
        assert answer.headers["etag"] == f'"{digest}"'
        known = {"if-none-match": answer.headers["etag"]}
        again = await api.http.get(path(job_id), headers=known)
        assert (again.status_code, again.content) == (304, b"")

    run(plain(settings), scenario)


@pytest.mark.parametrize("sealed", [True, False])
def test_what_the_model_saw_of_a_prompt_goes_with_it(
    settings: Settings, *, sealed: bool
) -> None:
    async def scenario(api: Served) -> None:
        job_id = await made(api)
        before = (await api.http.get(path(job_id))).json()
        # What is sealed with the result could not be taken out of it.
        assert before["sent"] == (None if sealed else FACTS["told"])

        key = parse_id("job", job_id)
        async with transaction(whole_transactions(api.services.engine)) as connection:
            await erase_content(connection, [key], prompts=True, results=False)
            (row,) = await connection.execute(text("SELECT tenant_id FROM job"))
            (kept,) = (await get_jobs(connection, [(key, row.tenant_id)])).values()
        rows = await sql(api, "SELECT body FROM result")

        after = (await api.http.get(path(job_id))).json()
        assert (after["sent"], after["revised_prompts"]) == (None, before["revised_prompts"])
        assert "told" not in kept.made
        assert kept.made["seed"] == 7
        assert "redacted" not in str(rows)

    run(settings if sealed else plain(settings), scenario)


def test_a_manifest_tells_what_safety_found_in_the_last_attempt(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job_id = await made(api)
        await sql(
            api,
            "INSERT INTO attempt (job_id, fence, n, outcome, ended_at, checks)"
            ' VALUES (:id, 0, 1, 2, now(), \'{"prompt": {"verdict": "redact"}}\')',
            id=parse_id("job", job_id),
        )

        assert (await api.http.get(path(job_id))).json()["safety"] == {}

    run(settings, scenario)


def test_a_manifest_changes_only_with_erasure_and_then_holds_no_content(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        job_id = await made(api)
        first = (await api.http.get(path(job_id))).content
        key = parse_id("job", job_id)
        # A verdict that people come to later is none of the job's making.
        await sql(api, "UPDATE job SET verdict = '{}', erased_at = NULL WHERE id = :id", id=key)
        assert (await api.http.get(path(job_id))).content == first

        await add_up_usage(api.services.engine)
        await erase(api, "ada")
        await carry_out(api)
        answer = await api.http.get(path(job_id))

        erased = answer.json()
        assert erased["content"] == "erased"
        gone = ("input", "sent", "seed", "revised_prompts", "text")
        assert {erased[name] for name in gone} == {None}
        assert erased["artifacts"] == []
        for word in (b"marzipan", b"redacted", b"oil"):
            assert word in first
            assert word not in answer.content
        (row,) = (await usage(api, interval="total", group_by="end_user"))["data"]
        assert (row["end_user"], row["cost"]) == (None, 0.04)
        # What was charged stays.
        before = orjson.loads(first)
        for name in ("cost", "usage", "model", "timings", "genq"):
            assert erased[name] == before[name]

    run(plain(settings), scenario)


def test_pictures_that_went_in_are_told_by_their_digests(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        url = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
        talk = [{"type": "image_url", "image_url": {"url": url}}]
        body = {"kind": "chat", "input": {"messages": [{"role": "user", "content": talk}]}}
        job = await api.submit(body)
        await api.end(job["id"], text="a kite")

        manifest = (await api.http.get(path(job["id"]))).json()

        (message,) = manifest["input"]["messages"]
        digest = hashlib.sha256(PICTURE).hexdigest()
        assert message["content"][0]["image_url"]["url"] == f"sha256:{digest}"
        told = hashlib.sha256(b"a kite").hexdigest()
        assert manifest["text"] == {"sha256": told, "characters": 6}

    run(settings, scenario)


def test_a_manifest_is_there_once_the_job_has_ended_and_for_its_tenant(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        early = await api.http.get(path(job["id"]))
        await api.end(job["id"], JobState.FAILED, error=None)
        failed = await api.http.get(path(job["id"]))
        stranger = {"Authorization": f"Bearer {await new_key(api.services, 'globex')}"}

        assert early.status_code == 409
        assert "not ended" in early.json()["detail"]
        assert (failed.json()["status"], failed.json()["cost"]) == ("failed", None)
        assert (await api.http.get(path(job["id"]), headers=stranger)).status_code == 404

    run(settings, scenario)
