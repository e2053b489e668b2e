"""What a stranger sends: never a fault of ours, never another's job, never an empty answer."""

from typing import Any, Final

from infra.settings import Settings
from schemas.ids import parse_id
from tests.facade.scene import CHAT, SHORT, Scene, play
from tests.fixtures.until import until

CHATS: Final = "/v1/chat/completions"
BACKGROUND: Final = {"model": "test-image", "input": "a kite", "background": True}
ODD: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("/v1/responses", {"model": ["test-chat"], "input": "hi"}),
    ("/v1/responses", {"model": {}, "input": "hi"}),
    (CHATS, {**CHAT, "genq": {f"deadlinx{n}": 1 for n in range(3000)}}),
    (CHATS, {**CHAT, "prompt_token_ids": [1, 2]}),
)
LEAVES: Final = {"X-Genq-Cancel-On-Disconnect": "true"}


def unique(key: str) -> dict[str, Any]:
    return {"unique": {"key": key, "on_conflict": "return", "period": 600}}


async def wait(here: Scene, job: str, number: int) -> None:
    """Return when so many wait for a job."""
    key, waiters = parse_id("job", job), here.api.services.waiters
    await until(lambda: waiters.waiting_for(key) == number, f"{number} wait for {job}")


def test_odd_bodies_are_told_what_is_wrong_and_not_all_of_it(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        for path, body in ODD:
            answer = await here.api.http.post(path, json=body)
            assert answer.status_code == 400, answer.text
            assert len(answer.json()["errors"]) <= 20
        odd = [{"role": "user", "content": [{"type": ["text"], "text": "hi"}]}]
        answer = await here.api.http.post(CHATS, json={**CHAT, "messages": odd})
        assert answer.status_code == 408
        made = (await here.api.http.post("/v1/responses", json=BACKGROUND)).json()["id"]
        for after in ("0" * 20 + "9" * 5000, "-1", "1e3", "٣"):
            params = {"starting_after": after}
            answer = await here.api.http.get(f"/v1/responses/{made}", params=params)
            assert answer.status_code == 400

    play(settings, scenario, facade_max_hold=SHORT)


def test_a_unique_job_is_answered_by_no_endpoint_that_makes_something_else(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        http = here.api.http
        first = await http.post(CHATS, json={**CHAT, "genq": unique("a")})
        again = await http.post(CHATS, json={**CHAT, "genq": unique("a")})
        assert first.headers["x-genq-job-id"] == again.headers["x-genq-job-id"]
        words = {"model": "test-embedding", "input": "hi", "genq": unique("a")}
        other = await http.post("/v1/embeddings", json=words)
        later = await http.post("/v1/responses", json={**BACKGROUND, "genq": unique("a")})
        assert [other.status_code, later.status_code] == [422, 422]
        assert other.json()["error"]["code"] == "duplicate_job"

    play(settings, scenario, facade_max_hold=SHORT)


def test_who_leaves_takes_no_job_along_that_is_somebody_elses(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        mine = here.chat(extra_body={"genq": unique("a")})
        job = await here.job()
        theirs = here.chat(extra_body={"genq": unique("a")}, extra_headers=LEAVES)
        await wait(here, job, 2)
        same = here.chat(extra_headers={**LEAVES, "Idempotency-Key": "k"})
        also = here.chat(extra_headers={**LEAVES, "Idempotency-Key": "k"})
        [other] = [one for one in await here.unfinished(2) if one != job]
        await wait(here, other, 2)
        theirs.cancel()
        same.cancel()
        await wait(here, job, 1)
        await wait(here, other, 1)
        await here.api.end(job, text="mine")
        await here.api.end(other, text="also")

        assert (await mine).choices[0].message.content == "mine"
        assert (await also).choices[0].message.content == "also"

    play(settings, scenario)


def test_a_response_that_was_erased_is_not_told_as_an_empty_one(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        http, key = here.api.http, {"Idempotency-Key": "k"}
        made = (await http.post("/v1/responses", json=BACKGROUND, headers=key)).json()
        await here.api.end("job_" + made["id"].partition("_")[2], pictures=[b"a picture"])
        assert (await http.delete(f"/v1/responses/{made['id']}")).status_code == 200
        again = await http.post("/v1/responses", json=BACKGROUND, headers=key)
        assert (again.status_code, again.json()["code"]) == (410, "content_erased")

    play(settings, scenario)
