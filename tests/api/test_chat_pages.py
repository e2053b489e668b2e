"""The bots' web pages: a link binds once, a gallery shows one's own, and both tell no more."""

import asyncio
import base64
import hashlib
import re
from typing import Final

import httpx2
import pytest

from infra.postgres.chat_bindings import find_binding
from infra.postgres.engine import transaction
from infra.settings import Settings
from producer.api.chat_pages import page_links
from schemas.chat import Platform
from schemas.chat_binding import ChatBinding
from schemas.scopes import KeyScope
from tests.api.people import sql
from tests.api.served import Served, new_key, run

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
        async with httpx2.AsyncClient() as stranger:
            many = {f"field{n}": "1" for n in range(20)} | {"key": api.key}
            assert (await stranger.post(await link(api), data=many)).status_code == 400
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
        # Links as they come out of careless hands lead nowhere, and hold the same.
        for one in (url, gallery):
            await api.http.get(f"{one}/")
            await api.http.get(one.replace("/chat/", "//Chat//"))
        await api.http.get(f"{api.url}//v1/artifacts/gqa_a-secret-link")
        printed = "".join(capsys.readouterr())
        for secret in (url.rpartition("/")[2], gallery.rpartition("/")[2], "a-secret"):
            assert secret not in printed

    run(settings, scenario)
