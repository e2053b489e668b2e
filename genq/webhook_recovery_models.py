"""Recoveries as the SDK hands them out: what an endpoint is sent again."""

from dataclasses import dataclass, field
from datetime import datetime

from genq.json_fields import Fields
from genq.models import Json


@dataclass(frozen=True, slots=True)
class Recovery:
    """Events that an endpoint is sent again.

    Attributes:
        status: ``running``, ``completed``, ``cancelled`` or ``failed``.
        looked: So many events were looked at; ``queued``: so many of them wait to be sent.
    """

    id: str
    endpoint_id: str
    status: str
    since: datetime
    until: datetime
    only: str
    looked: int
    queued: int
    created_at: datetime
    sample: int | None = None
    finished_at: datetime | None = None
    error: str | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)

    @property
    def done(self) -> bool:
        """Whether no more will be queued."""
        return self.status != "running"


def read_recovery(found: object) -> Recovery:
    """Return a recovery; errors as of ``read_job``."""
    fields = Fields(found, "recovery")
    return Recovery(
        id=fields.text("id"),
        endpoint_id=fields.text("endpoint_id"),
        status=fields.text("status"),
        since=fields.moment("since"),
        until=fields.moment("until"),
        only=fields.text("only"),
        looked=fields.number("looked"),
        queued=fields.number("queued"),
        created_at=fields.moment("created_at"),
        sample=fields.maybe_number("sample"),
        finished_at=fields.maybe_moment("finished_at"),
        error=fields.maybe_text("error"),
        raw=fields.found,
    )


def read_recoveries(found: object) -> tuple[tuple[Recovery, ...], str | None]:
    """Return one page of recoveries and the cursor of the next, ``None`` at the end."""
    fields = Fields(found, "list")
    page = tuple(read_recovery(part.found) for part in fields.parts("data"))
    return page, fields.maybe_text("next")
