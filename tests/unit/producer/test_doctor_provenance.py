"""The doctor tries to sign, and says in time that a certificate ends."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from infra.clock import SystemClock
from infra.settings import Settings
from producer.doctor.finding import Finding, Level
from producer.doctor.provenance import look_at_provenance
from producer.doctor.subject import Subject


class ClockAhead(SystemClock):
    """A clock of some days later."""

    def __init__(self, days: int) -> None:
        self.days = days

    def now(self) -> datetime:
        return super().now() + timedelta(days=self.days)


def _look(days: int, **changed: object) -> Finding:
    given = {
        "database_url": "postgresql://x/x",
        "broker_url": "redis://x",
        "object_store": "file:///x",
        "key_pepper": "a pepper of enough characters",
    }
    settings = Settings.model_validate(given).model_copy(update=changed)
    engine = create_async_engine("postgresql+psycopg://x/x")
    subject = Subject(settings, engine, ClockAhead(days), timedelta(1), timedelta(0))
    (found,) = asyncio.run(look_at_provenance(subject))
    return found


@pytest.mark.parametrize(
    ("days", "changed", "level", "words"),
    [
        (0, {}, Level.OK, "a development certificate signs pictures, until 2046-01-01"),
        (0, {"production": True}, Level.WARNING, "a development certificate signs"),
        (6_965, {}, Level.WARNING, "ends on 2046-01-01"),
        (9_000, {}, Level.ERROR, "ended on 2046-01-01"),
        (0, {"provenance": False}, Level.OK, "not marked"),
    ],
)
def test_the_certificate_is_tried_and_watched(
    days: int, changed: dict[str, object], level: Level, words: str
) -> None:
    found = _look(days, **changed)
    assert (found.level, words in found.what) == (level, True), found
    assert bool(found.action) == (level is not Level.OK)
