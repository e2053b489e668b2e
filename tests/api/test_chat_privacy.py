"""What chats keep of people: named in an export, gone with an erasure."""

from typing import Final

from infra.postgres import chat_bindings as bindings
from infra.postgres.chat_messages import message_of_job
from infra.postgres.chat_people import Person, newest_of
from infra.postgres.chat_presses import PressKey
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.erase_content import erase_content
from infra.postgres.tenants import Tenant, ensure_tenant
from infra.settings import Settings
from producer.chat.opening import ChatOpening
from schemas.chat import MessageState, Platform, Verb
from schemas.chat_binding import ChatRules
from schemas.chat_view import ChatAnswer
from schemas.generation import Kind
from schemas.ids import format_id, parse_id
from schemas.job import JobRecord, JobRequest
from tests.api.people import carry_out, end, erase, exported, sql
from tests.api.served import SECRET as WEBHOOK_SECRET
from tests.api.served import Served, run
from tests.fixtures.chat_openings import opening, said

# A code of each, an attempt of each delivery; as before a process's delivery was recorded.
LEFT_BEHIND: Final = (
    """
INSERT INTO chat_link (digest, platform, place_id, user_id, expires_at)
SELECT decode(lpad(u, 2, '0'), 'hex'), 'discord', '', u, now()
FROM unnest(CAST('{7,8}' AS text[])) u
""",
    """
INSERT INTO delivery_attempt (event_id, delivery_id, n, outcome, duration_ms, job_id, url)
SELECT event_id, id, 1, 'refused', 0, job_id, url FROM delivery
""",
)
URLS: Final = "SELECT url FROM delivery UNION ALL SELECT url FROM delivery_attempt"
NAMED: Final = {
    "chat_link": "SELECT user_id FROM chat_link ORDER BY 1",
    "chat_inbound": "SELECT dedupe_key FROM chat_inbound ORDER BY 1",
    "chat_press": "SELECT user_id FROM chat_press ORDER BY 1",
    "chat_message": "SELECT user_id FROM chat_message ORDER BY 1",
    "chat_binding": "SELECT user_id FROM chat_binding ORDER BY 1",
}


async def acme(api: Served) -> Tenant:
    async with transaction(api.services.engine) as connection:
        return await ensure_tenant(
            connection, "acme", max_inflight=10, webhook_secret=WEBHOOK_SECRET
        )


async def make(api: Served, chat: ChatOpening) -> JobRecord:
    request = JobRequest(
        kind=Kind.IMAGE, input={"prompt": "a letter"}, end_user=chat.heard.end_user
    )
    return (await api.services.submitter.submit(await acme(api), request, chat=chat)).job


async def bind(api: Served, user: str) -> None:
    tenant = await acme(api)
    async with transaction(api.services.engine) as connection:
        await bindings.put_binding(
            connection,
            platform=Platform.DISCORD,
            place_id="g1",
            user_id=user,
            tenant_id=tenant.id,
            rules=ChatRules(max_jobs=3),
        )


async def people_in(api: Served) -> dict[str, list[str]]:
    """Return whom the tables of chats name."""
    return {table: [row[0] for row in await sql(api, q)] for table, q in NAMED.items()}


async def play_of_two(api: Served) -> list[JobRecord]:
    """Have 7 and 8 ask for pictures, and vary each other's."""
    made: list[JobRecord] = []
    for user, other in (("7", "8"), ("8", "7")):
        await bind(api, user)
        job = await make(api, opening(said(f"{user} asks", user=user)))
        press = PressKey(job.id, Verb.VARY, 1)
        by_other = await make(api, opening(said(f"{other} varies", user=other), press=press))
        made += [job, by_other]
    for job in made:
        await end(api, format_id("job", job.id))
    return made


def test_an_erased_person_is_in_no_chat_any_more_and_the_others_are(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await play_of_two(api)
        for statement in LEFT_BEHIND:
            await sql(api, statement)
        theirs = "SELECT id FROM chat_message WHERE user_id = '7'"
        messages = [str(row.id) for row in await sql(api, theirs)]
        urls = [row.url for row in await sql(api, URLS)]
        assert all(any(m in url for url in urls) for m in messages)

        await erase(api, "discord:7")
        await carry_out(api)

        left = [row.url or "" for row in await sql(api, URLS)]
        assert not any(m in url for m in messages for url in left)
        assert len(left) > len(list(filter(None, left))) > 0
        assert await people_in(api) == {
            "chat_link": ["8"],
            "chat_inbound": ["8 asks", "8 varies"],
            # Each press was on a picture of the one, and made one of the other.
            "chat_press": [],
            "chat_message": ["8", "8"],
            "chat_binding": ["8"],
        }

    run(settings, scenario)


def test_an_export_says_which_messages_show_jobs_and_what_binds_the_person(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        first, *_ = await play_of_two(api)

        *jobs, binding = await exported(api, "discord:7")

        assert jobs[0]["id"] == format_id("job", first.id)
        assert [job["chat"] for job in jobs] == [
            {
                "platform": "discord",
                "place": "g1",
                "user": "7",
                "channel": "c1",
                "message": None,
                "command": "imagine",
                "title": "",
            }
        ] * 2
        assert binding | {"created_at": ""} == {
            "object": "chat_binding",
            "platform": "discord",
            "place": "g1",
            "user": "7",
            "rules": {"max_jobs": 3},
            "created_at": "",
        }

    run(settings, scenario)


def test_a_result_that_is_erased_is_shown_no_more_and_its_request_makes_no_other(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        tenant = await acme(api)
        job = await make(api, opening())
        name = format_id("job", job.id)
        await end(api, name)
        async with transaction(whole_transactions(api.services.engine)) as connection:
            await erase_content(connection, [job.id], prompts=True, results=True)
            kept = await message_of_job(connection, tenant.id, parse_id("job", name))
            shown = await newest_of(
                connection, Person(tenant.id, Platform.DISCORD, "7"), kind=1, limit=5
            )
        assert kept
        assert (kept.state, kept.detail) == (MessageState.FINAL, "erased")
        assert shown == []
        again = await api.services.submitter.chat_answered(said())
        assert again
        assert again.answer == ChatAnswer(200)

    run(settings, scenario)
