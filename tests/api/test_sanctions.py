"""Whoever is blocked again and again is slowed down, and then held back; nobody else is."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from infra.clock import SystemClock
from infra.postgres.engine import engine_url, transaction, whole_transactions
from infra.safety.decide import decide
from infra.safety.policies import Policies
from infra.safety.policy_file import default_policy
from infra.safety.sanctions import Sanction, Sanctions
from infra.safety.strikes import Blocked, add_strikes, blocked_prompt
from infra.settings import Settings
from infra.subjects import subject_of
from producer.safety.owner import PolicyOwner
from producer.safety.sanctions import lift
from schemas.errors import DatabaseUnavailableError
from schemas.policy import resolve
from schemas.policy_duties import StrikeWeights
from schemas.safety import Finding
from schemas.tenant_plan import SafetyLevel
from tests.api.served import IMAGE, Served, run

TENANT = 7
ALICE, BOB = b"a" * 16, b"b" * 16


class _Clock(SystemClock):
    """One that is put forward by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class _Watch:
    """Sanctions as a process knows them, two seconds later each time."""

    def __init__(self, api: Served) -> None:
        self._engine = whole_transactions(api.services.engine)
        self.clock = _Clock()
        policies = Policies(self._engine, self.clock)
        self._sanctions = Sanctions(self._engine, self.clock, policies)

    async def add(self, *blocked: Blocked) -> None:
        async with transaction(self._engine) as connection:
            await add_strikes(connection, blocked)

    async def of(self, subject: bytes, *, later: float = 2.1) -> Sanction | None:
        self.clock.seconds += later
        return await self._sanctions.of(TENANT, subject)

    async def lift(self, subject: bytes) -> None:
        await lift(self._engine, PolicyOwner(TENANT, "acme"), subject)


def _blocked(subject: bytes, number: int, *, evaded: bool = False) -> Blocked:
    # Nothing like each other: one byte of each differs from nothing.
    vector = bytes(100 if place == number else 0 for place in range(256))
    return Blocked(TENANT, subject, evaded, vector, StrikeWeights(), timedelta(hours=1))


def test_five_blocks_in_an_hour_lead_to_the_slow_queue_and_a_lift_ends_it(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        watch = _Watch(api)
        assert await watch.of(ALICE) is None
        for number in range(4):
            await watch.add(_blocked(ALICE, number))
        assert await watch.of(ALICE) is None
        await watch.add(_blocked(ALICE, 4), _blocked(BOB, 5))
        # Not looked for before two seconds have passed.
        assert await watch.of(ALICE, later=1.0) is None
        found = await watch.of(ALICE)
        assert found is not None
        assert (found.strikes, found.slow, found.review, found.suspended) == (
            5,
            True,
            False,
            False,
        )
        assert await watch.of(BOB) is None
        assert await watch.of(b"") is None

        await watch.add(*(_blocked(ALICE, 10 + n, evaded=True) for n in range(5)))
        found = await watch.of(ALICE)
        assert found is not None
        assert (found.strikes, found.suspended) == (20, True)
        await watch.lift(ALICE)
        assert await watch.of(ALICE) is None
        await watch.add(_blocked(ALICE, 30))
        assert await watch.of(ALICE) is None

    run(settings, scenario)


def test_a_process_that_begins_without_postgresql_lets_nobody_in_unseen(
    settings: Settings,
) -> None:
    """Who is suspended is so from the first moment on; who waited for the look is told, too."""

    async def scenario(api: Served) -> None:
        watch = _Watch(api)
        await watch.add(*(_blocked(ALICE, n, evaded=True) for n in range(7)))
        known = watch._sanctions._engine
        away = create_async_engine(engine_url("postgresql://nobody@127.0.0.1:1/none"))
        watch._sanctions._engine = away
        for subject in (ALICE, BOB):
            with pytest.raises(DatabaseUnavailableError):
                await watch.of(subject)
        watch._sanctions._engine = known
        found = await watch.of(ALICE, later=0)
        assert found is not None
        assert found.suspended
        # From here on what is known counts, whether PostgreSQL is there or not.
        watch._sanctions._engine = away
        found = await watch.of(ALICE)
        assert found is not None
        assert found.suspended
        await away.dispose()

    run(settings, scenario)


def test_rewordings_of_what_was_blocked_count_three_and_of_what_was_flagged_nothing(
    settings: Settings,
) -> None:
    policy = resolve(default_policy(), None, SafetyLevel.STANDARD)
    flagged = decide("0" * 64, [Finding("F", "1", "violence", 0.5)], [], policy)

    async def scenario(api: Served) -> None:
        watch = _Watch(api)
        assert all(blocked_prompt(TENANT, BOB, flagged, policy, None) is None for _ in range(5))
        first = _blocked(ALICE, 0)
        assert first.vector is not None
        # The same direction but for a trifle, within one statement and after it.
        reworded = Blocked(
            TENANT, ALICE, False, b"\x64\x01" + first.vector[2:], first.weights, first.window
        )
        await watch.add(first, first, reworded)
        await watch.add(reworded)
        found = await watch.of(ALICE)
        assert found is not None
        # Twice the very same one, a rewording, and that one again.
        assert found.strikes == 1 + 1 + 3 + 1
        assert await watch.of(BOB) is None

    run(settings, scenario)


def test_whoever_is_suspended_is_told_until_when_and_others_go_on(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with transaction(api.services.engine) as connection:
            found = await connection.execute(text("SELECT id FROM tenant WHERE name = 'acme'"))
            acme = found.scalar_one()
            alice = subject_of(api.services.settings, acme, "alice")
            await connection.execute(
                text(
                    "INSERT INTO safety_strike (tenant_id, subject, kind, weight)"
                    " SELECT :tenant, :subject, 'block', 1 FROM generate_series(1, 20)"
                ),
                {"tenant": acme, "subject": alice},
            )
        # The first to name an end user has the process look.
        answer = await api.http.post("/v1/jobs", json=IMAGE | {"end_user": "alice"})
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (403, "end_user_suspended")
        assert problem["suspended_until"] in problem["detail"]
        assert 3_500 < int(answer.headers["retry-after"]) <= 3_600
        await api.submit(IMAGE | {"end_user": "bob"})
        await api.submit(IMAGE)

    run(settings, scenario)
