"""Where does it come from? What the file says, and what the registry knows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from genq import AsyncGenq
from infra.clock import SystemClock
from infra.endings import ending_of
from infra.postgres.engine import transaction
from infra.postgres.finish import finish_jobs
from infra.provenance.manifests import Facts
from infra.provenance.marking import Marker, mark_text
from infra.provenance.opening import open_credentials
from infra.settings import Settings
from schemas.job_states import AttemptOutcome, JobState
from schemas.policy_duties import Marking
from schemas.provenance import Mark
from tests.api.served import Served, new_key, pointers, run
from tests.fixtures.pictures import bomb_png, encoded, half, jpeg_50, mirrored, scene

PICTURE = scene(7)
TEXT = " ".join(f"the {n}th word of a long answer about kites" for n in range(12))


async def _made(api: Served, marks: Sequence[Mark]) -> str:
    """Let a job of acme end with these marks; return its id."""
    job_id = (await api.submit())["id"]
    claim = await api.claim(job_id)
    ending = ending_of(
        claim,
        state=JobState.SUCCEEDED,
        outcome=AttemptOutcome.OK,
        finished_at=claim.started_at + timedelta(seconds=1),
        public_url=api.url,
        marks=marks,
    )
    async with transaction(api.services.engine) as connection:
        await finish_jobs(connection, [ending])
    return job_id


async def _ask(api: Served, data: bytes, key: str | None = None) -> dict[str, Any]:
    headers = {"content-type": "image/png"}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    answer = await api.http.post("/v1/verify", content=data, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


@dataclass(frozen=True, slots=True)
class Kite:
    """What a job of acme made: a picture with its marks, and a text."""

    job_id: str
    data: bytes
    mark: Mark


async def _kite(api: Served) -> Kite:
    marker = Marker(open_credentials(api.services.settings))
    facts = Facts("Acme", "1.0", "painter", SystemClock().now(), "job_x.0")
    marked = marker.mark_picture(encoded(PICTURE), "image/png", facts, index=0, how=Marking())
    text = mark_text(TEXT, facts.system)
    assert marked.mark
    assert text
    job_id = await _made(api, [marked.mark, text])
    await _made(api, [replace(marked.mark, sha256="00" * 32, phash="5a" * 32)])
    return Kite(job_id, marked.data, marked.mark)


def test_a_marked_file_says_where_it_comes_from(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        kite = await _kite(api)
        whole = await _ask(api, kite.data)
        assert whole["ai_generated"] is True
        assert whole["c2pa"]["state"] == "valid"
        assert whole["c2pa"]["trusted"] is False
        assert whole["c2pa"]["signer"]["own"] is True
        assert whole["c2pa"]["claims"]["provider"] == "Acme"
        assert whole["c2pa"]["claims"]["unique_id"] == "job_x.0"
        assert whole["xmp"] is True
        registry = whole["registry"]
        assert (registry["match"], registry["job_id"]) == ("exact", kite.job_id)
        assert (registry["made_by"], registry["system"]) == ("genq", "genq 1.0, painter")
        form = {"file": ("kite.png", kite.data, "image/png")}
        assert (await api.http.post("/v1/verify", files=form)).json() == whole

        # Others learn that it was made here, and nothing of whose it is.
        of_stranger = await _ask(api, kite.data, await new_key(api.services, "globex"))
        others = of_stranger["registry"]
        assert others == registry | {"job_id": None, "index": None}

    run(settings, scenario)


def test_what_lost_its_marks_is_found_by_what_it_shows(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        kite = await _kite(api)
        for changed in (jpeg_50(half(PICTURE)), mirrored(PICTURE)):
            told = await _ask(api, encoded(changed, "JPEG", quality=50))
            assert told["c2pa"]["state"] == "none"
            assert told["xmp"] is False
            assert told["registry"]["match"] == "near"
            assert 0 <= told["registry"]["distance"] <= 31
            assert told["registry"]["job_id"] == kite.job_id
            assert told["ai_generated"] is True
        broken = bytearray(kite.data.replace(b"Acme", b"Evil"))
        told = await _ask(api, bytes(broken))
        assert told["c2pa"]["state"] == "invalid"
        assert told["c2pa"]["problems"]
        other = await _ask(api, encoded(scene(8)))
        assert other["registry"]["match"] == "none"
        assert other["ai_generated"] is None

    run(settings, scenario)


def test_texts_and_digests_are_looked_up(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        kite = await _kite(api)

        async def ask(body: dict[str, str]) -> dict[str, Any]:
            return (await api.http.post("/v1/verify", json=body)).json()["registry"]

        found = await ask({"sha256": kite.mark.sha256})
        assert (found["match"], found["job_id"]) == ("exact", kite.job_id)
        for text, match in ((TEXT, "exact"), (TEXT.replace("3th", "third"), "near")):
            found = await ask({"text": text})
            assert (found["match"], found["index"]) == (match, -1)
        assert (await ask({"text": "a kite " * 30}))["match"] == "none"
        async with AsyncGenq(api.key, api.url) as genq:
            told = await genq.verify(kite.data)
            assert (told.ai_generated, told.xmp) == (True, True)
            assert (told.c2pa.state, told.c2pa.own) == ("valid", True)
            assert told.c2pa.claims["provider"] == "Acme"
            assert (told.registry.match, told.registry.job_id) == ("exact", kite.job_id)
            assert (await genq.verify(text="a kite")).ai_generated is None

    run(settings, scenario)


def test_what_cannot_be_looked_at_is_refused_with_the_reason(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        bomb = await api.http.post(
            "/v1/verify",
            content=bomb_png(20_000, 20_000),
            headers={"content-type": "image/png"},
        )
        assert bomb.status_code == 400
        (fault,) = bomb.json()["errors"]
        assert fault["pointer"] == "/file"
        assert fault["rule"] == "limits.image_mpx"
        eps = {"file": ("kite.png", b"%!PS-Adobe-3.0 EPSF-3.0", "image/png")}
        assert "not a PNG" in pointers(await api.http.post("/v1/verify", files=eps))["/file"]
        no_file = {"picture": ("a", b"x"), "another": ("b", b"y")}
        assert "/file" in pointers(await api.http.post("/v1/verify", files=no_file))
        for body in ({}, {"sha256": "00", "text": "x"}, {"sha256": "xyz"}):
            assert (await api.http.post("/v1/verify", json=body)).status_code == 400
        large = await api.http.post(
            "/v1/verify",
            content=bytes(20_100_000),
            headers={"content-type": "image/png"},
        )
        assert large.status_code == 413

    run(settings, scenario)


def test_whoever_asks_too_often_waits(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        asked = [api.http.post("/v1/verify", json={"sha256": "00" * 32}) for _ in range(125)]
        answers = await asyncio.gather(*asked)
        refused = [one for one in answers if one.status_code == 429]
        assert 1 <= len(refused) <= 5
        assert "POST /v1/verify" in refused[0].json()["detail"]
        assert refused[0].headers["retry-after"]

    run(settings, scenario)
