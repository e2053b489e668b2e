"""Batches: how large they may be, and how they are kept."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.queue_settings import Seconds


class BatchSettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    max_batch_lines: int = Field(
        1_000_000, ge=1, le=10_000_000, description="requests in one batch"
    )
    batch_window: int = Field(
        20_000, ge=1, description="unfinished jobs of one batch; its other lines wait"
    )
    batch_patience: Seconds = Field(
        timedelta(minutes=15),
        description="an answer that cannot be read for so long, when a batch's files are "
        "written, is an error in them; a batch that genq itself fails at for so long fails; "
        "a file that an erasure cannot read for so long is counted as `unread` by it",
    )
    batch_lease: Seconds = Field(
        timedelta(seconds=20), description="what a killed dispatcher kept is taken over"
    )
