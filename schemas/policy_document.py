"""A policy as it is written, stored and versioned: what it does not know is refused."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from schemas.policy_category import CategoryDocument
from schemas.policy_detectors import Detectors, RemoteCategories
from schemas.policy_duties import Escalation, Marking, Retention, Reviewing
from schemas.policy_limits import Limits
from schemas.policy_thresholds import ThresholdLayer

MOST_CATEGORIES: Final = 100
_NAME: Final = r"^[a-z][a-z0-9._-]{0,63}$"
_CATEGORY: Final = r"^(pii\.)?[a-z][a-z0-9_]{0,47}$"

CategoryName = Annotated[str, Field(pattern=_CATEGORY)]
_STRICT = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class LevelsDocument(BaseModel):
    """The thresholds of each level, for every category that has none of its own."""

    model_config = _STRICT

    strict: ThresholdLayer | None = None
    standard: ThresholdLayer | None = None
    relaxed: ThresholdLayer | None = None

    def at(self, level: str) -> Mapping[str, float | None]:
        """Return what it says of one level."""
        layer: ThresholdLayer | None = getattr(self, level, None)
        return layer.given() if layer else {}


class PartialCoverage(BaseModel):
    """What it means that not everything was understood, by level."""

    model_config = _STRICT

    strict: Literal["allow", "flag", "review"] = "review"
    standard: Literal["allow", "flag", "review"] = "allow"
    relaxed: Literal["allow", "flag", "review"] = "allow"


class PolicyDocument(BaseModel):
    """One version of a policy: of the installation, or of a tenant, which overrides parts.

    Attributes:
        policy: Its name.
        version: The number under which it is stored; what an author writes here is replaced.
        extends: Of the installation's document: what it does not say is as genq has it; with
            ``null`` it stands alone. A tenant's follows the installation's in any case.
        map: What the categories of remote detectors are called here.
    """

    model_config = _STRICT

    policy: Annotated[str, Field(pattern=_NAME)]
    version: Annotated[int, Field(ge=0, le=2_000_000_000, strict=True)] = 0
    extends: Literal["genq-default"] | None = "genq-default"
    limits: Limits = Limits()
    detectors: Detectors = {}
    levels: LevelsDocument = LevelsDocument()
    partial_coverage: PartialCoverage = PartialCoverage()
    categories: Annotated[
        Mapping[CategoryName, CategoryDocument], Field(max_length=MOST_CATEGORIES)
    ] = {}
    map: RemoteCategories = {}
    escalation: Escalation = Escalation()
    review: Reviewing = Reviewing()
    retention: Retention = Retention()
    provenance: Marking = Marking()

    def facts(self) -> dict[str, Any]:
        """Return its JSON: what was written, without what it leaves to others."""
        return self.model_dump(mode="json", exclude_unset=True)

    def digest(self) -> bytes:
        """Return the SHA-256 of its canonical JSON, 32 bytes; its version is no part of it."""
        return hashlib.sha256(canonical(_whole(self.facts() | {"version": 0}))).digest()


def merged(below: PolicyDocument, above: PolicyDocument) -> PolicyDocument:
    """Return what two documents say together; where both speak, ``above`` counts."""
    facts = _merged(below.facts(), above.facts())
    return PolicyDocument.model_validate(facts)


def _merged(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    one, other = cast("dict[str, Any]", below), cast("dict[str, Any]", above)
    return {
        **one,
        **{
            name: _merged(one[name], value) if name in one else value
            for name, value in other.items()
        },
    }


def canonical(facts: Any) -> bytes:
    """Return JSON with sorted keys and no spaces: the same facts are the same bytes."""
    return json.dumps(
        facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8", "surrogatepass")


def _whole(value: Any) -> Any:
    # 1 and 1.0 are one threshold; jsonb gives back what it was given, YAML's authors do not.
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}  # pyright: ignore[reportUnknownVariableType] - JSON
    if isinstance(value, list):
        return [_whole(inner) for inner in value]  # pyright: ignore[reportUnknownVariableType] - JSON
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
