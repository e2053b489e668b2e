"""What runs on a data folder, on disk: for `env`, for whoever asks, and for the next start."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from infra.embedded.data_folder import write_private
from infra.embedded.footprints import Footprint


@dataclass(frozen=True, slots=True)
class RunState:
    """A supervisor and its children.

    Attributes:
        supervisor: Who keeps the children alive.
        url: Where the API answers.
        environment: The ``GENQ_*`` settings of every child; secrets included.
        children: The processes by name, as last started.
    """

    supervisor: Footprint
    url: str
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    children: Mapping[str, Footprint] = field(default_factory=dict[str, Footprint])

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what was last written, or ``None`` if that cannot be known."""
        try:
            found: dict[str, Any] = json.loads(path.read_text())
            return cls(
                supervisor=Footprint(**found["supervisor"]),
                url=str(found["url"]),
                environment={str(k): str(v) for k, v in found["environment"].items()},
                children={str(k): Footprint(**v) for k, v in found["children"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, path: Path) -> None:
        """Replace what the file says."""
        write_private(path, json.dumps(asdict(self), indent=1) + "\n")
