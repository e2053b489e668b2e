"""Sanctions in requests and answers."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from schemas.shape import Shape


class SanctionView(Shape):
    """What one end user has to put up with, and until when if nothing is added.

    ``subject`` is a pseudonym: whose it is, nobody can read from it.
    """

    object: Literal["safety_sanction"]
    subject: str
    strikes: int
    actions: list[Literal["slow_queue", "review_all", "suspend"]]
    until: str


class SanctionList(Shape):
    """Everybody of a tenant who is sanctioned now, the most strikes first."""

    object: Literal["list"]
    data: list[SanctionView]


class LiftRequest(Shape):
    """Whose strikes are to count no more.

    Attributes:
        end_user: As the tenant's jobs name them.
        subject: As a sanction names them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    end_user: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    subject: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.end_user is None) == (self.subject is None):
            raise ValueError("name either end_user or subject")
        return self


class LiftView(Shape):
    """That strikes count no more; ``lifted``: whether there were any sanctions."""

    object: Literal["safety_lift"]
    subject: str
    lifted: bool
