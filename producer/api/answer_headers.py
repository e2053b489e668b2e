"""The headers of answers as the OpenAPI document tells of them."""

from typing import Any, Final

_TEXT: Final = {"type": "string"}
HEADERS: Final[dict[str, dict[str, Any]]] = {
    "Location": {"description": "The job's URL.", "schema": _TEXT},
    "Preference-Applied": {"description": "The wait that was granted.", "schema": _TEXT},
    "Idempotent-Replayed": {"description": "true if the key was known.", "schema": _TEXT},
    "Unique-Replayed": {
        "description": "true if the job is an earlier one, which holds the unique key.",
        "schema": _TEXT,
    },
    "Budget-Downgraded": {
        "description": "The slower lane that the job went to, as a budget is exhausted.",
        "schema": _TEXT,
    },
    "ETag": {"description": "Changes with the job.", "schema": _TEXT},
    "X-Genq-Next-After": {"description": "The after of the next page.", "schema": _TEXT},
    "X-Genq-Batch-Status": {
        "description": "As it was before the lines were read.",
        "schema": _TEXT,
    },
    "Link": {"description": 'The next page, rel="next".', "schema": _TEXT},
}
