"""Sanctions as operators see them: who has them, and how they are lifted."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import record
from infra.postgres.engine import transaction
from infra.postgres.strikes import (
    LIFT,
    NewStrike,
    Strike,
    insert_strikes,
    strikes_of_tenant,
)
from infra.safety.sanctions import Sanction, sanction_of
from producer.safety.owner import PolicyOwner
from producer.safety.policies import installation_policy
from schemas.job import iso_ms

_MOST: Final = 50_000


@dataclass(frozen=True, slots=True)
class Sanctioned:
    """One person and what they have to put up with."""

    subject: bytes
    sanction: Sanction

    def view(self) -> dict[str, Any]:
        """Return the JSON form: exactly the fields of ``SanctionView``."""
        return {
            "object": "safety_sanction",
            "subject": self.subject.hex(),
            "strikes": self.sanction.strikes,
            "actions": list(self.sanction.actions),
            "until": iso_ms(self.sanction.until),
        }


async def sanctions_of(engine: AsyncEngine, owner: PolicyOwner) -> list[Sanctioned]:
    """Return everybody of a tenant who is sanctioned now, the most strikes first."""
    async with transaction(engine) as connection:
        return await _sanctions(connection, owner)


async def lift(engine: AsyncEngine, owner: PolicyOwner, subject: bytes) -> bool:
    """Let one person's strikes count no more, from two seconds on; tell whether any did."""
    async with transaction(engine) as connection:
        found = await _sanctions(connection, owner)
        await insert_strikes(connection, [NewStrike(owner.tenant_id, subject, LIFT, 0)])
        of = f"end user {subject.hex()}"
        before = [one.sanction for one in found if one.subject == subject]
        detail = {"strikes": before[0].strikes if before else 0}
        await record(connection, owner.tenant_id, "sanction.lifted", of, detail)
        return bool(before)


async def _sanctions(connection: AsyncConnection, owner: PolicyOwner) -> list[Sanctioned]:
    escalation = (await installation_policy(connection)).escalation
    now, strikes = await strikes_of_tenant(
        connection, owner.tenant_id, escalation.window, limit=_MOST
    )
    found = [
        Sanctioned(subject, sanction)
        for subject, of_one in _by_subject(strikes).items()
        if (sanction := sanction_of(of_one, escalation, now)) is not None
    ]
    return sorted(found, key=lambda one: (-one.sanction.strikes, one.subject))


def _by_subject(strikes: Iterable[Strike]) -> dict[bytes, list[Strike]]:
    found: dict[bytes, list[Strike]] = {}
    for strike in strikes:
        found.setdefault(strike.subject, []).append(strike)
    return found
