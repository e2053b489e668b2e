"""What can go wrong with pictures that lie somewhere else: a branch of the error tree."""

from schemas.errors import Category, GenqError, Severity
from schemas.queue_errors import ModelBusyError


class PictureUnavailableError(GenqError):
    """The host of a picture that a job names cannot be reached, fails, or is too slow."""

    code = "picture_unavailable"
    category = Category.INPUT
    severity = Severity.LOW


class PictureBusyError(ModelBusyError):
    """As many pictures as may be are being fetched from this host, or for this tenant."""

    code = "picture_busy"
    category = Category.INPUT
