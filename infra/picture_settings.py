"""How large the pictures may be that callers bring, and how genq fetches them."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.queue_settings import Seconds


class PictureSettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own.

    Attributes:
        picture_max_pixels: Whoever unpacks a picture holds four bytes for each of them. More
            than a safety policy's ``limits.image_mpx`` are refused by the policy.
        picture_host_fetches: So that one slow host holds few of a worker's slots; jobs beyond
            it wait in the queue, not in a slot.
    """

    picture_max_bytes: int = Field(
        20_000_000, ge=1024, description="largest picture that a job may begin with"
    )
    picture_max_pixels: int = Field(
        40_000_000, ge=1, description="most pixels of such a picture, by its header"
    )
    picture_total_bytes: int = Field(
        64 << 20,
        ge=1024,
        description="all such pictures of one job together; a worker may hold several times as "
        "much for each of its slots, and no other limit bounds it: mind its memory",
    )
    picture_fetch_timeout: Seconds = Field(
        timedelta(seconds=30), description="fetching all pictures of one job by their URLs"
    )
    picture_host_fetches: int = Field(
        4, ge=1, le=1000, description="pictures fetched at once from one host, per worker"
    )
    picture_http: bool = Field(
        False, description="fetch pictures from http:// URLs too; https:// ones always are"
    )
