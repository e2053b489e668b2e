"""May the bots speak: a token that the platform refused stops one until there is another."""

from typing import Final

from infra.chat.bot_tokens import token_digests
from infra.postgres.chat_bots import chat_bots
from infra.postgres.engine import transaction
from producer.doctor.finding import Finding, fine, wrong
from producer.doctor.subject import Subject

_CHECK: Final = "bots"


async def look_at_bots(subject: Subject) -> list[Finding]:
    """Look for bots that were stopped."""
    digests = token_digests(subject.settings)
    if not digests:
        return [fine(_CHECK, "no bot is configured")]
    async with transaction(subject.engine) as connection:
        told = await chat_bots(connection)
    stopped = [
        wrong(
            _CHECK,
            f"the bot of {platform.value.title()} is stopped: {told[platform].stopped_reason}",
            "nothing is sent to its chats; what is owed waits for up to 76 hours",
            f"set a new token in GENQ_{platform.value.upper()}_BOT_TOKEN and restart genq"
            f" deliver; if the token is right, genq bot resume {platform.value}",
        )
        for platform, digest in digests.items()
        if platform in told and told[platform].stopped(digest)
    ]
    names = ", ".join(platform.value.title() for platform in digests)
    return stopped or [fine(_CHECK, f"bots that may speak: {names}")]
