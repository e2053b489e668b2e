"""Every error there is, by its stable code."""

from collections.abc import Mapping

from schemas import (
    admission_errors,
    batch_errors,
    chat_errors,
    facade_errors,
    feed_errors,
    filter_errors,
    model_errors,
    permission_errors,
    picture_action_errors,
    picture_errors,
    policy_errors,
    privacy_errors,
    queue_errors,
    retry_errors,
    review_errors,
    route_errors,
    safety_errors,
    webhook_errors,
)
from schemas.errors import GenqError

# Importing a branch is what makes it known.
BRANCHES = (
    admission_errors,
    batch_errors,
    chat_errors,
    facade_errors,
    feed_errors,
    filter_errors,
    model_errors,
    permission_errors,
    picture_action_errors,
    picture_errors,
    policy_errors,
    privacy_errors,
    queue_errors,
    retry_errors,
    review_errors,
    route_errors,
    safety_errors,
    webhook_errors,
)


def by_code() -> Mapping[str, type[GenqError]]:
    """Return every error class of the tree under its stable code."""
    # The root and InternalError share a code; the later, more specific class wins. One that
    # only refines another's code, for who raises it, does not speak for the code.
    return {
        error.code: error
        for error in _tree(GenqError)
        if "code" in vars(error) or error.__base__ is GenqError
    }


def _tree(root: type[GenqError]) -> list[type[GenqError]]:
    found = [root]
    for branch in root.__subclasses__():
        found.extend(_tree(branch))
    return found
