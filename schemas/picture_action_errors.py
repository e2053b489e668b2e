"""What can go wrong when something is to be done to a job's pictures: a branch of the tree."""

from schemas.errors import InputError


class ActionNotPossibleError(InputError):
    """The job, or what is configured, does not allow the action; the message says what does."""

    code = "action_not_possible"


class NoSuchPictureError(InputError):
    """The job has not made a picture of this index."""

    code = "no_such_picture"
