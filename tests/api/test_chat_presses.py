"""Buttons under results: what they make, who may press them, and how often."""

import asyncio

from infra.settings import Settings
from infra.simulator.chat.messages import Form, Message
from schemas.chat import ChatUser, Verb
from schemas.chat_job import Card, job_view_of
from schemas.errors import ErrorRecord
from schemas.ids import format_id
from schemas.job_states import JobState
from schemas.lanes import Lane
from tests.api.chatting import Chat, button, chat
from tests.api.people import sql
from tests.fixtures.chat_platforms import USER, PlayedPlatforms

STALE = "of no use any more"


def test_u_v_and_reroll_make_jobs_of_the_presser_with_their_lineage(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        said = await here.say("/imagine a red kite --relax")
        parent = await here.done()
        made = {
            (Verb.UPSCALE, 2): ("upscale", 1, "Image #2"),
            (Verb.VARY, 3): ("vary", 2, "Variations of #3"),
            (Verb.REROLL, 0): ("reroll", None, ""),
        }
        for (verb, index), (action, place, title) in made.items():
            pressed = await here.press_id(said, button(verb, index, parent), user="7")
            assert not pressed.private
            job = await here.job()
            assert (job.end_user, job.lane) == ("discord:7", Lane.RELAX)
            assert job.lineage is not None
            assert list(job.lineage.parent_ids) == [parent.id]
            assert job.lineage.action == action
            assert job.lineage.detail.get("index") == place
            [message] = await sql(
                here.api, "SELECT * FROM chat_message WHERE job_id = :id", id=job.id
            )
            assert (message.title, message.user_id) == (title, "7")
            # A message of its own is to follow.
            assert "original" not in message.ref
            assert "message" not in message.ref
        # They are drawn as pressed, and stay.
        assert said.message is not None
        styles = {one.label: one.style for one in said.message.buttons}
        assert [styles[name] for name in ("U1", "U2", "🔄", "V3", "V4")] == [
            "secondary",
            "primary",
            "primary",
            "primary",
            "secondary",
        ]

    chat(settings, chat_platforms, scenario)


def test_an_upscale_is_made_once_and_a_second_click_is_told_so(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        said = await here.say("/imagine a red kite")
        parent = await here.done()
        await here.press_id(said, button(Verb.UPSCALE, 2, parent))
        for user in (USER, "7"):
            again = await here.press_id(said, button(Verb.UPSCALE, 2, parent), user=user)
            assert again.private
            assert "Image #2 is on its way already" in again.text.replace("\\", "")
        assert len(await here.jobs()) == 2
        await here.done(1)
        again = await here.press_id(said, button(Verb.UPSCALE, 2, parent))
        assert "Image #2 is there already" in again.text.replace("\\", "")
        # Two people may vary the same picture at a time, and each of them once at a time.
        await here.press_id(said, button(Verb.VARY, 1, parent))
        await here.press_id(said, button(Verb.VARY, 1, parent), user="7")
        twice = await here.press_id(said, button(Verb.VARY, 1, parent))
        assert twice.private
        assert len(await here.jobs()) == 4

    chat(settings, chat_platforms, scenario)


def test_what_failed_is_asked_for_again_as_it_was(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        said = await here.say("/imagine a red kite --n 2")
        job = await here.job()
        error: ErrorRecord = {
            "code": "model_unavailable",
            "message": "gpu-3.internal: the account has no credits",
            "category": "model",
            "severity": "high",
            "retryable": True,
            "error_id": "err_1",
        }
        await here.api.end(format_id("job", job.id), JobState.FAILED, error=error)
        failed = job_view_of(
            await here.job(), Card("imagine", ChatUser("7")), now=job.created_at
        )
        assert failed.notice == f"It failed ({format_id('job', job.id)}). 🔄 tries it again."
        await here.press_id(said, button(Verb.REROLL, 0, job), user="7")
        again = await here.job()
        assert again.id != job.id
        assert dict(again.input) == dict(job.input)
        assert again.end_user == "discord:7"
        [row] = await sql(
            here.api, "SELECT ref FROM chat_message WHERE job_id = :i", i=again.id
        )
        assert row.ref["channel"]

    chat(settings, chat_platforms, scenario)


def test_forged_and_stale_ids_lead_nowhere(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        said = await here.say("/imagine a red kite")
        parent = await here.job()
        # Not done yet.
        early = await here.press_id(said, button(Verb.UPSCALE, 1, parent))
        assert "has no pictures" in early.text.replace("\\", "")
        parent = await here.done(2)
        # A job of the same tenant that no chat made.
        outside = await here.api.submit()
        await here.api.end(outside["id"], pictures=[b"png"])
        foreign = next(job for job in await here.jobs() if job.id != parent.id)
        await here.bind(tenant="other", user_id="7")
        forged = [
            (button(Verb.UPSCALE, 1, foreign), USER, STALE),
            (button(Verb.UPSCALE, 1, parent), "7", STALE),
            (button(Verb.CANCEL, 0, parent), "7", STALE),
            (button(Verb.UPSCALE, 0, parent), USER, STALE),
            (button(Verb.UPSCALE, 3, parent), USER, STALE),
            ("g1:u:1:zzzzzzzzzzzzzzzzzzzzzzzzzz", USER, STALE),
            ("MJ::JOB::upsample::2::x", USER, STALE),
        ]
        for custom_id, user, words in forged:
            told = await here.press_id(said, custom_id, user=user)
            assert told.private
            assert words in told.text.replace("\\", ""), custom_id
        assert len(await here.jobs()) == 2
        # Somebody of the same tenant, somewhere else.
        direct = here.discord.world.direct("8").id
        own = await here.say("/imagine a boat", user="8", channel=direct)
        for verb in (Verb.UPSCALE, Verb.CANCEL):
            told = await here.press_id(own, button(verb, 1, parent), user="8")
            assert STALE in told.text
        assert len(await here.jobs()) == 3

    chat(settings, chat_platforms, scenario)


def test_only_the_owner_presses_where_the_rules_say_so_and_cancels_anywhere(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        await here.bind(press_by="owner")
        said = await here.say("/imagine a red kite")
        waiting = await here.job()
        cancelled = await here.press(said.message, "Cancel", user="7")
        assert "Only who asked" in cancelled.text
        assert (await here.job()).state is not JobState.CANCELLED
        await here.done()
        for verb in (Verb.UPSCALE, Verb.APPEAL):
            told = await here.press_id(said, button(verb, 1, waiting), user="7")
            assert "Only who asked" in told.text
        late = await here.press_id(said, button(Verb.CANCEL, 0, waiting))
        assert "has ended" in late.text
        assert len(await here.jobs()) == 1
        other = await here.say("/imagine a boat")
        assert "a boat" in (await here.press(other.message, "Cancel")).text
        assert (await here.job()).state is JobState.CANCELLED

    chat(settings, chat_platforms, scenario)


def test_a_refused_prompt_is_told_in_private_and_can_be_appealed_by_its_owner(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        said = await here.say("/imagine sexual pictures of a 10 year old child")
        assert said.private
        assert "Prompt refused" in said.text
        assert said.message is not None
        assert said.message.labels == ["Appeal"]
        assert (await here.job()).state is JobState.BLOCKED
        first = await here.press(said.message, "Appeal")
        assert "A person looks at it" in first.text
        second = await here.press(said.message, "Appeal")
        assert "asked to look at it before" in second.text

    chat(settings, chat_platforms, scenario)


def test_one_click_that_comes_five_times_makes_one_job_and_five_equal_answers(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        said = await here.say("/imagine a red kite", times=5)
        assert len({answer.body for answer in said.answers}) == 1
        assert len(await here.jobs()) == 1
        await here.done()
        parent = await here.job()
        clicks = [
            here.press_id(said, button(Verb.UPSCALE, 1, parent), times=5),
            here.press_id(said, button(Verb.UPSCALE, 1, parent), user="7"),
        ]
        pressed, other = await asyncio.gather(*clicks)
        assert len({answer.body for answer in pressed.answers}) == 1
        assert len(await here.jobs()) == 2
        assert pressed.private != other.private

    chat(settings, chat_platforms, scenario)


def test_a_result_that_came_as_a_direct_message_has_buttons_for_whoever_asked_for_it(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        await here.bind()
        said = await here.say("/imagine a red kite")
        parent = await here.done()
        assert said.message is not None
        for user, made in (("7", 1), (USER, 2)):
            direct = here.discord.world.direct(user).id
            shown = Message("77", direct, "bot", [Form(0.0, "a red kite")])
            up = button(Verb.UPSCALE, 1, parent)
            await here.press(shown, up, user=user, forged=True)
            assert len(await here.jobs()) == made

    chat(settings, chat_platforms, scenario, chat_tenant=None)
