"""The form of ``POST /v1/jobs``: a job, and the pictures that it begins with."""

from pydantic import ConfigDict, Field

from schemas.image_edit_input import MAX_EDITED
from schemas.job_request import JobRequest
from schemas.shape import Shape


class JobForm(Shape):
    """A job as a form; ``image[]`` may be there several times, ``image`` for one.

    Each is a file, the id of one (``file-…``), an artifact (``job_…/0``), or an https URL.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"required": ["job"]})

    job: JobRequest = Field(description="the job in JSON, without these pictures")
    image: str | None = Field(None, json_schema_extra={"format": "binary"})
    images: list[str] | None = Field(
        None, alias="image[]", max_length=MAX_EDITED, json_schema_extra={"format": "binary"}
    )
    mask: str | None = Field(
        None,
        description="of an edit, a PNG file: what is clear is edited",
        json_schema_extra={"format": "binary"},
    )
