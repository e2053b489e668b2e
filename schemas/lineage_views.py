"""A tree of derived jobs, as callers see it."""

from typing import Any, Literal

from schemas.generation import Kind
from schemas.job_states import JobStatus
from schemas.lineage import Action
from schemas.shape import Shape


class TreeJobView(Shape):
    """One job of a tree.

    ``action`` and ``parents`` say what it was made of; ``index`` is that of the picture that
    was acted on, ``detail`` what else was told of the action. ``kind`` and all that is known
    beside the id are null of a root that is no longer stored. ``thumbnail`` is its first
    picture.
    """

    id: str
    action: Action | None
    index: int | None
    detail: dict[str, Any]
    parents: list[str]
    kind: Kind | None
    model: str | None
    status: JobStatus | None
    created_at: str | None
    erased: bool
    pictures: int
    thumbnail: str | None


class JobTreeView(Shape):
    """One page of a tree, oldest first. ``next`` goes into ``after``."""

    object: Literal["list"]
    root: str
    data: list[TreeJobView]
    has_more: bool
    next: str | None
