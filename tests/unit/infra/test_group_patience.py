"""A row's patience begins when it arrives, whatever was under way then."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from infra.group_commit import GroupCommit
from schemas.errors import DatabaseUnavailableError


def test_a_row_that_waited_behind_a_failing_group_does_not_wait_as_long_again() -> None:
    patience = timedelta(seconds=0.4)
    groups: list[list[int]] = []

    async def scene() -> None:
        begun = asyncio.Event()

        async def write(rows: Sequence[int]) -> Sequence[int]:
            groups.append(list(rows))
            begun.set()
            raise DatabaseUnavailableError("away")

        group = GroupCommit[int, int](write, name="test", patience=patience)
        loop = asyncio.get_running_loop()
        began = loop.time()
        first = asyncio.create_task(group.add(1))
        await begun.wait()

        outcomes = await asyncio.gather(first, group.add(2), return_exceptions=True)

        assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailableError] * 2
        # Twice the patience is what a group of its own would have cost.
        assert loop.time() - began < 1.7 * patience.total_seconds()

    asyncio.run(scene())
    assert groups[0] == [1]
    assert groups[-1] == [2], "it was tried once"
