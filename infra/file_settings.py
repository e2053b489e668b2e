"""How files are taken, and how long they are kept."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.queue_settings import Seconds


class FileSettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    max_file_bytes: int = Field(2 << 30, ge=1024, description="largest file of POST /v1/files")
    batch_file_expiry: Seconds = Field(
        timedelta(days=30), description="input files of batches are kept, if not told otherwise"
    )
    file_expiry: Seconds = Field(
        timedelta(days=30), description="all other files are kept, outputs of batches included"
    )
    spool_folder: Path | None = Field(
        None,
        description="where files wait on disk on their way; else beside the objects of a local "
        "folder, or in the temporary folder",
    )
