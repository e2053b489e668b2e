"""Whose picture is made plain next."""

import asyncio
import threading

import pytest

from worker.pipeline.picture_turns import PictureTurns

_PATIENCE = 5.0


def test_a_tenant_s_many_pictures_hold_up_another_tenant_s_by_one() -> None:
    async def scenario() -> list[str]:
        turns, go, done = PictureTurns("turns"), threading.Event(), list[str]()

        def first() -> None:
            assert go.wait(_PATIENCE)

        async def one(tenant_id: int, name: str) -> None:
            await turns.run(tenant_id, lambda: done.append(name))

        async with asyncio.timeout(_PATIENCE):
            begun = asyncio.create_task(turns.run(1, first))
            rest = [asyncio.create_task(one(1, f"a{n}")) for n in range(3)]
            rest += [asyncio.create_task(one(2, f"b{n}")) for n in range(2)]
            given_up = asyncio.create_task(one(3, "c"))
            await asyncio.sleep(0)
            given_up.cancel()
            go.set()
            await asyncio.gather(begun, *rest)
            # It is free again, whatever came of those before.
            with pytest.raises(ZeroDivisionError):
                await turns.run(1, lambda: 1 // 0)
            await one(4, "d")
        turns.close()
        return done

    assert asyncio.run(scenario()) == ["a0", "b0", "a1", "b1", "a2", "d"]


def test_what_is_given_up_holds_the_thread_to_its_end() -> None:
    async def scenario() -> list[str]:
        turns, go, done = PictureTurns("turns"), threading.Event(), list[str]()

        def slow() -> None:
            assert go.wait(_PATIENCE)
            done.append("slow")

        async with asyncio.timeout(_PATIENCE):
            begun = asyncio.create_task(turns.run(1, slow))
            await asyncio.sleep(0)
            begun.cancel()
            following = asyncio.create_task(turns.run(2, lambda: done.append("next")))
            await asyncio.gather(begun, return_exceptions=True)
            assert done == []
            go.set()
            await following
        turns.close()
        return done

    assert asyncio.run(scenario()) == ["slow", "next"]
