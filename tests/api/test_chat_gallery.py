"""A gallery shows somebody's own finished pictures of one tenant, and nothing else."""

import re
from dataclasses import replace
from datetime import timedelta
from html import escape
from typing import Any, Final, cast

import httpx2

from infra.gallery_tokens import GalleryGrant, GalleryTokens
from infra.new_ids import new_key as new_id
from infra.objectstore.store import ObjectStore
from infra.postgres.chat_messages import NewMessage, insert_message
from infra.postgres.engine import transaction
from infra.sealing import sealer_for
from infra.settings import Settings
from producer.api.chat_pages import PICTURES_A_PAGE, page_links
from producer.api.services import Services
from schemas.chat import MessageRef, Platform
from schemas.ids import parse_id
from schemas.job_states import JobState
from tests.api.people import sql
from tests.api.served import IMAGE, Served, new_key, run
from tests.api.test_chat_pages import ADA, GUILD, held, look
from tests.fixtures.fakes import MovedClock

PICTURE: Final = b"\x89PNG\r\n\x1a\n" + bytes(64)
HOSTILE: Final = (
    "</p><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;\u202etxt.exe\x07"
)


async def tenant_id(api: Served, name: str = "acme") -> int:
    ((found,),) = await sql(api, "SELECT id FROM tenant WHERE name = :name", name=name)
    return found


async def made(
    api: Served,
    *,
    prompt: str = "a red kite",
    pictures: int = 1,
    user: str = ADA,
    title: str = "",
    state: JobState = JobState.SUCCEEDED,
    end: bool = True,
    **headers: str,
) -> str:
    """Make a job with its message, as a command in a chat does."""
    body: dict[str, Any] = {**IMAGE, "input": {"prompt": prompt}}
    answer = await api.http.post("/v1/jobs", json=body, headers=headers)
    job = answer.json()
    key = parse_id("job", job["id"])
    if end:
        await api.end(job["id"], state, pictures=[PICTURE] * pictures)
    ((owner,),) = await sql(api, "SELECT tenant_id FROM job WHERE id = :id", id=key)
    message = NewMessage(
        id=new_id(),
        job_id=key,
        tenant_id=owner,
        platform=Platform.DISCORD,
        place_id=GUILD,
        user_id=user,
        command="imagine",
        title=title,
        ref=MessageRef("123"),
        shown=True,
    )
    async with transaction(api.services.engine) as connection:
        await insert_message(connection, sealer_for(api.services.settings), message)
    return job["id"]


async def gallery(api: Served, user: str = ADA, tenant: str = "acme") -> str:
    owner = await tenant_id(api, tenant)
    return page_links(api.services).gallery(owner, f"discord:{user}")


def pictures_in(page: str) -> list[str]:
    return re.findall(r'<img src="([^"]+)"', page)


def test_a_gallery_shows_ones_own_finished_pictures_of_one_tenant(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        other = await new_key(api.services, "other")
        mine = await made(api, prompt="a red kite --ar 16:9", pictures=2, title="Image #2")
        newer = await made(api, prompt="a lighthouse")
        theirs = await made(api, prompt="not mine", user="12")
        elsewhere = await made(api, prompt="another tenant's", Authorization=f"Bearer {other}")
        blocked = await made(api, prompt="blocked", state=JobState.BLOCKED)
        waiting = await made(api, prompt="waiting", end=False)
        text = await made(api, prompt="words alone", pictures=0)
        await sql(
            api,
            "UPDATE result SET artifacts = 'null' WHERE job_id = :id",
            id=parse_id("job", text),
        )
        page = held(await look(await gallery(api)))

        shown = re.findall(r"job_[0-9a-z]{26}", page)
        assert shown == [newer, mine, mine]
        for absent in (theirs, elsewhere, blocked, waiting, text):
            assert absent not in page
        assert "a red kite --ar 16:9" in page
        assert "Image #2" in page
        assert "fast" in page
        assert "<time datetime=" in page
        async with httpx2.AsyncClient() as browser:
            for url in pictures_in(page):
                assert (await browser.get(url)).content == PICTURE
        assert mine not in held(await look(await gallery(api, tenant="other")))
        assert (
            f"img-src 'self' {api.url}"
            in ((await look(await gallery(api))).headers["content-security-policy"])
        )
        assert "no finished pictures" in held(await look(await gallery(api, user="77")))

    run(settings, scenario)


class SigningStore:
    """A store that redirects to where its objects are, as S3 does."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def presign(self, key: str, *, filename: str, content_type: str) -> str:
        return f"https://store.example:9000/bucket/{key}?name={filename}&type={content_type}"


def test_pictures_may_come_from_the_store_that_links_redirect_to(settings: Settings) -> None:
    def signing(services: Services) -> Services:
        return replace(services, store=cast("ObjectStore", SigningStore(services.store)))

    async def scenario(api: Served) -> None:
        await made(api)
        policy = (await look(await gallery(api))).headers["content-security-policy"]
        assert f"img-src 'self' {api.url} https://store.example:9000" in policy.split("; ")
        empty = (await look(await gallery(api, user="77"))).headers
        assert "img-src" not in empty["content-security-policy"]

    run(settings, scenario, signing)


def test_what_was_erased_or_blocked_since_is_not_in_a_gallery(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        erased, judged, kept = [await made(api, prompt=one) for one in ("one", "two", "three")]
        await sql(
            api,
            "UPDATE job SET final_state = :blocked WHERE id = :id",
            blocked=int(JobState.BLOCKED),
            id=parse_id("job", judged),
        )
        await sql(
            api,
            "UPDATE result SET body = '{\"erased\": true}' WHERE job_id = :id",
            id=parse_id("job", erased),
        )
        await sql(
            api,
            "UPDATE payload SET body = '{\"erased\": true}' WHERE job_id = :id",
            id=parse_id("job", kept),
        )
        page = held(await look(await gallery(api)))
        assert re.findall(r"job_[0-9a-z]{26}", page) == [kept]
        assert "The prompt was erased" in page
        assert "three" not in page

    run(settings, scenario)


def test_hostile_prompts_are_text(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        hostile = HOSTILE.replace("\x07", "\u0085")
        await made(api, prompt=hostile, title="</small><b>")
        await made(api, prompt=hostile * 3)
        await made(api, prompt="\U0001f468\u200d\U0001f469\u200d\U0001f467 " * 400)
        page = held(await look(await gallery(api)))
        assert page.count("<img ") == 3
        assert "onerror=alert(1)&gt;" in page
        assert "<b>" not in page
        assert escape("&amp;") in page
        assert "\u202e" not in page
        assert "\u0085" not in page
        assert "\U0001f468\u200d\U0001f469" in page
        # As an attribute it stays one.
        assert all(alt for alt in re.findall(r'alt="([^"<>]*)"', page))
        assert len(re.findall(r"<(?:script|iframe|object|svg|link|base)\b", page)) == 0

    run(settings, scenario)


def test_a_gallery_leads_to_older_pictures_sixty_at_a_time(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        jobs = [await made(api, prompt=f"kite {n}", pictures=25) for n in range(5)]
        url = await gallery(api)
        seen: list[list[str]] = []
        while True:
            page = held(await look(url))
            assert len(pictures_in(page)) <= PICTURES_A_PAGE
            found = re.findall(r"job_[0-9a-z]{26}", page)
            seen.append(list(dict.fromkeys(found)))
            older = re.search(r'href="([^"]+)" rel=next', page)
            assert ("Newest" in page) == (len(seen) > 1)
            if older is None:
                break
            url = f"{api.url}{older[1]}"
        newest = jobs[::-1]
        assert seen == [newest[:2], newest[2:4], newest[4:]]
        wrong = await look(f"{url.partition('?')[0]}?before=1%27")
        assert (wrong.status_code, "kite" in held(wrong)) == (404, False)

    run(settings, scenario)


def test_a_gallerys_link_is_whole_for_a_day_and_its_tenant_is_not_suspended(
    settings: Settings,
) -> None:
    clock = MovedClock()

    def moved(services: Services) -> Services:
        return replace(services, clock=clock)

    async def scenario(api: Served) -> None:
        await made(api)
        url = await gallery(api)
        token = url.rpartition("/")[2]
        grant = GalleryTokens(settings.key_pepper.get_secret_value()).read(token)
        assert grant is not None
        assert grant.end_user == f"discord:{ADA}"
        forged = (
            GalleryTokens("another pepper").make(grant),
            token[:-1] + ("A" if token[-1] != "A" else "B"),
            token[:20],
            f"{token}A",
            "gqg_",
            "%C3%A9",
        )
        for one in forged:
            answer = await look(f"{api.url}/chat/gallery/{one}")
            assert (answer.status_code, "does not work" in held(answer)) == (404, True)
        clock.moved = timedelta(hours=23, minutes=59)
        page = await look(url)
        assert page.status_code == 200
        clock.moved = timedelta(hours=24, minutes=1)
        assert (await look(url)).status_code == 404
        clock.moved = timedelta(0)
        await sql(api, "UPDATE tenant SET suspended_at = now()")
        assert (await look(url)).status_code == 404

    run(settings, scenario, moved)


def test_tokens_say_what_they_were_made_of() -> None:
    tokens = GalleryTokens("only-for-tests-0123456789")
    for end_user in ("discord:1", "slack:U0", "telegram:-5", "discord:" + "9" * 40):
        grant = GalleryGrant(7, end_user, 1_800_000_000)
        assert tokens.read(tokens.make(grant)) == grant
