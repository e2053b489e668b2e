"""What to do about errors of pictures, by their code: a part of ``schemas.error_remedies``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PICTURE_REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "action_not_possible": (
            "The message says what the action needs: a job of pictures that has succeeded, a "
            "model that can do it, or a setting of the operator (GENQ_DESCRIBE_MODEL)."
        ),
        "no_such_picture": (
            "Look at output.artifacts of the job: index is that of one of them, from 0."
        ),
        "picture_busy": "genq tries again by itself, in seconds.",
        "picture_unavailable": (
            "genq tried several times. See whether the picture's URL answers elsewhere, or "
            "upload the picture (POST /v1/files, purpose vision) and name it by its id."
        ),
    }
)
