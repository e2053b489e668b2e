"""Every error there is, by its stable code."""

from collections.abc import Mapping

from schemas import queue_errors
from schemas.errors import GenqError

# Importing a branch is what makes it known.
BRANCHES = (queue_errors,)


def by_code() -> Mapping[str, type[GenqError]]:
    """Return every error class of the tree under its stable code."""
    # The root and InternalError share a code; the later, more specific class wins.
    return {error.code: error for error in _tree(GenqError)}


def _tree(root: type[GenqError]) -> list[type[GenqError]]:
    found = [root]
    for branch in root.__subclasses__():
        found.extend(_tree(branch))
    return found
