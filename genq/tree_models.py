"""Where derived jobs come from, and what came of a job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a job was made of: of which jobs, by which action; ``root`` began it all."""

    root: str
    parents: tuple[str, ...]
    action: str


@dataclass(frozen=True, slots=True)
class TreeJob:
    """One job of a tree.

    ``action`` is ``None`` of the root. ``index`` is that of the picture that was acted on;
    ``detail`` what else was told of the action. ``status`` is ``None`` of a root that is no
    longer stored. ``pictures`` says how many there are, ``thumbnail`` is the URL of the first.
    """

    id: str
    parents: tuple[str, ...]
    action: str | None = None
    index: int | None = None
    detail: Mapping[str, object] = field(default_factory=dict[str, object])
    kind: str | None = None
    model: str | None = None
    status: str | None = None
    created_at: datetime | None = None
    erased: bool = False
    pictures: int = 0
    thumbnail: str | None = None
    raw: Mapping[str, object] = field(
        default_factory=dict[str, object], repr=False, compare=False
    )
