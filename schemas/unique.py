"""Unique jobs: which jobs count as the same, for how long, and what becomes of the second."""

from enum import StrEnum
from typing import Annotated, Final
from urllib.parse import quote

from pydantic import ConfigDict, Field, field_validator

from schemas.generation import Kind
from schemas.lanes import Lane
from schemas.shape import Shape

MAX_KEY_CHARACTERS: Final = 200
_YEAR_SECONDS: Final = 31_536_000


class UniqueScope(StrEnum):
    """Among which of the tenant's jobs a key is unique."""

    TENANT = "tenant"
    LANE = "lane"
    KIND = "kind"
    MODEL = "model"


class OnConflict(StrEnum):
    """What becomes of a job whose key another job holds."""

    REJECT = "reject"
    RETURN = "return"
    REPLACE = "replace"


class UniqueKey(Shape):
    """At most one job of a tenant holds a key at any time.

    Attributes:
        key: The caller's own name for what must not be done twice.
        scope: Whether the key means the same in every lane, kind and model.
        period: For how many seconds from its submit a job holds the key, whatever becomes of
            it; ``None``: until it has ended.
        on_conflict: ``reject`` refuses the new job, ``return`` answers with the earlier one,
            ``replace`` cancels the earlier one if it still waits and refuses if it does not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Annotated[str, Field(min_length=1, max_length=MAX_KEY_CHARACTERS)]
    scope: UniqueScope = UniqueScope.TENANT
    period: Annotated[float, Field(gt=0, le=_YEAR_SECONDS, strict=True)] | None = None
    on_conflict: OnConflict = OnConflict.REJECT

    @field_validator("key", mode="after")
    @classmethod
    def _printable(cls, key: str) -> str:
        # It is shown in messages, and PostgreSQL's text cannot hold U+0000.
        if not key.isprintable():
            raise ValueError("must consist of printable characters")
        return key


def scoped_key(unique: UniqueKey, *, lane: Lane, kind: Kind, model: str) -> str:
    """Return the key together with its scope, as the table of unique jobs has it.

    No two different pairs share a form: what a scope names is escaped, a key is not.
    """
    names = {
        UniqueScope.TENANT: "",
        UniqueScope.LANE: lane.value,
        UniqueScope.KIND: kind.value,
        UniqueScope.MODEL: quote(model, safe=""),
    }
    return f"{unique.scope.value}/{names[unique.scope]}/{unique.key}"
