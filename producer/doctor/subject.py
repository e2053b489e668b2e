"""What the doctor looks at."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.settings import Settings


@dataclass(frozen=True, slots=True)
class Subject:
    """An installation, by its settings.

    Attributes:
        span: How old a job may be for the auditor to look at it.
        patience: The time between two looks at what may be right for a moment.
    """

    settings: Settings
    engine: AsyncEngine
    clock: Clock
    span: timedelta
    patience: timedelta
