"""The environment variables that the SDK and the command line heed; nothing else reads them."""

import os
from collections.abc import Mapping
from typing import Final

URL: Final = "GENQ_URL"
API_KEY: Final = "GENQ_API_KEY"
PROFILE: Final = "GENQ_PROFILE"
COMPLETION: Final = "_GENQ_COMPLETE"
WEBHOOK_SECRET: Final = "GENQ_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable


def given(name: str) -> str | None:
    """Return the variable's value; an empty one counts as not set."""
    return os.environ.get(name) or None


def forbid_colour() -> None:
    """Let this process, and what it becomes, print without colours."""
    os.environ["NO_COLOR"] = "1"


def with_variables(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: this one's, in which ``more`` wins.

    A mounted secret (``…_FILE``) of the same setting is left out.
    """
    hidden = {f"{name}_FILE" for name in more}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return kept | dict(more)
