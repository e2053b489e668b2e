"""What can go wrong while people decide: a branch of the error tree."""

from schemas.errors import InputError


class ReviewTakenError(InputError):
    """Another reviewer has the item, or whoever decides has not claimed it."""

    code = "review_not_yours"


class ReviewBarredError(InputError):
    """Somebody else has to decide: this person did before, or only leads may."""

    code = "review_barred"


class ReviewOverError(InputError):
    """The item is decided, or nobody waits for the decision any more."""

    code = "review_over"


class NotAppealableError(InputError):
    """Only a job that was blocked can be appealed, within fourteen days of its end."""

    code = "not_appealable"
