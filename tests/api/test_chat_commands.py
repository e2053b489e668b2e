"""What people ask of a bot: every command, and what is told in private instead."""

from ipaddress import ip_network

from infra.settings import Settings
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job_states import JobState
from schemas.lanes import Lane
from schemas.picture_words import BLEND, DESCRIBE
from tests.api.chatting import Chat, chat, job_of
from tests.fixtures.chat_platforms import CHANNEL, USER, PlayedPlatforms

PNG = b"\x89PNG\r\n\x1a\n"


def test_imagine_makes_a_grid_of_the_prompt_and_answers_with_its_message(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        said = await here.say("/imagine a red kite", options={"speed": "relax"})
        assert not said.private
        assert said.text.startswith("**a red kite** - <@")
        assert "(Waiting to start)" in said.text
        assert "position 1" in said.text
        assert said.message is not None
        assert said.message.labels == ["Cancel"]
        job = await here.job()
        assert job.id == job_of(said)
        assert dict(job.input) == {"prompt": "a red kite", "n": 4}
        assert (job.kind, job.lane, job.end_user) == (Kind.IMAGE, Lane.RELAX, f"discord:{USER}")

        await here.say("/imagine a boat --n 1 --turbo --seed 7")
        job = await here.job()
        assert dict(job.input) == {"prompt": "a boat", "n": 1, "seed": 7}
        assert job.lane is Lane.TURBO
        # What nobody can store is taken out.
        await here.say("/imagine a\x00 cat")
        assert (await here.job()).input["prompt"] == "a cat"

    chat(settings, chat_platforms, scenario)


WRONG = {
    "/imagine a kite --sede 7": ("Invalid parameter", "did you mean --seed?"),
    "/imagine a kite --n 99": ("Invalid parameter", "--n"),
    "/imagine --ar 16:9": ("Invalid parameter", "nothing stands before the flags"),
    "/imagine a kite --model none": ("Unknown model", "there is test-image"),
    "/imagine": ("Invalid parameter", "/imagine a red kite"),
    "/ask": ("Invalid parameter", "/ask why"),
    "/describe": ("Invalid parameter", "takes one picture"),
    "/describe ftp://x.test/a.png": ("Invalid parameter", "takes one picture"),
    "/describe http://x.test/a.png": ("Invalid parameter", "https"),
    "/blend https://x.test/1.png": ("Invalid parameter", "2 to 5 pictures, and there are 1"),
    "/cancel 3": ("Nothing to cancel", "nothing under way"),
    "/cancel job_xyz": ("No such job", "no job's id"),
    "/nonsense": ("Unknown command", "/imagine"),
}


def test_what_is_wrong_is_told_in_private_with_what_to_do_and_makes_nothing(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        for text, (title, words) in WRONG.items():
            told = await here.told(text)
            assert title in told, (text, told)
            assert words in told, (text, told)
        speed = await here.told("/imagine a kite", options={"speed": "warp"})
        assert "there is no such speed" in speed.lower()
        both = await here.told("/imagine a kite --fast", options={"speed": "relax"})
        assert "keep one" in both
        file = here.discord.people.upload("a.txt", "text/plain", b"words")
        assert "no picture" in await here.told("/describe", pictures=[file])
        assert await here.jobs() == []

    chat(settings, chat_platforms, scenario)


def test_words_and_pictures_become_jobs_of_their_kinds(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        await here.say("/ask why is the sky blue --really")
        job = await here.job()
        assert job.kind is Kind.CHAT
        assert job.input["messages"][0]["content"] == "why is the sky blue --really"

        one = here.discord.people.upload("a.png", "image/png", PNG)
        said = await here.say("/describe", pictures=[one])
        told, shown = (await here.job()).input["messages"][0]["content"]
        assert told["text"] == DESCRIBE
        assert shown["image_url"]["url"].endswith(one.name)
        assert "Look at this picture" not in said.text

        said = await here.say(
            "/blend https://x.test/1.png, <https://x.test/2.png> as oil --n 2"
        )
        job = await here.job()
        assert job.kind is Kind.IMAGE_EDIT
        assert job.input["images"] == ["https://x.test/1.png", "https://x.test/2.png"]
        assert (job.input["prompt"], job.input["n"]) == ("as oil", 2)
        await here.say("/blend https://x.test/1.png https://x.test/2.png --relax")
        job = await here.job()
        assert (job.input["prompt"], job.input["n"], job.lane) == (BLEND, 4, Lane.RELAX)

    near = (ip_network("127.0.0.0/8"),)
    chat(settings, chat_platforms, scenario, picture_http=True, outbound_allow=near)


def test_the_queue_lists_five_with_their_places_and_cancels_them(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        assert "nothing under way" in await here.told("/queue")
        for n in range(6):
            await here.say(f"/imagine kite {n}")
        said = await here.say("/queue")
        assert said.private
        assert said.message is not None
        assert "0 running, 6 waiting" in said.text
        told = said.text.replace("\\", "")
        assert "1. kite 5 (fast) · position 6, no worker takes" in told
        assert "and 1 more" in told
        assert said.message.labels == [f"Cancel {n}" for n in range(1, 6)]
        # Its buttons are of the one who asked.
        assert (await here.press(said.message, "Cancel 2")).private
        assert "is cancelled" in await here.told("/cancel")
        assert "is cancelled" in await here.told("/cancel 2")
        jobs = await here.jobs()
        states = {job.input["prompt"]: job.state for job in jobs}
        gone = [name for name, state in states.items() if state is JobState.CANCELLED]
        assert sorted(gone) == ["kite 2", "kite 4", "kite 5"]
        shown = format_id("job", jobs[0].id)
        assert "only who asked" in (await here.told(f"/cancel {shown}", user="7")).lower()
        assert "is cancelled" in await here.told(f"/cancel {shown}")

    chat(settings, chat_platforms, scenario)


def test_what_a_person_may_is_told_and_held_to(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        await here.bind(
            lanes=(Lane.RELAX, Lane.FAST), max_jobs=2, models={"imagine": "test-image"}
        )
        assert "Speed: relax" in await here.told("/info")
        assert "2 at most" in await here.told("/info")
        settled = await here.told("/settings")
        assert "Speeds: relax, fast" in settled
        assert "Model of /imagine: test-image" in settled
        assert "turbo is not allowed here" in (await here.told("/imagine a --turbo")).lower()
        await here.say("/imagine a")
        assert (await here.job()).lane is Lane.RELAX
        await here.say("/imagine b")
        full = await here.told("/imagine c")
        assert "Queue full" in full
        assert "0 of your jobs run and 2 wait; 2 may" in full
        # Somebody else has places of their own.
        await here.say("/imagine c", user="7")
        assert len(await here.jobs()) == 3

    chat(settings, chat_platforms, scenario)


def test_links_are_told_in_private(settings: Settings, chat_platforms: PlayedPlatforms) -> None:
    async def scenario(here: Chat) -> None:
        assert "/chat/gallery/" in await here.told("/gallery")
        assert "/imagine a red kite" in await here.told("/help")
        assert "to link yourself" in await here.told("/link")
        here.discord.world.person("7").permissions = 32
        assert "to link this place" in await here.told("/link", user="7")

    chat(settings, chat_platforms, scenario)


REFUSED: dict[str, tuple[str, str]] = {
    "UPDATE chat_binding SET paused_at = now()": (
        "paused here",
        "UPDATE chat_binding SET paused_at = NULL",
    ),
    "UPDATE tenant SET suspended_at = now() WHERE name = 'acme'": (
        "suspended this account",
        "UPDATE tenant SET suspended_at = NULL",
    ),
    "UPDATE tenant SET allowed_kinds = '{2}' WHERE name = 'acme'": (
        "Kind 'image' is not allowed",
        "UPDATE tenant SET allowed_kinds = NULL",
    ),
}


def test_whoever_may_not_is_told_so_in_private(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        await here.bind(channels_denied=(CHANNEL,))
        assert "this channel" in await here.told("/imagine a red kite")
        await here.bind(channels=("1",))
        assert "this channel" in await here.told("/imagine a red kite")
        await here.bind()
        for so, (words, not_so) in REFUSED.items():
            await here.sql(so)
            assert words in await here.told("/imagine a red kite")
            await here.sql(not_so)
        assert await here.jobs() == []
        await here.say("/imagine a red kite")

    chat(settings, chat_platforms, scenario)


def test_a_place_that_is_not_linked_is_told_how(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        told = await here.told("/imagine a red kite")
        assert "server is not linked" in told
        assert "/link" in told
        await here.bind(user_id=USER, place_id="")
        await here.say("/imagine a red kite")
        assert "not linked" in await here.told("/imagine a red kite", user="7")
        direct = here.discord.world.direct("7").id
        assert "You are not linked" in await here.told("/queue", user="7", channel=direct)

    chat(settings, chat_platforms, scenario, chat_tenant=None)


def test_who_asks_too_fast_waits(settings: Settings, chat_platforms: PlayedPlatforms) -> None:
    async def scenario(here: Chat) -> None:
        told = [await here.told("/help") for _ in range(45)]
        assert "Too fast" in told[-1]
        assert "Too fast" not in told[30]
        assert "Too fast" not in await here.told("/help", user="7")

    chat(settings, chat_platforms, scenario)


def test_rules_are_those_of_the_narrowest_binding(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        await here.bind(lanes=(Lane.RELAX,))
        await here.bind(tenant="other", user_id=USER, lanes=(Lane.TURBO,))
        await here.say("/imagine mine")
        await here.say("/imagine ours", user="7")
        mine, ours = await here.jobs()
        assert (mine.lane, ours.lane) == (Lane.TURBO, Lane.RELAX)
        assert mine.tenant_id == (await here.tenant("other")).id
        assert ours.tenant_id == (await here.tenant("acme")).id

    chat(settings, chat_platforms, scenario)


def test_who_manages_a_place_changes_what_costs_nobody_anything(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        here.discord.world.person("7").permissions = 32
        assert "link it first" in await here.told("/settings press owner", user="7")
        await here.bind(lanes=(Lane.RELAX,))
        assert "Only who manages" in await here.told("/settings press owner")
        assert "There are:" in await here.told("/settings lanes turbo", user="7")
        assert "is changed" in await here.told("/settings press owner", user="7")
        assert "is changed" in await here.told("/settings channel off", user="7")
        assert "this channel" in await here.told("/imagine a red kite")
        # Whoever turned it off can turn it on again.
        assert "is changed" in await here.told("/settings channel on", user="7")
        told = await here.told("/settings")
        assert "under a result: owner" in told
        assert "Speeds: relax" in told
        assert "Channels: all" in told

    chat(settings, chat_platforms, scenario)
