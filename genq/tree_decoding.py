"""What a server tells of lineage, as typed values."""

from genq.json_fields import Fields
from genq.tree_models import Lineage, TreeJob


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
