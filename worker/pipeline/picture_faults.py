"""Says what is wrong with a picture of an input, and where it stands."""

from schemas.errors import FieldError, InputError


def picture_fault(place: str, what: str) -> InputError:
    """Return the error that names a picture.

    Args:
        place: The steps to it from the input: ``images/0``.
        what: Goes on after "the picture at /input/images/0".
    """
    pointer = f"/input/{place}"
    return InputError(f"the picture at {pointer} {what}", fields=[FieldError(pointer, what)])
