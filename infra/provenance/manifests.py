"""What a manifest says: who provides the system, which system, when, and which result it is.

Those are the four facts that California's SB 942 asks for; the source type is what Article 50
of the AI Act is met with. There is no prompt in it, and no person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.job import iso_ms
from schemas.provenance import AI_SOURCE

ASSERTION: Final = "org.genq.job"
_PARENT: Final = "parent"


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one result.

    Attributes:
        provider: Who provides the system.
        version: Of genq.
        model: Which model.
        made_at: When.
        unique_id: The job's id and the number of the artifact: ``job_….0``.
    """

    provider: str
    version: str
    model: str
    made_at: datetime
    unique_id: str

    @property
    def system(self) -> str:
        """The system and its version, in one line."""
        return f"genq {self.version}, {self.model}"


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A picture that went into a result, and carries a manifest of its own."""

    data: bytes
    media_type: str


def definition(facts: Facts, *, parent: bool, ingredients: int) -> dict[str, Any]:
    """Return a manifest as C2PA's builder takes it.

    Args:
        facts: What it says.
        parent: The result came with a manifest already: its maker's, which is kept.
        ingredients: How many pictures with manifests went into it.
    """
    when = iso_ms(facts.made_at)
    agent = {"name": "genq", "version": facts.version}
    action: dict[str, Any] = {
        "action": "c2pa.opened" if parent else "c2pa.created",
        "digitalSourceType": AI_SOURCE,
        "when": when,
        "softwareAgent": agent,
    }
    labels = [label_of(n) for n in range(ingredients)]
    if parent:
        labels = [_PARENT]
    if labels:
        action["parameters"] = {"ingredientIds": labels}
    return {
        "claim_generator_info": [agent],
        "title": facts.unique_id,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [action]}},
            {
                "label": ASSERTION,
                "data": {
                    "provider": facts.provider,
                    "system": f"genq, {facts.model}",
                    "system_version": facts.version,
                    "made_at": when,
                    "unique_id": facts.unique_id,
                },
            },
        ],
    }


def ingredient_definitions(*, parent: bool, ingredients: int) -> Sequence[dict[str, Any]]:
    """Return how the pictures are named that ``definition`` counts, in their order."""
    if parent:
        return [{"relationship": "parentOf", "label": _PARENT, "title": "as it was made"}]
    return [
        {"relationship": "inputTo", "label": label_of(n), "title": f"input {n}"}
        for n in range(ingredients)
    ]


def label_of(number: int) -> str:
    """Return how a manifest calls one of the pictures that went in."""
    return f"input-{number}"
