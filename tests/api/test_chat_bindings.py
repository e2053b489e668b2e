"""Bindings of chats and bots: over HTTP, by the SDK and by `genq bot`."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import pytest
from pydantic import SecretStr

from genq import AsyncGenq, NotFoundError
from infra.chat.bot_tokens import token_digests
from infra.clock import SystemClock
from infra.postgres.chat_bindings import pause_binding, revise_binding
from infra.postgres.chat_bots import ChatBot, pause_bot, stop_bot
from infra.postgres.engine import transaction
from infra.settings import Settings
from producer.api.chat_bindings import desk_of
from producer.chat.binding_desk import BindingDesk, Bound, Change
from producer.chat.bots import bot_view
from schemas.chat import Platform
from schemas.chat_binding import ChatBinding, ChatRules
from schemas.chat_binding_views import ChatBindingView, ChatBotView, ChatRulesView
from schemas.ids import parse_id
from schemas.scopes import KeyScope
from tests.api.people import sql
from tests.api.served import Served, new_key, pointers, run

BINDINGS: Final = "/v1/chat/bindings"
BOTS: Final = "/v1/chat/bots"
GUILD: Final = "41771983423143937"
GROUP: Final = "-1001234567890"


async def operator(api: Served) -> None:
    """Speak with an operator's key from now on."""
    key = await new_key(api.services, "local", *KeyScope)
    api.http.headers["Authorization"] = f"Bearer {key}"


async def put(api: Served, **body: Any) -> Any:
    wanted = {"platform": "discord", "place": GUILD, "tenant": "acme", **body}
    return await api.http.put(BINDINGS, json=wanted)


async def audited(api: Served, tenant: str) -> list[str]:
    key = await new_key(api.services, tenant, KeyScope.ADMIN, KeyScope.TENANT_READ)
    answer = await api.http.get("/v1/audit", headers={"Authorization": f"Bearer {key}"})
    return [entry["action"] for entry in answer.json()["data"]]


def test_a_place_is_bound_looked_at_bound_anew_and_unbound(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        await new_key(api.services, "other")
        rules = {"lanes": ["relax", "fast"], "max_jobs": 3, "press_by": "owner"}
        made = await put(api, rules=rules)
        view = made.json()
        assert made.status_code == 200
        assert set(view) == set(ChatBindingView.model_fields)
        assert (
            set(view["rules"]) == set(ChatRulesView.model_fields) == set(ChatRules.model_fields)
        )
        assert rules.items() <= view["rules"].items()
        assert (view["place"], view["user"], view["tenant"]) == (GUILD, None, "acme")
        path = f"{BINDINGS}/{view['id']}"
        assert (await api.http.get(path)).json() == view

        person = (await put(api, user="42")).json()
        assert person["id"] != view["id"]
        anew = (await put(api, tenant="other")).json()
        assert (anew["id"], anew["tenant"]) == (view["id"], "other")
        assert anew["rules"]["max_jobs"] is None
        gone = await api.http.delete(path)
        assert (gone.status_code, gone.content) == (204, b"")
        for answer in (
            await api.http.get(path),
            await api.http.delete(path),
            await api.http.post(f"{path}/resume"),
        ):
            assert answer.status_code == 404
        assert await audited(api, "acme") == ["chat.unbound", "chat.bound", "chat.bound"]
        assert await audited(api, "other") == ["chat.unbound", "chat.bound"]

    run(settings, scenario)


def test_bindings_are_listed_newest_first_page_by_page_and_by_platform_and_tenant(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        await new_key(api.services, "other")
        ids = [
            (await put(api, **one)).json()["id"]
            for one in (
                {"place": "1"},
                {"place": "2", "tenant": "other"},
                {"platform": "slack", "place": "T0123"},
                {"platform": "telegram", "place": GROUP, "user": "5"},
            )
        ]
        first = await api.http.get(BINDINGS, params={"limit": 3})
        second = await api.http.get(first.links["next"]["url"])
        assert [one["id"] for one in first.json()["data"]] == ids[:0:-1]
        assert [one["id"] for one in second.json()["data"]] == ids[:1]
        assert (second.json()["has_more"], second.links) == (False, {})
        for query, found in (
            ({"platform": "discord"}, ids[1::-1]),
            ({"tenant": "other"}, [ids[1]]),
            ({"tenant": "acme", "platform": "telegram"}, [ids[3]]),
        ):
            page = (await api.http.get(BINDINGS, params=query)).json()
            assert [one["id"] for one in page["data"]] == found
        wrong: tuple[tuple[Mapping[str, str], int], ...] = (
            ({"tenant": "nobody"}, 404),
            ({"platform": "irc"}, 400),
            ({"after": "chb_x"}, 400),
            ({"colour": "red"}, 400),
        )
        for query, status in wrong:
            answer = await api.http.get(BINDINGS, params=query)
            assert answer.status_code == status, answer.text

    run(settings, scenario)


def test_a_wrong_binding_is_refused_with_its_place_and_what_to_do(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        faults: tuple[tuple[dict[str, Any], str, str], ...] = (
            ({"tenant": "acmee"}, "/tenant", "acme"),
            ({"place": "our server"}, "/place", "pattern"),
            ({"place": "abc"}, "", "Copy Server ID"),
            ({"place": ""}, "", "which place"),
            ({"platform": "telegram", "place": GROUP, "user": "-5"}, "", "not the @name"),
            ({"platform": "irc"}, "/platform", "discord"),
            ({"rules": {"lanes": ["quick"]}}, "/rules/lanes/0", "turbo"),
            ({"rules": {"channels": ["\u2212100"]}}, "/rules/channels/0", "pattern"),
            ({"rules": {"max_jobs": 0}}, "/rules/max_jobs", "1"),
            ({"rules": {"lane": ["fast"]}}, "/rules/lane", "lanes"),
        )
        for body, place, words in faults:
            answer = await put(api, **body)
            assert answer.status_code == 400, answer.text
            assert words in pointers(answer)[place]
        assert (await api.http.get(BINDINGS)).json()["data"] == []

    run(settings, scenario)


def test_bindings_and_bots_are_for_operators_alone(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        made = (await put(api)).json()["id"]
        owner = {"Authorization": f"Bearer {api.key}"}
        calls = (
            ("GET", BINDINGS),
            ("PUT", BINDINGS),
            ("GET", f"{BINDINGS}/{made}"),
            ("DELETE", f"{BINDINGS}/{made}"),
            ("POST", f"{BINDINGS}/{made}/resume"),
            ("GET", BOTS),
            ("POST", f"{BOTS}/discord/resume"),
        )
        for method, path in calls:
            answer = await api.http.request(method, path, headers=owner)
            assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
        assert (await api.http.get(f"{BINDINGS}/{made}")).status_code == 200

    run(settings, scenario)


def test_what_is_paused_or_stopped_goes_on_when_an_operator_says_so(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        made = (await put(api, rules={"max_jobs": 2})).json()
        async with transaction(api.services.engine) as connection:
            await pause_binding(connection, parse_id("chb", made["id"]), "the bot was removed")
            await stop_bot(connection, Platform.DISCORD, b"digest", "401 Unauthorized")
            await pause_bot(connection, Platform.SLACK, 3_600)
        path = f"{BINDINGS}/{made['id']}"
        paused = (await api.http.get(path)).json()
        assert paused["paused_reason"] == "the bot was removed"
        for _ in range(2):
            resumed = (await api.http.post(f"{path}/resume")).json()
            assert (resumed["paused_at"], resumed["rules"]["max_jobs"]) == (None, 2)

        bots = (await api.http.get(BOTS)).json()["data"]
        assert all(set(bot) == set(ChatBotView.model_fields) for bot in bots)
        assert {bot["platform"]: bot["state"] for bot in bots} == {
            "discord": "stopped",
            "slack": "paused",
            "telegram": "on",
        }
        assert bots[0]["reason"] == "401 Unauthorized"
        for platform in ("discord", "slack", "telegram"):
            answer = await api.http.post(f"{BOTS}/{platform}/resume")
            assert (answer.status_code, answer.json()["state"]) == (200, "on")
        assert (await api.http.post(f"{BOTS}/irc/resume")).status_code == 404
        assert (await audited(api, "acme"))[0] == "chat.resumed"

    run(settings, scenario)


def test_the_sdk_binds_lists_and_unbinds(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        key = await new_key(api.services, "local", *KeyScope)
        async with AsyncGenq(key, api.url) as genq:
            made = await genq.chats.bind(
                "telegram", "acme", place=GROUP, user="7", lanes=["relax"], press_by="owner"
            )
            assert (made.place, made.user, made.tenant) == (GROUP, "7", "acme")
            assert made.rules["press_by"] == "owner"
            assert [one async for one in genq.chats.list(platform="telegram")] == [made]
            assert await genq.chats.get(made.id) == made
            assert (await genq.chats.resume(made.id)).id == made.id
            assert [bot.state for bot in await genq.chats.bots()] == ["on"] * 3
            assert (await genq.chats.resume_bot("slack")).configured is False
            await genq.chats.unbind(made.id)
            with pytest.raises(NotFoundError):
                await genq.chats.get(made.id)

    run(settings, scenario)


def test_a_bot_with_another_token_than_the_refused_one_is_not_shown_as_stopped(
    settings: Settings,
) -> None:
    own = settings.model_copy(update={"discord_bot_token": SecretStr("new")})
    now = SystemClock().now()
    refused = token_digests(own)[Platform.DISCORD]
    for digest, state, reason in ((b"old", "on", None), (refused, "stopped", "401")):
        known = ChatBot(Platform.DISCORD, digest, now, "401", None)
        view = bot_view(own, Platform.DISCORD, known, now)
        assert (view["state"], view["reason"]) == (state, reason)
        assert (view["stopped_at"] is None) == (state == "on")


def test_rules_that_are_changed_in_a_chat_change_nothing_else(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        desk = BindingDesk(api.services.engine, api.services.doorbells)
        bound = Bound(Platform.DISCORD, "g1", "")
        await desk.put(bound, "acme", lambda _: ChatRules(max_jobs=2))
        await sql(api, "UPDATE chat_binding SET paused_at = now(), paused_reason = 'left'")
        paused = await desk.find(bound)
        changed = await desk.revise(bound, lambda _: ChatRules(press_by="owner"))
        assert changed is not None
        assert changed.rules == ChatRules(press_by="owner")
        assert (changed.tenant, changed.paused_at) == ("acme", paused.paused_at)
        # What was read is not so any more.
        async with transaction(api.services.engine) as connection:
            assert await revise_binding(connection, paused, ChatRules()) is None
        assert await desk.find(bound) == changed

    run(settings, scenario)


def test_of_rules_that_are_changed_at_once_none_is_lost(settings: Settings) -> None:
    def one_more(number: int) -> Change:
        def change(before: ChatBinding | None) -> ChatRules:
            rules = ChatRules() if before is None else before.rules
            return ChatRules(channels_denied=(*rules.channels_denied, str(number)))

        return change

    async def scenario(api: Served) -> None:
        desk = desk_of(api.services)
        bound = Bound(Platform.DISCORD, GUILD, "")
        await asyncio.gather(*(desk.put(bound, "acme", one_more(n)) for n in range(6)))
        assert sorted((await desk.find(bound)).rules.channels_denied) == list("012345")

    run(settings, scenario)
