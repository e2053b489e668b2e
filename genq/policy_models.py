"""Safety policies as the SDK hands them out."""

from dataclasses import dataclass, field
from datetime import datetime

from genq.json_fields import Fields
from genq.models import Json


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a safety policy. Times are aware UTC; ``raw`` is the answer as it came.

    Attributes:
        status: ``draft``, ``active`` or ``retired``.
        digest: SHA-256 of what it says, in hex.
        document: What it says.
        approved_by: The second person, where there was one.
    """

    version: int
    name: str
    status: str
    digest: str
    document: Json
    created_at: datetime
    created_by: str
    approved_by: str | None = None
    activated_at: datetime | None = None
    retired_at: datetime | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """What counts in the end.

    Attributes:
        level: At which the tenant is judged.
        categories: By name, thresholds and actions; all else is in ``raw``.
    """

    name: str
    version: int
    level: str
    digest: str
    categories: Json
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """So many jobs were judged one way and would be judged another; ``jobs`` are some."""

    was: str
    would_be: str
    count: int
    jobs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a policy would have changed.

    Attributes:
        judged: Of the ``examined`` jobs, those with verdicts.
        complete: All jobs were looked at; if not, the newest of them.
    """

    examined: int
    judged: int
    changed: int
    complete: bool
    changes: tuple[VerdictChange, ...]
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Sanction:
    """What one end user has to put up with.

    Attributes:
        subject: A pseudonym of the end user.
        actions: Of ``slow_queue``, ``review_all``, ``suspend``.
        until: When it ends, if nothing is added.
    """

    subject: str
    strikes: int
    actions: tuple[str, ...]
    until: datetime
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


def read_policy(found: object) -> Policy:
    """Return the policy in a decoded answer.

    Raises:
        UnexpectedAnswerError: A field that every policy has is missing or of another type.
    """
    fields = Fields(found, "safety policy")
    return Policy(
        version=fields.number("version"),
        name=fields.text("name"),
        status=fields.text("status"),
        digest=fields.text("digest"),
        document=fields.mapping("document"),
        created_at=fields.moment("created_at"),
        created_by=fields.text("created_by"),
        approved_by=fields.maybe_text("approved_by"),
        activated_at=fields.maybe_moment("activated_at"),
        retired_at=fields.maybe_moment("retired_at"),
        raw=fields.found,
    )


def read_policies(found: object) -> tuple[tuple[Policy, ...], str | None]:
    """Return one page of policies and the cursor of the next, ``None`` at the end."""
    fields = Fields(found, "list")
    shown = tuple(read_policy(part.found) for part in fields.parts("data"))
    return shown, fields.maybe_text("next")


def read_effective(found: object) -> EffectivePolicy:
    """Return what counts; errors are those of ``read_policy``."""
    fields = Fields(found, "effective policy")
    return EffectivePolicy(
        name=fields.text("name"),
        version=fields.number("version"),
        level=fields.text("level"),
        digest=fields.text("digest"),
        categories=fields.mapping("categories"),
        raw=fields.found,
    )


def read_simulation(found: object) -> Simulation:
    """Return what would change; errors are those of ``read_policy``."""
    fields = Fields(found, "policy simulation")
    return Simulation(
        examined=fields.number("examined"),
        judged=fields.number("judged"),
        changed=fields.number("changed"),
        complete=fields.found.get("complete") is True,
        changes=tuple(
            VerdictChange(
                part.text("was"),
                part.text("would_be"),
                part.number("count"),
                part.texts("jobs"),
            )
            for part in fields.parts("changes")
        ),
        raw=fields.found,
    )


def read_sanctions(found: object) -> tuple[Sanction, ...]:
    """Return who is sanctioned; errors are those of ``read_policy``."""
    fields = Fields(found, "list")
    return tuple(
        Sanction(
            subject=part.text("subject"),
            strikes=part.number("strikes"),
            actions=part.texts("actions"),
            until=part.moment("until"),
            raw=part.found,
        )
        for part in fields.parts("data")
    )
