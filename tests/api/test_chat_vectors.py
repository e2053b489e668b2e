"""Every kept request gets the verdict at our doors that the platforms' own libraries give."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from infra.clock import SystemClock
from infra.postgres.engine import transaction
from infra.postgres.read_jobs import get_job
from infra.postgres.tenants import ensure_tenant
from infra.settings import Settings
from schemas.chat import Platform
from tests.api.chat_doors import Doors, chat_doors

VECTORS: Final[Mapping[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "unit/chat/chat-inbound-vectors.json").read_bytes()
)
DISCORD, SLACK, TELEGRAM = (VECTORS[platform] for platform in Platform)
# The one of Slack's requests of which its own libraries make an error of the server.
NO_NUMBER: Final = "timestamp is not a number"
BOTS: Final[Mapping[str, Any]] = {
    "discord_application_id": "1100000000000000001",
    "discord_public_key": DISCORD["public_key_hex"],
    "discord_bot_token": SecretStr("discord-token"),
    "slack_signing_secret": SecretStr(SLACK["signing_secret"]),
    "slack_bot_token": SecretStr("xoxb-only-for-tests"),
    "telegram_bot_token": SecretStr("123456:AA-only-for-tests"),
    "telegram_secret": SecretStr(TELEGRAM["secret_token"]),
}


class Then(SystemClock):
    """The time at which a platform's requests were signed; Telegram signs none."""

    def __init__(self, platform: Platform = Platform.SLACK) -> None:
        self.platform = platform

    def now(self) -> datetime:
        clock = VECTORS[self.platform].get("clock", SLACK["clock"])
        return datetime.fromtimestamp(clock, UTC)


def body_of(platform: Platform, one: Mapping[str, Any]) -> str:
    """Return its body; of the one that says so, that of the first."""
    said = one["body"]
    return VECTORS[platform]["requests"][0]["body"] if said.startswith("(body of") else said


async def verdict(doors: Doors, then: Then, platform: Platform, one: Mapping[str, Any]) -> int:
    then.platform = platform
    headers = [(name.lower().encode(), told.encode()) for name, told in one["headers"].items()]
    return await doors.post(f"/chat/{platform}", headers, body_of(platform, one).encode())


def discords_verdict(one: Mapping[str, Any]) -> int:
    """Return what discord-interactions' own server answers."""
    oracle = pytest.importorskip("discord_interactions")
    signature = one["headers"].get("X-Signature-Ed25519")
    stamp = one["headers"].get("X-Signature-Timestamp")
    if signature is None or stamp is None:
        return 401
    passes = oracle.verify_key(
        one["body"].encode(), signature, stamp, DISCORD["public_key_hex"]
    )
    return 200 if passes else 401


def slacks_verdict(one: Mapping[str, Any]) -> int:
    """Return what slack_sdk says of the signature."""
    signature = pytest.importorskip("slack_sdk.signature")
    verifier = signature.SignatureVerifier(SLACK["signing_secret"], _then(signature))
    try:
        return 200 if verifier.is_valid_request(one["body"], one["headers"]) else 401
    except ValueError:
        return 500


def bolts_verdicts() -> list[int]:
    """Return what an app of slack-bolt answers, to each."""
    bolt = pytest.importorskip("slack_bolt")
    signature = pytest.importorskip("slack_sdk.signature")
    checks = bolt.middleware.RequestVerification(SLACK["signing_secret"])
    checks.verifier.clock = _then(signature)
    known = bolt.authorization.AuthorizeResult(
        enterprise_id=None, team_id="T1", bot_token="xoxb-only-for-tests"
    )
    # Its own check has no other clock than the machine's.
    app = bolt.App(authorize=lambda: known, request_verification_enabled=False)
    app.use(checks)

    def taken(ack: Any) -> Any:
        return ack()

    app.use(taken)
    return [
        app.dispatch(bolt.BoltRequest(body=one["body"], headers=one["headers"])).status
        for one in SLACK["requests"]
    ]


def _then(signature: Any) -> Any:
    class Fixed(signature.Clock):
        def now(self) -> float:
            return float(SLACK["clock"])

    return Fixed()


def expected(platform: Platform) -> dict[str, int]:
    return {one["name"]: one["expect_status"] for one in VECTORS[platform]["requests"]}


def test_every_vector_gets_at_the_doors_the_verdict_of_the_platforms_own_libraries(
    settings: Settings,
) -> None:
    async def play() -> None:
        then = Then()
        async with chat_doors(settings, then, **BOTS) as doors:
            ours = {
                platform: {
                    one["name"]: await verdict(doors, then, platform, one)
                    for one in VECTORS[platform]["requests"]
                }
                for platform in Platform
            }
            assert ours == {platform: expected(platform) for platform in Platform}
            await assert_telegrams_are_read_as_its_library_reads_them(doors)
        theirs = {one["name"]: discords_verdict(one) for one in DISCORD["requests"]}
        assert ours[Platform.DISCORD] == theirs
        names = [one["name"] for one in SLACK["requests"]]
        for verdicts in (map(slacks_verdict, SLACK["requests"]), bolts_verdicts()):
            theirs = dict(zip(names, verdicts, strict=True))
            [odd] = [name for name in names if name.startswith(NO_NUMBER)]
            assert (theirs.pop(odd), ours[Platform.SLACK][odd]) == (500, 401)
            assert theirs == {name: ours[Platform.SLACK][name] for name in theirs}

    asyncio.run(play())


async def assert_telegrams_are_read_as_its_library_reads_them(doors: Doors) -> None:
    """A command made one job, of the person and with the words that the library finds."""
    telegram = pytest.importorskip("telegram")
    wanted: set[tuple[str, str, str]] = set()
    for one in TELEGRAM["requests"]:
        update = telegram.Update.de_json(json.loads(body_of(Platform.TELEGRAM, one)), None)
        if one["expect_status"] != 200 or update.message is None:
            continue
        # What follows the entity is what was asked; its flags are no words of the prompt.
        [entity] = update.message.entities or [None]
        end = entity.length if entity else update.message.text.index(" ")
        words = update.message.text[end:].partition(" --")[0].strip()
        wanted.add((str(update.update_id), f"telegram:{update.effective_user.id}", words))
    found: set[tuple[str, str, str]] = set()
    asked = "SELECT dedupe_key, job_id FROM chat_inbound WHERE platform = 'telegram'"
    async with transaction(doors.services.engine) as connection:
        acme = await ensure_tenant(connection, "acme", max_inflight=9, webhook_secret="")
        for row in (await connection.execute(text(asked))).all():
            job = await get_job(connection, acme.id, row.job_id)
            assert job is not None
            found.add((row.dedupe_key, job.end_user or "", job.input["prompt"]))
    assert found == wanted
