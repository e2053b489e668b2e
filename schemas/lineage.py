"""Where a derived job comes from: what was done to which jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from schemas.ids import format_id
from schemas.shape import Shape

Action = Literal[
    "upscale", "vary", "reroll", "remix", "blend", "describe", "zoom", "pan", "replay"
]
"""What can be done to the pictures of a job that succeeded."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a job was made of.

    Attributes:
        root_id: The job without parents that the first parent goes back to.
        parent_ids: The jobs whose pictures or parameters it took; the one that was acted on
            comes first.
        action: What was done.
        detail: How: ``index`` of the picture, ``factor``, ``direction``… No content.
    """

    root_id: UUID
    parent_ids: Sequence[UUID]
    action: Action
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])


class LineageView(Shape):
    """Where a job comes from, as callers see it: GET …/tree shows all of its relatives."""

    root: str
    parents: list[str]
    action: Action


def lineage_view(lineage: Lineage | None) -> dict[str, Any] | None:
    """Return the JSON form: the fields of ``LineageView``."""
    if lineage is None:
        return None
    return {
        "root": format_id("job", lineage.root_id),
        "parents": [format_id("job", parent) for parent in lineage.parent_ids],
        "action": lineage.action,
    }
