"""People's data as the SDK hands it out: retention rules and erasures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from genq.json_fields import Fields
from genq.models import Json


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How many hours after a job's end its content is kept; ``None``: any lane, any kind."""

    prompt_hours: int
    result_hours: int
    updated_at: datetime
    lane: str | None = None
    kind: str | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Erasure:
    """A person being erased. Times are aware UTC; ``raw`` is the answer as it came.

    Attributes:
        status: ``waiting``, ``done`` or ``refused``.
        person: A pseudonym.
        counts: What was done: ``jobs``, ``objects``, and what was ``held`` back.
        files: Ids of files of batches, written anew without what the person's lines said.
        holds: Ids of legal holds that keep something.
        evidence: Ids of evidence that is kept in any case.
    """

    id: str
    status: str
    person: str
    asked_at: datetime
    done_at: datetime | None = None
    counts: Mapping[str, object] = field(default_factory=dict[str, object])
    files: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


def read_rule(found: object) -> RetentionRule:
    """Return the rule in a decoded answer.

    Raises:
        UnexpectedAnswerError: A field that every rule has is missing or of another type.
    """
    fields = Fields(found, "retention rule")
    return RetentionRule(
        prompt_hours=fields.number("prompt_hours"),
        result_hours=fields.number("result_hours"),
        updated_at=fields.moment("updated_at"),
        lane=fields.maybe_text("lane"),
        kind=fields.maybe_text("kind"),
        raw=fields.found,
    )


def read_erasure(found: object) -> Erasure:
    """Return the erasure in a decoded answer; errors are those of ``read_rule``."""
    fields = Fields(found, "erasure")
    held = fields.part("held")
    return Erasure(
        id=fields.text("id"),
        status=fields.text("status"),
        person=fields.text("person"),
        asked_at=fields.moment("asked_at"),
        done_at=fields.maybe_moment("done_at"),
        counts=fields.mapping("counts"),
        files=fields.maybe_texts("files") or (),
        holds=(held.maybe_texts("holds") or ()) if held else (),
        evidence=(held.maybe_texts("evidence") or ()) if held else (),
        raw=fields.found,
    )
