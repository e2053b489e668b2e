"""Pictures for chats: what cannot be made is a link, and few are in memory at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from structlog.testing import capture_logs

from infra.artifact_tokens import ArtifactTokens
from infra.chat.adapter import ChatCall, ChatHttpAnswer
from infra.clock import SystemClock
from infra.postgres.chat_messages import KeptMessage
from infra.postgres.delivery import Owed
from schemas.chat import MessageRef, MessageState, Platform, chat_url
from schemas.events import OutboxKind
from schemas.generation import Kind
from schemas.job import Artifact, JobRecord
from schemas.job_states import JobState
from schemas.lanes import Lane
from schemas.receiver import Receiver
from schemas.tenant_plan import SafetyLevel
from schemas.webhooks import Trigger
from tests.fixtures.discord_views import discord_bot
from worker.delivery.chat_look import Look
from worker.delivery.chat_pace import ChatPace
from worker.delivery.chat_pictures import ChatPictures, Shown
from worker.delivery.chat_sender import Bot, ChatSender
from worker.delivery.result import Outcome

KEY: Final = UUID(int=7)
NOW: Final = datetime(2026, 11, 22, 9, tzinfo=UTC)
PICTURE: Final = Artifact(0, "a/0.webp", "image/webp", 9, "0" * 64, 8, 8)


def job_of(*pictures: Artifact) -> JobRecord:
    return JobRecord(
        id=KEY,
        tenant_id=1,
        kind=Kind.IMAGE,
        model="m",
        lane=Lane.FAST,
        priority=1,
        state=JobState.SUCCEEDED,
        created_at=NOW,
        input={"prompt": "a kite"},
        artifacts=pictures,
    )


class Broken:
    """Policies without marks, and sheets that a defect keeps from being made."""

    marking = None

    async def of(self, *_: Any) -> "Broken":
        return self

    async def compose(self, *_: Any, **__: Any) -> bytes:
        raise ZeroDivisionError


def test_what_a_defect_keeps_from_being_shown_is_a_link_and_told_in_the_log() -> None:
    broken = cast("Any", Broken())
    pictures = ChatPictures(
        broken,
        broken,
        broken,
        tokens=ArtifactTokens("only-for-tests-0123456789"),
        public_url="https://g.example",
        clock=SystemClock(),
    )
    with capture_logs() as logs:
        shown = asyncio.run(
            pictures.of(job_of(PICTURE, PICTURE), level=SafetyLevel.STRICT, most=1 << 20)
        )
    assert shown == Shown(link=shown.link)
    assert (shown.link or "").startswith("https://g.example/v1/artifacts/gqa_")
    assert [one["event"] for one in logs] == ["chat_picture_not_made"]


class Nothing:
    """Every bot may speak, every message is open, and shows nothing yet."""

    def __init__(self, look: Look) -> None:
        self.known = look
        self.seen = 0

    async def look(self, _: UUID) -> Look:
        return self.known

    async def hindrance(self, _: Platform) -> None:
        return None

    def ref_of(self, message: KeptMessage) -> MessageRef:
        return message.ref

    async def view(self, *_: Any, **__: Any) -> None:
        self.seen += 1
        raise AssertionError("no picture was to be made")

    async def send(self, call: ChatCall) -> ChatHttpAnswer:
        del call
        raise AssertionError("nothing was to be sent")


def test_a_result_that_finds_no_room_for_its_picture_leaves_its_place_for_a_second() -> None:
    message = KeptMessage(
        KEY, KEY, 1, Platform.DISCORD, "1", "2", "imagine", "", MessageRef("1"), None,
        MessageState.OPEN, NOW,
    )  # fmt: skip
    nothing = Nothing(Look(message, job_of(PICTURE), None, SafetyLevel.STRICT))
    fake, adapter = cast("Any", nothing), discord_bot()
    pace = ChatPace(Platform.DISCORD, nothing, SystemClock())
    bot = Bot(adapter, pace, room=asyncio.Semaphore(0))
    sender = ChatSender({Platform.DISCORD: bot}, fake, fake, fake, SystemClock())
    owed = Owed(
        KEY, 1, 0, KEY, KEY, 1, None, 1, "chat-discord://1",
        chat_url(Platform.DISCORD, "1", KEY), timedelta(), "job.succeeded",
        OutboxKind.TERMINAL, 9, 0, Trigger.SCHEDULED, b"{}", None,
    )  # fmt: skip
    receiver = Receiver(lane_id=1, tenant_id=1, endpoint_id=None, origin=owed.origin)
    result = asyncio.run(sender.send(owed, receiver))
    assert (result.outcome, result.again) == (Outcome.DEFERRED, timedelta(seconds=1))
    assert nothing.seen == 0
