"""Salts of people's keys, as they are stored. Without its salt nothing of a person opens."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Person = tuple[int, bytes]
"""A tenant, and the pseudonym of one of its people."""

# A row of this very transaction may yet be undone: nobody may remember it.
_READ: Final = text("""
SELECT k.tenant_id, k.subject, k.salt, k.erased_at IS NOT NULL AS erased,
  k.created_at = now() AS unsure
FROM unnest(CAST(:tenants AS bigint[]), CAST(:subjects AS bytea[])) AS x(tenant_id, subject)
JOIN subject_key k ON k.tenant_id = x.tenant_id AND k.subject = x.subject
""")

# In the order of the keys: two bulks of the same people cannot wait for each other.
_ADD: Final = text("""
INSERT INTO subject_key (tenant_id, subject, salt)
SELECT * FROM unnest(CAST(:tenants AS bigint[]), CAST(:subjects AS bytea[]),
  CAST(:salts AS bytea[])) AS x(tenant_id, subject, salt) ORDER BY 1, 2
ON CONFLICT (tenant_id, subject) DO UPDATE SET salt = excluded.salt, created_at = now()
WHERE subject_key.salt IS NULL
""")

_ERASE: Final = text("""
INSERT INTO subject_key (tenant_id, subject, salt, erased_at)
VALUES (:tenant_id, :subject, NULL, clock_timestamp())
ON CONFLICT (tenant_id, subject) DO UPDATE SET salt = NULL, erased_at = clock_timestamp()
""")

_ERASED: Final = text("""
SELECT tenant_id, subject FROM subject_key
WHERE erased_at > now() - make_interval(secs => :seconds)
""")


@dataclass(frozen=True, slots=True)
class StoredSalt:
    """What is stored of one person.

    Attributes:
        salt: Sealed for ``salt_place``; ``None``: deleted.
        erased: It was deleted once.
        unsure: This transaction made it.
    """

    person: Person
    salt: bytes | None = field(repr=False)
    erased: bool
    unsure: bool


def salt_place(person: Person) -> str:
    """Return what a person's salt is sealed for."""
    return f"tenant:{person[0]}:subject:{person[1].hex()}"


async def read_salts(
    connection: AsyncConnection, people: Collection[Person]
) -> list[StoredSalt]:
    """Return what is stored of these people; of whom nothing is stored is missing."""
    rows = await connection.execute(_READ, _pairs(sorted(people)))
    return [
        StoredSalt(
            (row.tenant_id, bytes(row.subject)),
            None if row.salt is None else bytes(row.salt),
            row.erased,
            row.unsure,
        )
        for row in rows
    ]


async def add_salts(connection: AsyncConnection, salts: dict[Person, bytes]) -> None:
    """Keep the salts of people who have none; who has one keeps it."""
    people = sorted(salts)
    values = _pairs(people) | {"salts": [salts[person] for person in people]}
    await connection.execute(_ADD, values)


async def erase_salt(connection: AsyncConnection, person: Person) -> None:
    """Delete a person's salt: from the commit on nothing that was sealed for them opens."""
    await connection.execute(_ERASE, {"tenant_id": person[0], "subject": person[1]})


async def erased_lately(connection: AsyncConnection, *, seconds: float) -> list[Person]:
    """Return whose salts were deleted in the last ``seconds``."""
    rows = await connection.execute(_ERASED, {"seconds": seconds})
    return [(row.tenant_id, bytes(row.subject)) for row in rows]


def _pairs(people: Sequence[Person]) -> dict[str, list[int] | list[bytes]]:
    return {
        "tenants": [tenant_id for tenant_id, _ in people],
        "subjects": [subject for _, subject in people],
    }
