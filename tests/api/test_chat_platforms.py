"""Slack and Telegram at the door: empty answers, words in private, Telegram's pictures."""

from dataclasses import replace
from typing import Final, cast

import pytest

from infra.chat.adapter import ChatAdapter, ChatHttp
from infra.settings import Settings
from producer.chat.asked import Asked, Turn
from producer.chat.pictures import named_pictures
from schemas.chat import Platform
from schemas.chat_binding import ChatRules
from schemas.chat_inbound import Attached
from schemas.errors import DatabaseUnavailableError, GenqError, InputError
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.picture_references import Source, source_of
from tests.api.chatting import Chat, chat
from tests.api.people import sql
from tests.fixtures.chat_openings import said as heard
from tests.fixtures.chat_platforms import PlayedPlatforms

BOTS: Final = ("slack", "telegram")
GROUP: Final = -1_001_234_567_890
PNG: Final = b"\x89PNG\r\n\x1a\n" + b"0" * 64


async def settled(here: Chat) -> None:
    assert here.api.services.chat is not None
    await here.api.services.chat.close()


async def opens(here: Chat) -> None:
    """Of the newest job: a first message is still to be posted."""
    [row] = await sql(
        here.api,
        "SELECT ref, edited_at FROM chat_message ORDER BY id DESC LIMIT 1",
    )
    assert "message" not in row.ref
    assert row.edited_at is None


def test_slack_is_answered_with_nothing_or_with_words_for_one(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        people = here.platforms.slack.people
        said = await people.say("/imagine a red\u202e kite --relax", times=3)
        assert {(one.status, one.body) for one in said.answers} == {(200, b"")}
        assert len(await here.jobs()) == 1
        job = await here.job()
        assert (job.end_user, job.input["prompt"]) == ("slack:U1", "a red kite")
        await opens(here)
        wrong = await people.say("/imagine a red kite --sede 7")
        assert wrong.private
        assert "did you mean --seed?" in wrong.text
        listed = await people.say("/queue")
        assert "1 waiting" in listed.text
        assert listed.message is not None
        gone = await people.press(listed.message, "Cancel 1")
        assert gone.answer.status == 200
        await settled(here)
        told = [one.text for one in here.platforms.slack.board.of_bot() if one.private_to]
        assert any("is cancelled" in text for text in told)

    chat(settings, chat_platforms, scenario, bots=BOTS)


def test_telegram_is_answered_with_calls_and_its_pictures_become_files(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        telegram = here.platforms.telegram
        people = telegram.people
        said = await people.say("/imagine a red kite", times=3)
        assert {one.status for one in said.answers} == {200}
        assert len(await here.jobs()) == 1
        assert (await here.job()).end_user == "telegram:123456"
        await opens(here)
        assert "did you mean" in (await people.say("/imagine a --sede 7")).text

        picture = people.upload("a.png", "image/png", PNG)
        await people.say("/describe", picture=picture)
        job = await here.job()
        assert job.kind is Kind.CHAT
        url = job.input["messages"][0]["content"][1]["image_url"]["url"]
        assert source_of(url) is Source.FILE
        stored = await here.api.http.get(f"/v1/files/{url}/content")
        assert stored.content == PNG
        # What is refused leaves nothing behind.
        files = len(await sql(here.api, "SELECT 1 FROM file WHERE deleted_at IS NULL"))
        await here.sql("UPDATE tenant SET allowed_kinds = '{1}' WHERE name = 'acme'")
        refused = await people.say("/describe", picture=picture)
        assert "Not allowed" in refused.text
        left = len(await sql(here.api, "SELECT 1 FROM file WHERE deleted_at IS NULL"))
        assert left == files

    chat(settings, chat_platforms, scenario, bots=BOTS)


def test_in_a_group_of_telegram_what_is_private_is_written_to_the_person(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        telegram = here.platforms.telegram
        assert "/imagine" in (await telegram.people.say("/start")).text
        said = await telegram.people.say("/gallery", chat=GROUP)
        assert (said.answer.status, said.answer.body) == (200, b"")
        await settled(here)
        direct = [one.text for one in telegram.board.of_bot("123456")]
        assert any("/chat/gallery/" in text for text in direct)
        assert not [one for one in telegram.board.of_bot(str(GROUP)) if "gallery/" in one.text]

    chat(settings, chat_platforms, scenario, bots=BOTS)


def test_a_group_of_telegram_does_not_read_what_was_asked_for_in_private(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        people = here.platforms.telegram.people
        await people.say("/imagine a secret")
        shown = format_id("job", (await here.job()).id)
        said = await people.say("/cancel", chat=GROUP)
        assert "secret" not in said.text
        assert shown in said.text
        await people.say("/imagine an open letter", chat=GROUP)
        assert "open letter" in (await people.say("/cancel", chat=GROUP)).text

    chat(settings, chat_platforms, scenario, bots=BOTS)


def test_whoever_has_all_their_jobs_has_no_picture_fetched(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        people = here.platforms.telegram.people
        await people.say("/imagine a red kite")
        picture = people.upload("a.png", "image/png", PNG)
        assert "Queue full" in (await people.say("/describe", picture=picture)).text
        assert here.platforms.ledger.matching("getFile") == []
        assert await sql(here.api, "SELECT 1 FROM file") == []

    chat(settings, chat_platforms, scenario, bots=BOTS, chat_user_jobs=1)


class Fetching:
    """A bot that hands out one picture."""

    def __init__(self) -> None:
        self.fetched = 0

    async def fetch_file(self, file_id: str, http: ChatHttp) -> bytes:
        del file_id, http
        self.fetched += 1
        return PNG


def test_a_picture_is_fetched_once_however_often_its_command_is_tried(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        door, bot = here.api.services.chat, Fetching()
        assert door is not None
        command = replace(
            heard(platform=Platform.TELEGRAM),
            pictures=(Attached(file_id="f1", media_type="image/x-<script>"),),
        )
        tenant = await here.tenant("acme")
        asked = Asked(command, tenant, ChatRules(), cast("ChatAdapter", bot), Turn())
        names: list[str] = []

        async def tried(error: type[GenqError]) -> None:
            async with named_pictures(door._means, asked, ()) as pictures:
                names.extend(pictures.names)
                raise error("so")

        for error in (DatabaseUnavailableError, DatabaseUnavailableError, InputError):
            with pytest.raises(error):
                await tried(error)
        assert bot.fetched == 1
        assert len(set(names)) == 1
        # What else it is said to be is not repeated; what is refused leaves nothing.
        [file] = await sql(here.api, "SELECT content_type, deleted_at FROM file")
        assert file.content_type == "application/octet-stream"
        assert file.deleted_at is not None
        assert asked.turn.stored == {}

    chat(settings, chat_platforms, scenario, bots=BOTS)
