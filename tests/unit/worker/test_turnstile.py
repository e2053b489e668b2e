"""Many that come at once pass a few per round of the loop, in order, whoever leaves."""

import asyncio

from worker.turnstile import Turnstile


def test_a_crowd_passes_a_few_per_round_in_the_order_it_came() -> None:
    async def crowd() -> list[list[int]]:
        turnstile = Turnstile(3)
        rounds: list[list[int]] = [[]]

        async def one(number: int) -> None:
            await turnstile.enter()
            rounds[-1].append(number)

        async def watch() -> None:
            while sum(map(len, rounds)) < 10:
                await asyncio.sleep(0)
                rounds.append([])

        await asyncio.gather(*(one(number) for number in range(10)), watch())
        return [passed for passed in rounds if passed]

    rounds = asyncio.run(crowd())
    assert [number for passed in rounds for number in passed] == list(range(10))
    assert max(map(len, rounds)) == 3


def test_who_comes_alone_does_not_wait() -> None:
    async def alone() -> int:
        turnstile = Turnstile(1)
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        await turnstile.enter()
        counting.cancel()
        return turns

    assert asyncio.run(alone()) == 0


def test_who_is_cancelled_keeps_nobody_waiting() -> None:
    async def leaving() -> list[int]:
        turnstile = Turnstile(1)
        passed: list[int] = []

        async def one(number: int) -> None:
            await turnstile.enter()
            passed.append(number)

        tasks = [asyncio.create_task(one(number)) for number in range(4)]
        await asyncio.sleep(0)
        for task in tasks[1:3]:
            task.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks, return_exceptions=True)
            await turnstile.enter()
        return passed

    assert asyncio.run(leaving()) == [0, 3]
