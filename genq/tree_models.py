"""Where derived jobs come from, and what came of a job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from genq.json_fields import Fields


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


def read_lineage(fields: Fields | None) -> Lineage | None:
    """Return the lineage in a decoded job, if it has one."""
    if fields is None:
        return None
    return Lineage(fields.text("root"), fields.texts("parents"), fields.text("action"))


def read_tree(found: object) -> tuple[tuple[TreeJob, ...], str | None]:
    """Return the jobs of one page of a tree, and where the next one begins."""
    page = Fields(found, "tree")
    return tuple(_tree_job(one) for one in page.parts("data")), page.maybe_text("next")


def _tree_job(fields: Fields) -> TreeJob:
    return TreeJob(
        id=fields.text("id"),
        parents=fields.texts("parents"),
        action=fields.maybe_text("action"),
        index=fields.maybe_number("index"),
        detail=fields.mapping("detail"),
        kind=fields.maybe_text("kind"),
        model=fields.maybe_text("model"),
        status=fields.maybe_text("status"),
        created_at=fields.maybe_moment("created_at"),
        erased=fields.found.get("erased") is True,
        pictures=fields.maybe_number("pictures") or 0,
        thumbnail=fields.maybe_text("thumbnail"),
        raw=fields.found,
    )
