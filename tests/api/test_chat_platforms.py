"""Slack and Telegram at the door: empty answers, words in private, Telegram's pictures."""

from typing import Final

from infra.settings import Settings
from schemas.generation import Kind
from schemas.picture_references import Source, source_of
from tests.api.chatting import Chat, chat
from tests.api.people import sql
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
