"""The bots' web pages: a link binds once, a gallery shows one's own, and both tell no more."""

import asyncio
import base64
import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from html import escape
from typing import Any, Final

import httpx2
import pytest

from infra.gallery_tokens import GalleryGrant, GalleryTokens
from infra.new_ids import new_key as new_id
from infra.postgres.chat_bindings import find_binding
from infra.postgres.chat_messages import NewMessage, insert_message
from infra.postgres.engine import transaction
from infra.sealing import sealer_for
from infra.settings import Settings
from producer.api.chat_pages import PICTURES_A_PAGE, page_links
from producer.api.services import Services
from schemas.chat import MessageRef, Platform
from schemas.chat_binding import ChatBinding
from schemas.ids import parse_id
from schemas.job_states import JobState
from schemas.scopes import KeyScope
from tests.api.people import sql
from tests.api.served import IMAGE, Served, new_key, run
from tests.fixtures.fakes import MovedClock

GUILD: Final = "41771983423143937"
ADA: Final = "80351110224678912"
PICTURE: Final = b"\x89PNG\r\n\x1a\n" + bytes(64)
HOSTILE: Final = (
    "</p><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;\u202etxt.exe\x07"
)


async def link(api: Served, place: str = GUILD, user: str = ADA) -> str:
    links = page_links(api.services)
    return await links.new_link(api.services.engine, Platform.DISCORD, place, user)


async def use(url: str, key: str | None) -> httpx2.Response:
    """Send the form of a page, as a browser does: without any header of ours."""
    async with httpx2.AsyncClient() as browser:
        return await browser.post(url, data={} if key is None else {"key": key})


async def look(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient() as browser:
        answer = await browser.get(url)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer


async def bound(api: Served, place: str = GUILD, user: str = ADA) -> ChatBinding | None:
    async with transaction(api.services.engine) as connection:
        return await find_binding(connection, Platform.DISCORD, place, user)


def held(answer: httpx2.Response) -> str:
    """Hold a page to what no page may do; return it."""
    headers = answer.headers
    policy = headers["content-security-policy"]
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    for rule in (
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "base-uri 'none'",
    ):
        assert rule in policy.split("; ")
    assert headers["cache-control"] == "private, no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    return answer.text


def test_a_link_says_what_it_binds_and_binds_it_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        url = await link(api)
        assert await bound(api) is None
        page = held(await look(url))
        assert "Discord server" in page
        assert GUILD in page
        assert ADA in page
        assert "type=password" in page
        assert "linked already" not in page

        done = await use(url, f"  {api.key} ")
        assert done.status_code == 200
        assert "acme" in held(done)
        found = await bound(api, user="someone else")
        assert found is not None
        assert (found.tenant, found.place_id, found.user_id) == ("acme", GUILD, "")
        entry = (await api.http.get("/v1/audit")).json()["data"][0]
        assert (entry["action"], entry["actor"]) == ("chat.bound", f"key {api.key[:8]}")
        assert ADA not in str(entry)

        for late in (await look(url), await use(url, api.key)):
            assert late.status_code == 404
            assert "does not work" in held(late)
        assert "linked already" in held(await look(await link(api)))

    run(settings, scenario)


def test_a_link_without_a_place_binds_the_one_who_asked_wherever_they_are(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        url = await link(api, place="")
        page = held(await look(url))
        assert "Discord account" in page
        assert (await use(url, api.key)).status_code == 200
        here = await bound(api)
        assert here is not None
        assert (here.place_id, here.user_id) == ("", ADA)
        assert await bound(api, user="12") is None

    run(settings, scenario)


def test_another_tenants_key_takes_a_place_over_and_both_read_of_it(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        other = await new_key(api.services, "other")
        await use(await link(api), api.key)
        await sql(api, "UPDATE chat_binding SET rules = '{\"max_jobs\": 2}', paused_at = now()")
        await use(await link(api), api.key)
        found = await bound(api)
        assert found is not None
        assert (found.tenant, found.rules.max_jobs, found.paused_at) == ("acme", 2, None)

        await use(await link(api), other)
        found = await bound(api)
        assert found is not None
        assert (found.tenant, found.rules.max_jobs) == ("other", None)
        lost = (await api.http.get("/v1/audit")).json()["data"][0]
        headers = {"Authorization": f"Bearer {other}"}
        won = (await api.http.get("/v1/audit", headers=headers)).json()["data"]
        assert lost["action"] == "chat.unbound"
        assert [entry["action"] for entry in won] == ["chat.bound"]

    run(settings, scenario)


def test_wrong_keys_all_get_the_same_words_and_five_of_them_end_a_link(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        reader = await new_key(api.services, "acme", KeyScope.JOBS_READ, KeyScope.ADMIN)
        closed = await new_key(api.services, "closed")
        await sql(api, "UPDATE tenant SET suspended_at = now() WHERE name = 'closed'")
        url = await link(api)
        pages: set[str] = set()
        for wrong in ("gq_nobodys", reader, closed, "\u00e4 \u0000", "gqp_" + "A" * 40):
            answer = await use(url, wrong)
            assert api.key not in answer.text
            assert wrong not in answer.text
            pages.add(f"{answer.status_code} {held(answer)}")
        # The fifth tells that the link is over.
        first, last = sorted(pages, key=len, reverse=True)
        assert first.startswith("403 ")
        assert "not accepted" in first
        assert last.startswith("404 ")
        assert (await use(url, api.key)).status_code == 404
        assert (await look(url)).status_code == 404
        assert await bound(api) is None

    run(settings, scenario)


def test_four_wrong_keys_and_no_key_leave_room_for_the_right_one(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        url = await link(api)
        for nothing in (None, "", "   "):
            for _ in range(3):
                answer = await use(url, nothing)
                assert (answer.status_code, "Give the API key" in held(answer)) == (400, True)
        for _ in range(4):
            assert (await use(url, "gq_nobodys")).status_code == 403
        assert (await use(url, api.key)).status_code == 200

    run(settings, scenario)


def test_of_fifty_keys_at_once_five_are_tried_and_of_equal_ones_one_binds(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        url = await link(api)
        wrong = [use(url, f"gq_{n}") for n in range(50)]
        answers = await asyncio.gather(*wrong)
        assert {answer.status_code for answer in answers} <= {403, 404}
        ((tries,),) = await sql(api, "SELECT tries FROM chat_link")
        assert tries == 5
        assert (await use(url, api.key)).status_code == 404

        again = await link(api)
        answers = await asyncio.gather(*(use(again, api.key) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]

    run(settings, scenario)


def test_a_link_that_is_late_invented_or_stuffed_is_refused_without_a_trace(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        url = await link(api)
        await sql(api, "UPDATE chat_link SET expires_at = now()")
        for dead in (url, f"{url}x", f"{api.url}/chat/link/%00", f"{api.url}/chat/link/a.b"):
            for answer in (await look(dead), await use(dead, api.key)):
                assert answer.status_code == 404
                assert "does not work" in held(answer)
        large = await use(await link(api), "k" * 5_000)
        assert (large.status_code, api.key in large.text) == (413, False)
        assert await bound(api) is None

    run(settings, scenario)


def test_neither_codes_nor_keys_are_logged(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario(api: Served) -> None:
        url = await link(api)
        await look(url)
        await use(url, "gq_a-secret-of-somebody")
        gallery = page_links(api.services).gallery(1, f"discord:{ADA}")
        await look(gallery)
        printed = "".join(capsys.readouterr())
        for secret in (url.rpartition("/")[2], gallery.rpartition("/")[2], "gq_a-secret"):
            assert secret not in printed

    run(settings, scenario)


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
        page = held(await look(await gallery(api)))

        shown = re.findall(r"job_[0-9a-z]{26}", page)
        assert shown == [newer, mine, mine]
        for absent in (theirs, elsewhere, blocked, waiting):
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
