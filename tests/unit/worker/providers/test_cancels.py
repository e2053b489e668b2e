"""Giving work up: nobody waits for it, but whoever closes, and that not for long."""

import asyncio

from worker.providers.cancels import Cancels


def test_closing_waits_for_what_ends_soon_and_not_for_a_server_that_stays_silent() -> None:
    told: list[str] = []

    async def tell(what: str, heard: asyncio.Event) -> None:
        await heard.wait()
        told.append(what)

    async def scene() -> None:
        cancels, soon, never = Cancels(patience=0.05), asyncio.Event(), asyncio.Event()
        await cancels.close()
        cancels.begin(tell("soon", soon))
        cancels.begin(tell("never", never))
        asyncio.get_running_loop().call_later(0.01, soon.set)
        await asyncio.wait_for(cancels.close(), 5)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scene())

    assert told == ["soon"]
