"""What a Discord message shows: as Discord's own document allows it, and always the same."""

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.chat.adapter import ChatCall, Fate
from infra.chat.discord_answers import interaction_answer
from infra.chat.discord_text import units
from infra.chat.discord_view import digest_of, notice_body, view_body, with_pictures
from infra.simulator.chat.discord_schema import schema_faults
from schemas.chat import ChatUser
from schemas.chat_buttons import blocked_buttons, cancel_button, failed_buttons
from schemas.chat_inbound import Command, Ignored, Ping, Press
from schemas.chat_view import (
    Button,
    ChatStatus,
    Defer,
    Mark,
    Notice,
    Reply,
    Show,
    Tell,
    Tone,
    View,
    ViewPicture,
)
from tests.fixtures.discord_views import (
    CHANNEL,
    DONE,
    HEARD,
    JOB,
    MESSAGE,
    OWNER,
    URL,
    WAITING,
    ScriptedDiscord,
    discord_bot,
    original,
    running,
)
from tests.unit.chat.test_discord_inbound import heard

GOLDEN = Path(__file__).parent / "golden"
HEAD = f"**a café in 東京** - <@{OWNER.id}>"
CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
EDITED = "/webhooks/{webhook_id}/{webhook_token}/messages/@original"
EVIL = (
    "@everyone <@1> <!channel> [x](https://evil.test) ||spoiler|| \u202egnp.exe\0 "
    + "🔥" * 4000
)
COMMAND: Command = heard("/imagine in a guild")
PRESS: Press = heard("button U2")


def ended(status: ChatStatus, notice: str, *buttons: Button) -> View:
    return replace(DONE, status=status, pictures=(), notice=notice, buttons=tuple(buttons))


FORMS: Mapping[str, View] = {
    "waiting": WAITING,
    "waiting, place unknown": replace(WAITING, position=None, starts_at=None),
    "held": replace(WAITING, status=ChatStatus.HELD, notice="A person looks at it first."),
    "running": running(31, b"preview"),
    "done": DONE,
    "one picture": replace(DONE, title="Image #2", pictures=DONE.pictures * 4),
    "used": replace(DONE, buttons=tuple(replace(b, used=True) for b in DONE.buttons)),
    "words": replace(DONE, command="ask", pictures=(), buttons=(), text="# No\n@here " * 900),
    "no prompt": replace(DONE, command="describe", prompt=""),
    "failed": ended(ChatStatus.FAILED, "The model broke.", *failed_buttons(JOB)),
    "blocked": ended(ChatStatus.BLOCKED, "Not *here*", *blocked_buttons(JOB)),
    "cancelled": ended(ChatStatus.CANCELLED, "It was cancelled."),
    "expired": ended(ChatStatus.EXPIRED, "Too late."),
    "elsewhere": replace(DONE, pictures=(), link="https://genq.test/v1/" + "x" * 100),
    "far elsewhere": replace(DONE, pictures=(), link="https://genq.test/v1/" + "x" * 900),
    "hostile": replace(
        DONE,
        prompt=EVIL,
        title=EVIL,
        text=EVIL,
        notice=EVIL,
        link="https://genq.test/" + "y" * 1400,
        pictures=(ViewPicture("../../é \r\n.webp", "image/webp", EVIL, b"x"),) * 12,
        buttons=tuple(cancel_button(JOB, EVIL, row) for row in range(8)),
    ),
    "a stranger": replace(WAITING, owner=ChatUser("<@&1>", name="@everyone")),
}
NOTICES = (
    Notice("Queue full", "Running 3/3, waiting 7/7.", Tone.WARNING),
    Notice("Link", "https://genq.test/l/1", buttons=(Button("Open", url="https://genq.test"),)),
    Notice(EVIL, EVIL, Tone.ERROR, buttons=(cancel_button(JOB), Button("x"))),
)


def faults(told: Any, method: str = "PATCH", path: str = EDITED) -> list[str]:
    return [fault.message for fault in schema_faults(method, path, told)]


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_what_discords_document_allows(name: str) -> None:
    view = FORMS[name]
    body, files = with_pictures(view_body(view), view)
    assert faults(body) == []
    assert faults(body, "POST", "/webhooks/{webhook_id}/{webhook_token}") == []
    assert faults(interaction_answer(COMMAND, Show(view)), "POST", CALLBACK) == []
    assert units(body["content"]) <= 2000
    told = [units(one.get(p, "")) for one in body["embeds"] for p in ("title", "description")]
    assert sum(told) <= 6000
    assert [one["id"] for one in body["attachments"]] == [str(n) for n in range(len(files))]
    assert [one.part for one in files] == [f"files[{n}]" for n in range(len(files))]


@pytest.mark.parametrize("name", FORMS)
def test_no_form_can_ping_anybody_but_its_owner(name: str) -> None:
    body = view_body(FORMS[name])
    known = FORMS[name].owner.id.isdigit()
    assert body["allowed_mentions"] == {"parse": [], "users": [OWNER.id] if known else []}
    assert re.findall(r"(?<!\\)<.[^>]*>", body["content"].replace("<t:", "")) == (
        [f"<@{OWNER.id}>"] if known else []
    )
    shown = [body["content"], *(one["description"] for one in body["embeds"])]
    assert "@everyone" not in " ".join(shown)
    assert "\0" not in json.dumps(body, ensure_ascii=False)
    assert "\u202e" not in json.dumps(body, ensure_ascii=False)


@pytest.mark.parametrize("notice", NOTICES, ids=["plain", "link", "hostile"])
def test_every_notice_is_private_and_what_discord_allows(notice: Notice) -> None:
    for one in (COMMAND, PRESS):
        answer = interaction_answer(one, Tell(notice))
        assert faults(answer, "POST", CALLBACK) == []
        assert (answer["type"], answer["data"]["flags"]) == (4, 64)
        assert answer["data"]["allowed_mentions"] == {"parse": [], "users": []}


def test_a_link_in_a_notice_can_be_clicked() -> None:
    notice = Notice("Link", "Open https://genq.test/chat/link/a_b once.")
    assert (
        "https://genq.test/chat/link/a_b once"
        in notice_body(notice)["embeds"][0]["description"]
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "waiting",
            f"{HEAD} (Waiting to start) · position 3 · <t:1795168845:R>",
        ),
        ("running", f"{HEAD} (31%) (fast)"),
        ("done", f"{HEAD} (fast)"),
        ("one picture", "**a café in 東京** - Image #2 <@80351110224678912> (fast)"),
        ("failed", f"{HEAD} (failed) (fast)"),
        ("no prompt", r"**\/describe** - <@80351110224678912> (fast)"),
    ],
)
def test_the_words_are_those_people_know(name: str, content: str) -> None:
    assert view_body(FORMS[name])["content"] == content


def test_a_guess_of_the_start_that_moved_a_little_looks_the_same() -> None:
    starts = WAITING.starts_at
    assert starts is not None
    moved = replace(WAITING, starts_at=starts + timedelta(seconds=2))
    assert digest_of(moved) == digest_of(WAITING)
    later = replace(WAITING, starts_at=starts + timedelta(seconds=30))
    assert digest_of(later) != digest_of(WAITING)


def test_another_picture_of_the_same_name_looks_different() -> None:
    assert digest_of(running(31, b"one")) != digest_of(running(31, b"two"))
    assert digest_of(running(31, b"one")) == digest_of(running(31, b"one"))


def test_used_buttons_are_drawn_so_and_a_cancel_is_red() -> None:
    used = view_body(FORMS["used"])["components"][0]["components"][0]
    assert (used["style"], used["label"]) == (1, "U1")
    assert view_body(WAITING)["components"][0]["components"][0]["style"] == 4
    assert [one["label"] for one in view_body(DONE)["components"][1]["components"]] == [
        "V1",
        "V2",
        "V3",
        "V4",
    ]


@pytest.mark.parametrize(
    ("heard_", "reply", "kind"),
    [
        (Ping(), None, {"type": 1}),
        (COMMAND, Defer(), {"type": 5}),
        (replace(COMMAND, name="queue"), Defer(), {"type": 5, "data": {"flags": 64}}),
        (PRESS, Defer(), {"type": 6}),
        (PRESS, Mark(None), {"type": 6}),
    ],
)
def test_an_answer_without_words_has_its_own_type(
    heard_: Any, reply: Reply | None, kind: dict[str, Any]
) -> None:
    assert interaction_answer(heard_, reply) == kind
    assert faults(kind, "POST", CALLBACK) == []


def test_a_pressed_button_is_marked_and_the_pictures_stay() -> None:
    answer = interaction_answer(PRESS, Mark(replace(FORMS["used"], pictures=())))
    assert faults(answer, "POST", CALLBACK) == []
    assert answer["type"] == 7
    # What is not named is left as it is.
    assert set(answer["data"]) == {"components", "allowed_mentions"}


def test_what_is_not_for_us_is_answered_privately() -> None:
    answer = discord_bot().answer(Ignored("x"), None)
    assert (answer.status, answer.content_type, answer.told) == (200, "application/json", True)
    assert json.loads(answer.body)["data"]["flags"] == 64


def told_of(call: ChatCall) -> dict[str, Any]:
    """Return a call as it is stored: no host, no agent, of bytes a digest."""
    return {
        "line": f"{call.method} {call.url.removeprefix(URL)}",
        "as_bot": "Authorization" in call.headers,
        "body": call.body,
        "files": [
            {
                "part": one.part,
                "name": one.name,
                "media_type": one.media_type,
                "sha256": hashlib.sha256(one.data).hexdigest(),
            }
            for one in call.files
        ],
    }


def journey() -> dict[str, Any]:
    """Return a command's whole life, and that of a press upon its result, as requests."""
    bot, discord = discord_bot(), ScriptedDiscord()
    answer = bot.answer(COMMAND, Show(WAITING))
    views = (running(0), running(31, b"one"), running(78, b"two"), DONE)

    async def scenario() -> None:
        ref = original()
        for number, view in enumerate(views, 1):
            now = HEARD + timedelta(seconds=30 * number)
            result = await bot.send(ref, view, discord, now=now, nonce="n1")
            assert result.fate is Fate.TAKEN
            ref = result.ref
        ref = replace(original(original=False), reply_to=MESSAGE)
        made = await bot.send(ref, WAITING, discord, now=HEARD, nonce="n2")
        picked = replace(DONE, title="Image #2")
        late = HEARD + timedelta(minutes=16)
        await bot.send(made.ref, picked, discord, now=late, nonce="n2")
        rung = await bot.send(
            replace(made.ref, rung=1, token=None), picked, discord, now=late, nonce="n2"
        )
        assert (rung.fate, rung.ref.channel) == (Fate.TAKEN, CHANNEL)

    asyncio.run(scenario())
    return {
        "answer": json.loads(answer.body),
        "marked": interaction_answer(PRESS, Mark(FORMS["used"])),
        "calls": [told_of(call) for call in discord.calls],
    }


def test_a_journey_is_rendered_exactly_as_it_is_stored() -> None:
    stored = GOLDEN / "discord_journey.json"
    rendered = json.dumps(journey(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if not stored.exists():
        stored.write_text(rendered)
        pytest.fail(
            f"{stored.name} was missing; it is written now: read it, and run this again"
        )
    assert rendered == stored.read_text()
