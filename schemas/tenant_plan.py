"""A tenant's plan: its share, what it may have at once and per minute, what it may ask for."""

from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, ConfigDict, Field

from schemas.generation import Kind
from schemas.lanes import Lane
from schemas.server_tags import Tags
from schemas.shape import Shape

ORDINARY_WEIGHT: Final = 1_000
"""The weight of a tenant that gets one share."""


class SafetyLevel(StrEnum):
    """How strictly prompts and pictures are judged. Order of declaration is order of rigour."""

    OFF = "off"
    RELAXED = "relaxed"
    STANDARD = "standard"
    STRICT = "strict"


_LONGEST_NAME: Final = 128
_MOST_MODELS: Final = 1_000


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be printable characters, without spaces around them")
    return text


_Value = TypeVar("_Value")


def _once(values: tuple[_Value, ...]) -> tuple[_Value, ...]:
    return tuple(dict.fromkeys(values))


Weight = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Jobs = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
# One a microsecond: PostgreSQL counts no finer.
PerMinute = Annotated[int, Field(ge=1, le=60_000_000, strict=True)]
PlanName = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]
_Model = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Models = Annotated[tuple[_Model, ...], Field(max_length=_MOST_MODELS), AfterValidator(_once)]
Kinds = Annotated[tuple[Kind, ...], Field(max_length=len(Kind)), AfterValidator(_once)]
Lanes = Annotated[tuple[Lane, ...], Field(max_length=len(Lane)), AfterValidator(_once)]

RATES: Final = ("requests_per_minute", "images_per_minute", "tokens_per_minute")
OF_RELEASES: Final = frozenset({"weight", "max_inflight", "max_inflight_total", *RATES})
"""What releases go by; the rest counts when a call comes in."""


def _without_defaults(schema: dict[str, Any]) -> None:
    # What is absent stays as it is, or is what the installation says.
    for field in schema["properties"].values():
        field.pop("default", None)


class PlanChange(Shape):
    """What is to be different about a plan: the fields that were given, and no other.

    Attributes:
        weight: Share among the tenants of a lane.
        max_inflight: The most jobs released or running at once in one lane.
        max_inflight_total: The same over all lanes; ``null`` is no limit.
        requests_per_minute: Of all its jobs together, as are the others; ``null`` is no limit.
        calls_per_minute: Of this API; ``null`` is the installation's default.
        plan: What the plan is called, for people and reports.
        allowed_models: What its jobs may name; ``null`` is everything that is configured, an
            empty list nothing. Kinds and lanes likewise.
        safety_level: How strictly its prompts and pictures are judged.
        required_tags: Its jobs run on model servers that carry all of these, such as
            ``private``, and on no other; ``null`` is any server.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_without_defaults)

    weight: Weight = ORDINARY_WEIGHT
    max_inflight: Jobs = 1
    max_inflight_total: Jobs | None = None
    requests_per_minute: PerMinute | None = None
    images_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    calls_per_minute: PerMinute | None = None
    plan: PlanName | None = None
    allowed_models: Models | None = None
    allowed_kinds: Kinds | None = None
    allowed_lanes: Lanes | None = None
    safety_level: SafetyLevel = SafetyLevel.STANDARD
    required_tags: Tags | None = None


def fits_as_name(name: str) -> bool:
    """Tell whether a new tenant may be called so.

    It must be seen whole in a line of text, and be one step of a URL's path.
    """
    printable = name.isprintable() and name == name.strip()
    a_step = "/" not in name and name not in {".", ".."}
    return 0 < len(name) <= _LONGEST_NAME and printable and a_step
