"""Keys: who is let in, who is not, and what an answer costs the database."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from infra.api_keys import digest_of, new_api_key
from infra.postgres.engine import create_engine, transaction
from infra.settings import Settings
from producer.api.auth import FRESH, KeyRing
from schemas.errors import UnauthenticatedError
from tests.api.served import Served, new_key, run


class FakeClock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 11, 20, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.at


BAD_KEYS: tuple[str | None, ...] = (
    None,
    "",
    "Bearer",
    "Basic YTpi",
    "gq_123",
    "Bearer gq_unknown",
    "Bearer \xff",
)


def test_who_brings_no_good_key_gets_401(settings: Settings, subtests: pytest.Subtests) -> None:
    async def scenario(api: Served) -> None:
        del api.http.headers["Authorization"]
        for authorization in BAD_KEYS:
            with subtests.test(authorization=authorization):
                headers = (
                    {b"Authorization": authorization.encode("latin-1")} if authorization else {}
                )
                for method, path in (
                    ("POST", "/v1/jobs"),
                    ("GET", "/v1/jobs"),
                    ("GET", "/v1/jobs/job_1"),
                    ("GET", "/v1/jobs/job_1/artifacts/0"),
                ):
                    answer = await api.http.request(method, path, headers=headers)

                    assert answer.status_code == 401
                    assert answer.headers["www-authenticate"] == 'Bearer realm="genq"'
                    assert answer.json()["code"] == "invalid_api_key"

    run(settings, scenario)


def test_the_scheme_may_be_written_in_any_case(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        headers = {"Authorization": f"bEARER {api.key}"}

        assert (await api.http.get("/v1/jobs", headers=headers)).status_code == 200

    run(settings, scenario)


def test_an_answer_is_remembered_for_five_seconds_and_a_revoked_key_dies_then(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        clock = FakeClock()
        pepper = settings.key_pepper.get_secret_value()
        ring = KeyRing(api.services.engine, pepper, clock)
        bearer = f"Bearer {api.key}"
        caller = await ring.caller_of(bearer)
        async with transaction(api.services.engine) as connection:
            await connection.execute(text("UPDATE api_key SET revoked_at = now()"))

        clock.at += FRESH.total_seconds() - 0.01
        assert await ring.caller_of(bearer) == caller
        clock.at += 0.02
        with pytest.raises(UnauthenticatedError):
            await ring.caller_of(bearer)

    run(settings, scenario)


def test_a_stranger_is_remembered_too_and_let_in_when_its_key_exists(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        clock = FakeClock()
        pepper = settings.key_pepper.get_secret_value()
        ring = KeyRing(api.services.engine, pepper, clock)
        key = new_api_key()
        with pytest.raises(UnauthenticatedError):
            await ring.caller_of(f"Bearer {key}")
        async with transaction(api.services.engine) as connection:
            await connection.execute(
                text("UPDATE api_key SET digest = :digest"), {"digest": digest_of(key, pepper)}
            )

        with pytest.raises(UnauthenticatedError):
            await ring.caller_of(f"Bearer {key}")
        clock.at += FRESH.total_seconds() + 0.01
        assert (await ring.caller_of(f"Bearer {key}")).tenant.name == "acme"

    run(settings, scenario)


def test_many_invented_keys_do_not_push_out_a_real_one(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        pepper = settings.key_pepper.get_secret_value()
        ring = KeyRing(api.services.engine, pepper, FakeClock(), remembered=2)
        caller = await ring.caller_of(f"Bearer {api.key}")
        for _ in range(5):
            with pytest.raises(UnauthenticatedError):
                await ring.caller_of(f"Bearer {new_api_key()}")
        await api.services.engine.dispose()
        async with transaction(api.services.engine) as connection:
            await connection.execute(text("UPDATE api_key SET revoked_at = now()"))

        assert await ring.caller_of(f"Bearer {api.key}") == caller

    run(settings, scenario)


def test_who_asks_at_once_asks_the_database_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        engine = create_engine(
            settings.model_copy(update={"database_pool_size": 1}), process="test"
        )
        ring = KeyRing(engine, settings.key_pepper.get_secret_value(), FakeClock())
        key = await new_key(api.services, "acme")
        async with asyncio.timeout(3):
            callers = await asyncio.gather(
                *(ring.caller_of(f"Bearer {key}") for _ in range(50))
            )
        await engine.dispose()

        assert len({caller.tenant.id for caller in callers}) == 1

    run(settings, scenario)


def test_keys_live_for_seconds_not_minutes() -> None:
    assert timedelta(seconds=5) >= FRESH
