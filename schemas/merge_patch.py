"""JSON Merge Patch (RFC 7396): how the input of a dead job is edited before it runs again."""

from collections.abc import Mapping
from typing import Any, cast


def merge_patch(value: Any, patch: Any) -> Any:
    """Return ``value`` with ``patch`` applied; neither is changed.

    A member that is null in the patch is removed, an object is merged member by member, and
    anything else replaces what was there.
    """
    if not isinstance(patch, Mapping):
        return patch
    changes = cast("Mapping[str, Any]", patch)
    merged: dict[str, Any] = (
        dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else {}
    )
    for name, change in changes.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), change)
    return merged
