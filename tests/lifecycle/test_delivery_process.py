"""The delivery process as it is started and stopped: signals, exit codes, death."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

from infra.doorbells import DELIVER, Doorbells
from infra.settings import Settings
from tests.fixtures.deliveries import Deliveries, open_deliveries
from tests.fixtures.receiver import Answer, Receiver

COMMAND = (sys.executable, "-P", "-m", "worker.delivery")
MINUTE = timedelta(minutes=1)
HANG = Answer(hang=True)


def environment(settings: Settings, **changes: str) -> dict[str, str]:
    return {
        "GENQ_DATABASE_URL": settings.database_url.get_secret_value(),
        "GENQ_BROKER_URL": settings.broker_url.get_secret_value(),
        "GENQ_OBJECT_STORE": settings.object_store,
        "GENQ_KEY_PEPPER": settings.key_pepper.get_secret_value(),
        "GENQ_OUTBOUND_ALLOW": json.dumps([str(net) for net in settings.outbound_allow]),
        "GENQ_LOG_FORMAT": "json",
        **changes,
    }


@contextlib.asynccontextmanager
async def running(
    folder: Path, env: dict[str, str]
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Start the process and yield it when it says that it delivers."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, cwd=folder, env=env, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            await said(process, "delivery_started")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # Reading to the end closes the pipe.
        await process.communicate()


async def said(process: asyncio.subprocess.Process, event: str) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        if json.loads(line)["event"] == event:
            return
    raise AssertionError(f"the process ended without {event}")


async def ended(process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(10):
        await process.communicate()
    return process.returncode or 0


async def announce(deliveries: Deliveries, settings: Settings, url: str) -> str:
    [owing] = await deliveries.owe(url)
    async with Doorbells(settings.doorbell_url()) as doorbells:
        await doorbells.ring(DELIVER)
    return owing.webhook_id


def test_a_rung_doorbell_is_answered_and_sigterm_lets_the_answer_in(
    settings: Settings, tmp_path: Path
) -> None:
    async def play() -> None:
        slow = Answer(delay=timedelta(milliseconds=300))
        async with (
            Receiver(slow) as receiver,
            open_deliveries(settings) as deliveries,
            running(tmp_path, environment(settings)) as process,
        ):
            await announce(deliveries, settings, receiver.url)
            await receiver.wait_for(1)
            process.send_signal(signal.SIGTERM)
            assert await ended(process) == 0
            assert await deliveries.rows() == []
            assert [a.outcome for a in await deliveries.attempts()] == ["success"]

    asyncio.run(play())


def test_sigterm_does_not_wait_for_a_hung_receiver_and_hands_its_delivery_back(
    settings: Settings, tmp_path: Path
) -> None:
    async def play() -> None:
        async with (
            Receiver(otherwise=HANG) as receiver,
            open_deliveries(settings) as deliveries,
            running(tmp_path, environment(settings, GENQ_DRAIN_GRACE="0.3")) as process,
        ):
            await announce(deliveries, settings, receiver.url)
            await receiver.wait_for(1)
            process.send_signal(signal.SIGTERM)
            assert await ended(process) == 0
            [row] = await deliveries.rows()
            assert (row.attempt, row.fence) == (0, 0)
            [lane] = await deliveries.lanes()
            assert lane.owner is None
            assert lane.due_in <= timedelta()

    asyncio.run(play())


def test_what_was_in_flight_when_the_process_was_killed_is_sent_again(
    settings: Settings, tmp_path: Path
) -> None:
    async def play() -> None:
        async with Receiver(HANG) as receiver, open_deliveries(settings) as deliveries:
            async with running(tmp_path, environment(settings)) as process:
                webhook_id = await announce(deliveries, settings, receiver.url)
                await receiver.wait_for(1)
                process.kill()
                assert await ended(process) == -signal.SIGKILL
            await deliveries.age(MINUTE)
            async with running(tmp_path, environment(settings)) as process:
                requests = await receiver.wait_for(2)
                process.send_signal(signal.SIGTERM)
                assert await ended(process) == 0
            assert {r.headers["webhook-id"] for r in requests} == {webhook_id}
            assert requests[0].body == requests[1].body
            assert await deliveries.rows() == []

    asyncio.run(play())


def test_the_process_outlives_an_absent_database(settings: Settings, tmp_path: Path) -> None:
    async def play() -> None:
        nobody = "postgresql://nobody@127.0.0.1:1/nothing"
        env = environment(settings, GENQ_DATABASE_URL=nobody)
        async with running(tmp_path, env) as process:
            await said(process, "delivery_waits_for_database")
            await said(process, "delivery_waits_for_database")
            process.send_signal(signal.SIGINT)
            assert await ended(process) == 0

    asyncio.run(play())


def test_wrong_settings_are_named_and_end_the_process_with_8(
    settings: Settings, tmp_path: Path
) -> None:
    env = environment(settings, GENQ_WEBHOOK_TIMEOUT="soon")
    done = subprocess.run(COMMAND, cwd=tmp_path, env=env, capture_output=True, check=False)
    assert done.returncode == 8
    assert b"GENQ_WEBHOOK_TIMEOUT" in done.stderr
    assert done.stdout == b""
