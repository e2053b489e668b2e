"""The book of calls: whose job nobody knows to be written, for how long, and how many."""

from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from infra.new_ids import new_key
from infra.postgres.held_calls import ATTACH_WITHIN, Held
from producer.openai.call_book import CallBook
from schemas.errors import DatabaseUnavailableError
from tests.fixtures.fakes import MovedClock

SECOND: Final = timedelta(seconds=1)


class Desk:
    """A book that is asked for no row, and its clock."""

    def __init__(self) -> None:
        self.clock = MovedClock()
        self.book = CallBook(create_async_engine("postgresql+psycopg://"), self.clock)

    def refused(self, *, again: bool = False, digest: bytes = b"same") -> UUID:
        """Refuse a call because PostgreSQL is away; return the job that it was to be."""
        written = Held(1, digest, new_key())
        with (
            suppress(DatabaseUnavailableError),
            self.book.unsure(written, again=again) as call,
        ):
            assert call is not None
            written = call
            raise DatabaseUnavailableError("away")
        return written.job_id

    def written(self) -> UUID:
        """Write a repetition; return the job that it became."""
        with self.book.unsure(Held(1, b"same", new_key()), again=True) as call:
            assert call is not None
            return call.job_id


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_repetition_writes_the_job_of_the_call_that_was_refused_once(desk: Desk) -> None:
    first, second, other = desk.refused(), desk.refused(), desk.refused(digest=b"other")

    assert [desk.written(), desk.written()] == [first, second]
    assert desk.written() not in {first, second, other}


def test_a_call_that_was_refused_too_long_ago_to_be_repeated_is_nobodys(desk: Desk) -> None:
    old = desk.refused()
    desk.clock.moved = ATTACH_WITHIN - SECOND
    young = desk.refused()
    # Refused again it is no younger.
    assert desk.refused(again=True) == old
    desk.clock.moved += 2 * SECOND

    assert desk.written() == young
    assert desk.written() != old


def test_of_calls_that_say_the_same_the_last_hundred_are_remembered(desk: Desk) -> None:
    refused = [desk.refused() for _ in range(150)]

    assert [desk.written() for _ in range(100)] == refused[50:]
    assert desk.written() not in refused
