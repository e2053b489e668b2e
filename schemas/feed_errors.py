"""What can go wrong for those who follow events: a branch of the error tree."""

from schemas.errors import InputError


class CursorExpiredError(InputError):
    """Events behind the cursor are no longer kept: whoever goes on from it would miss them."""

    code = "cursor_expired"
